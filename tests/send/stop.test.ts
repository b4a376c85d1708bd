// `send` ends on SIGTERM, however much there is to take in.

import assert from "node:assert/strict";
import { statePaths } from "../../src/paths.ts";
import { openDatabase } from "../../src/store/open.ts";
import { queueLogins } from "../helpers/logins.ts";
import { Installation } from "../helpers/program.ts";

Deno.test("SIGTERM ends a send in the middle of a full queue, and what was taken in is kept", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "stdout"\n');
  const paths = statePaths(installation.stateDir);
  const total = 60_000;
  queueLogins(paths.queueDatabase, total);
  const child = installation.startSend();
  const stderr = new Response(child.stderr).text();
  // From its first message on, it takes in and delivers in turns.
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

Deno.test("a wrong configuration does not stop events from being taken in", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "none"\n');
  const paths = statePaths(installation.stateDir);
  queueLogins(paths.queueDatabase, 2_500);
  assert.equal((await installation.send()).code, 78);
  const database = openDatabase(paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 1_000 });
  assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 2_500);
  database.close();
});
