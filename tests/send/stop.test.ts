// `send` ends on SIGTERM, however large the queue is.

import assert from "node:assert/strict";
import { statePaths } from "../../src/paths.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { queueLogins } from "../helpers/logins.ts";
import { Installation } from "../helpers/program.ts";

Deno.test("SIGTERM ends send while it reads a full queue, and the events read so far are kept", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "stdout"\n');
  const paths = statePaths(installation.stateDir);
  const total = 60_000;
  queueLogins(paths.queueDatabase, total);
  const child = installation.startSend();
  const stderr = new Response(child.stderr).text();
  // From its first message on, it alternates between reading and delivering.
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGTERM");
  while (!(await reader.read()).done);
  assert.equal((await child.status).code, 75, await stderr);
  const database = openDatabase(paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 1_000 });
  const taken = Number(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"]);
  database.close();
  assert.ok(taken > 0 && taken < total, `${taken}`);
});

Deno.test("send reads new events even if the configuration is wrong", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "none"\n');
  const paths = statePaths(installation.stateDir);
  queueLogins(paths.queueDatabase, 2_500);
  assert.equal((await installation.send()).code, 78);
  const database = openDatabase(paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 1_000 });
  assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 2_500);
  database.close();
});
