// What a compiled program embeds: the runtime reads all of it at each login.

import assert from "node:assert/strict";
import { evaluate } from "../../.ci/checkout.ts";
import { compiledBinary, embeddedFiles } from "../../.ci/compile.ts";
import { compiledOnLoad } from "../../.ci/embed.ts";

/** More than all embedded files. They follow the runtime, after a list of their names. */
const TAIL_BYTES = 4 * 1024 * 1024;

/** The list of embedded files, and their text. */
async function embedded(): Promise<string> {
  using file = await Deno.open(await compiledBinary());
  await file.seek(-TAIL_BYTES, Deno.SeekMode.End);
  return await new Response(file.readable).text();
}

Deno.test("the binary embeds at most ten files, and no TypeScript, which it would embed three times", async () => {
  const tail = await embedded();
  const names = [...tail.matchAll(/\{"File":\{"n":"([^"]+)"/g)].map(([, name = ""]) => name);
  for (const name of ["main.js", "record_elsewhere.js", "licences.txt"]) assert.ok(names.includes(name), `${names}`);
  assert.ok(names.length <= 10, `${names}`);
  assert.deepEqual(names.filter((name) => !/\.(js|json|txt)$/.test(name)), []);
});

Deno.test("the functions of the hook are in parentheses, so that V8 parses each once", async () => {
  const text = await embedded();
  for (const name of ["main", "giveUp", "queue", "insertEvent"]) {
    assert.ok(new RegExp(`^var ${name} = \\((async )?function\\(`, "m").test(text), name);
  }
});

Deno.test("a function of main.js can be used above its line, and one of another form fails the build", async () => {
  const text = "var steps = [step];\nasync function step() {\n  return 'done';\n}\nconsole.log(await steps[0]());\n";
  assert.match(compiledOnLoad(text), /^var step = \(async function\(\) \{$/m);
  assert.equal((await evaluate(compiledOnLoad(text))).trim(), "done");
  assert.throws(() => compiledOnLoad("function step() { return 1; }\n"), /a function is not recognized/);
});

Deno.test("minified code keeps the names of functions in stack traces, and closes what it opens", async () => {
  const module = (await embeddedFiles()).find((path) => path.endsWith("/record_elsewhere.js")) ?? assert.fail();
  const stack = await evaluate(`
    import { recordInLog } from ${JSON.stringify(module)};
    const event = { get authInfo() { throw new Error(); } };
    await recordInLog(event, "a test").catch(({ stack }) => console.log(stack));`);
  assert.match(stack, /at (async )?recordInLog /);
  // Some minifiers drop `using`: in writeToSpool(), writeWhole() and write().
  assert.equal((await Deno.readTextFile(module)).match(/\busing /g)?.length, 3);
});
