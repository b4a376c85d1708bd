// Runs the hook as a process from its sources, so it is tested on every Deno version that the tests run on.

import assert from "node:assert/strict";
import { evaluate } from "../../.ci/checkout.ts";
import { writeToSpool } from "../../src/hook/spool.ts";
import { queuePaths } from "../../src/queue_paths.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
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
    /^error: Cannot record a session event: No such file or directory .*\/queue'; hint: run ssh-session-notifier check\n$/,
  );
});

Deno.test("queue moves the events of both spools into the database, after its own", async () => {
  await using installation = await Installation.create();
  const { queueDatabase, spoolDir, runSpoolDir } = queuePaths(installation.stateDir);
  await Deno.mkdir(runSpoolDir, { recursive: true });
  writeToSpool(spoolDir, sessionEvent({ uuid: "on disk", user: "disk" }));
  writeToSpool(runSpoolDir, sessionEvent({ uuid: "in memory", user: "memory" }));
  assert.deepEqual(await installation.queue(LOGIN), { code: 0, stdout: "", stderr: "" });
  const database = openDatabase(queueDatabase, { readOnly: true, busyTimeoutMs: 0 });
  const users = database.prepare("SELECT record ->> 'user' AS user FROM event ORDER BY id").all();
  database.close();
  assert.deepEqual(users.map(({ user }) => user), ["alice", "disk", "memory"]);
  for (const spool of [spoolDir, runSpoolDir]) assert.deepEqual([...Deno.readDirSync(spool)], [], spool);
});

Deno.test("queue writes the long, hostile authentication info last in the system log, where it may be truncated", async () => {
  const environment = { ...LOGIN, SSH_AUTH_INFO_0: `publickey ${"x".repeat(3_000)}` };
  const line = await evaluate(
    `
    import { queue } from ${JSON.stringify(import.meta.resolve("../../src/hook/queue.ts"))};
    Deno.connect = () => Promise.resolve({
      write: (bytes) => {
        console.log(new TextDecoder().decode(bytes));
        return Promise.resolve(bytes.length);
      },
      [Symbol.dispose]: () => {},
    });
    await queue({ stateDir: "/nonexistent" });`,
    environment,
  );
  const event = JSON.parse(/; the event: (.*)/.exec(line)?.[1] ?? "");
  assert.equal(event.authInfo, environment.SSH_AUTH_INFO_0);
  assert.equal(Object.keys(event).at(-1), "authInfo");
});
