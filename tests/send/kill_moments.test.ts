// `send` killed by SIGKILL at random moments: nothing is lost, each kill repeats at most one batch, and the next run
// needs no manual action.

import assert from "node:assert/strict";
import { killSend } from "../helpers/kill_send.ts";
import { ALL_POINTS, seedFor, sweep } from "../helpers/kill_points.ts";

Deno.test("send killed at random moments loses nothing, repeats at most one batch each, and needs no repair", () =>
  sweep(async () => {
    const report = await killSend({ kills: ALL_POINTS ? 20 : 5, seed: seedFor("moments") });
    assert.deepEqual(report.lost, []);
    assert.ok(report.repeatedRequests <= report.killed, JSON.stringify(report));
    assert.deepEqual(report.said, []);
  }));
