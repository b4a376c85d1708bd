// The bench as a process, and its description of the machine.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/compile.ts";
import { parseArguments } from "./arguments.ts";
import { distributionIn, processorIn, versionIn } from "./machine.ts";
import { pause } from "../helpers/wait_for.ts";

function startBench(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tests/bench/bench.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("the bench rejects an unknown row, and lists the known ones", async () => {
  const { code, stdout, stderr } = await startBench("no-such-row").output();
  assert.deepEqual([code, stdout.length], [64, 0]);
  assert.match(new TextDecoder().decode(stderr), /"no-such-row"\nhint: name one of hook-cpu, /);
});

for (const [signal, expected] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`the bench that ${signal} interrupts ends at once, and leaves no file`, async () => {
    const bench = startBench("send-kills");
    const said = bench.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("measuring send-kills")) {
      const { value, done } = await said.read();
      assert.ok(!done, text);
      text += value;
    }
    // By then, it has created its folders and runs the program.
    await pause(500);
    bench.kill(signal);
    const [{ code }] = await Promise.all([bench.status, bench.stdout.cancel(), said.cancel()]);
    assert.equal(code, expected);
    await assert.rejects(Deno.stat(`${ROOT}/.cache/bench`), Deno.errors.NotFound);
  });
}

Deno.test("parseArguments() accepts names, a seed and a format", () => {
  const { names, seed, isMarkdown, isHelp } = parseArguments(["b", "--seed=7", "--markdown"], ["a", "b"]);
  assert.deepEqual([names, seed, isMarkdown, isHelp], [["b"], 7, true, false]);
  assert.equal(parseArguments([], []).svg, undefined);
  assert.equal(parseArguments(["--svg"], []).svg, ".github/cost.svg");
  assert.equal(parseArguments(["--svg=a.svg"], []).svg, "a.svg");
  assert.ok(parseArguments(["--write"], ["a"]).isWritten);
  assert.throws(() => parseArguments(["--write", "a"], ["a"]), /--write takes no name/);
  assert.throws(() => parseArguments(["--svg="], ["a"]), /"--svg="/);
  assert.throws(() => parseArguments(["--seed=x"], ["a"]), /"--seed=x"/);
});

Deno.test("the machine is described by its processor, distribution and versions, if known", () => {
  const cpuinfo = "processor\t: 0\nmodel name\t: AMD  EPYC\nflags\t: fpu\n\nprocessor\t: 1\nmodel name\t: AMD  EPYC\n";
  assert.deepEqual(processorIn(cpuinfo), { cpu: "AMD EPYC", cores: 2 });
  assert.deepEqual(processorIn("processor\t: 0\nBogoMIPS\t: 50\n"), { cpu: Deno.build.arch, cores: 1 });
  assert.equal(
    distributionIn('NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    "Debian GNU/Linux 12 (bookworm)",
  );
  assert.equal(distributionIn(""), "Linux");
  assert.deepEqual(["6.1.0-28-amd64", "6.8.0-builder7"].map(versionIn), ["6.1.0", "6.8.0"]);
});
