// The hook never stays root, and never becomes the owner of a directory that a link points to.
// Each test runs in its own process, because a user that was given up cannot be taken back.

import assert from "node:assert/strict";
import { evaluate, MUST_RUN } from "../../.ci/checkout.ts";

const isRoot = Deno.uid() === 0;

/** The error of `becomeOwner` for a directory, or the user and group that the process then has. */
async function become(directory: string, { anyOwner = false } = {}): Promise<string> {
  const outcome = await evaluate(`
    import { becomeOwner } from ${JSON.stringify(import.meta.resolve("../../src/hook/privileges.ts"))};
    try {
      becomeOwner(${JSON.stringify(directory)}, { anyOwner: ${anyOwner} });
      console.log(Deno.uid() + ":" + Deno.gid());
    } catch (error) {
      console.log(error.message);
    }`);
  return outcome.trimEnd();
}

/** Runs a test that needs root in an empty directory. */
function asRoot(name: string, test: (directory: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !isRoot && !MUST_RUN,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "privileges-test-" });
      try {
        await test(directory);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

asRoot(
  "becomeOwner() refuses a directory whose owner or group is root, and then the process stays root",
  async (directory) => {
    for (const [uid, gid] of [[0, 0], [0, 61112], [61111, 0]] as const) {
      await Deno.chown(directory, uid, gid);
      const refused = `Cannot use "${directory}": it must belong to its own system user, not to ${uid}:${gid}`;
      assert.equal(await become(directory), refused);
      assert.equal(await become(directory, { anyOwner: true }), "0:0");
    }
    await Deno.chown(directory, 61111, 61112);
    assert.equal(await become(directory), "61111:61112");
    assert.equal(await become(directory, { anyOwner: true }), "61111:61112");
  },
);

asRoot("becomeOwner() refuses a link to a directory, a file, and nothing", async (directory) => {
  await Deno.mkdir(`${directory}/real`);
  await Deno.chown(`${directory}/real`, 61111, 61112);
  await Deno.symlink(`${directory}/real`, `${directory}/link`);
  await Deno.writeTextFile(`${directory}/file`, "");
  await Deno.chown(`${directory}/file`, 61111, 61112);
  for (const name of ["link", "file"]) {
    assert.equal(await become(`${directory}/${name}`), `"${directory}/${name}" is not a directory`);
  }
  assert.match(await become(`${directory}/missing`), /^No such file or directory .*missing/);
});
