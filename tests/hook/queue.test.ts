// Runs the hook as a process from its sources, so it is tested on every Deno version that the tests run on.

import assert from "node:assert/strict";
import { Installation, LOGIN } from "../helpers/program.ts";

Deno.test("queue records an event with the permissions of its set, and prints nothing", async () => {
  await using installation = await Installation.create();
  assert.deepEqual(await installation.queue(LOGIN), { code: 0, stdout: "", stderr: "" });
  const names = [...Deno.readDirSync(`${installation.stateDir}/queue/db`)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["session_events.db", "session_events.db-shm", "session_events.db-wal"]);
});

Deno.test({
  name: "queue becomes the owner of the queue directory",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using installation = await Installation.create();
    await Deno.chmod(installation.directory, 0o755);
    for (const path of ["queue", "queue/db"]) await Deno.chown(`${installation.stateDir}/${path}`, 61111, 61112);
    assert.deepEqual(await installation.queue(LOGIN), { code: 0, stdout: "", stderr: "" });
    const { uid, gid } = await Deno.stat(`${installation.stateDir}/queue/db/session_events.db`);
    assert.deepEqual([uid, gid], [61111, 61112]);
  },
});

Deno.test("queue reports in one line that the queue directory does not exist, and exits 1", async () => {
  await using installation = await Installation.create();
  await Deno.remove(`${installation.stateDir}/queue`, { recursive: true });
  const { code, stdout, stderr } = await installation.queue(LOGIN);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    /^error: Cannot record a session event: .*it does not exist; hint: run ssh-session-notifier check\n$/,
  );
});
