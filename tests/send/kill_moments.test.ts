// `send` killed by SIGKILL at random moments: nothing is lost, each kill repeats at most one batch, and the next run
// needs no manual action.

import assert from "node:assert/strict";
import { killSend } from "../helpers/kill_send.ts";

Deno.test("send killed at 20 random moments loses nothing, repeats at most one batch each, and needs no repair", async () => {
  const report = await killSend({ kills: 20, seed: 4 });
  assert.deepEqual(report.lost, []);
  assert.ok(report.repeatedRequests <= report.killed, JSON.stringify(report));
  assert.deepEqual(report.said, []);
});
