// `send` killed by SIGKILL, whenever and wherever: nothing is lost, at most one batch for each kill comes twice, and the
// next run needs no hand.

import assert from "node:assert/strict";
import { killSend } from "../helpers/kill_send.ts";

Deno.test("send killed at 20 random moments loses nothing, repeats at most a batch for each, and needs no hand", async () => {
  const report = await killSend({ kills: 20, seed: 4 });
  assert.deepEqual(report.lost, []);
  assert.ok(report.repeatedRequests <= report.killed, JSON.stringify(report));
  assert.deepEqual(report.said, []);
});
