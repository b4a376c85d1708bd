import assert from "node:assert/strict";
import { makeWhole } from "../../.ci/checkout.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("makeWhole() creates a file atomically, even if many callers create it at once", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/made`;
    const text = "x".repeat(100_000);
    const makers = Array.from({ length: 20 }, async () => {
      await makeWhole(path, async (unfinished) => {
        await Deno.writeTextFile(unfinished, text.slice(0, 10));
        await Deno.writeTextFile(unfinished, text);
      });
      assert.equal(await Deno.readTextFile(path), text);
    });
    await Promise.all(makers);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["made"]);
  });
});

Deno.test("makeWhole() removes the rest of a failed attempt, and keeps an existing directory", async () => {
  await inFolder(async (folder) => {
    const make = (content: string, { fails }: { fails: boolean }) =>
      makeWhole(`${folder}/made`, async (unfinished) => {
        await Deno.mkdir(unfinished);
        await Deno.writeTextFile(`${unfinished}/file`, content);
        if (fails) throw new Error("half-way");
      });
    await assert.rejects(make("first", { fails: true }), /half-way/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await make("second", { fails: false });
    await assert.rejects(make("third", { fails: false }));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["made"]);
    assert.equal(await Deno.readTextFile(`${folder}/made/file`), "second");
  });
});
