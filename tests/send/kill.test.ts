// `send` as a process that is killed at the worst moments, or asked to end.

import assert from "node:assert/strict";
import { queueLogins, usersOf } from "../helpers/logins.ts";
import { Installation } from "../helpers/program.ts";
import { json, ntfyLike } from "../helpers/receivers.ts";
import { ALL_POINTS, seedFor, sweep } from "../helpers/kill_points.ts";
import { randomFrom } from "../helpers/kill_send.ts";
import { pause } from "../helpers/wait_for.ts";

const ANSWER = () => json(200, { id: "x" });

function killNow(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // The process had already ended.
  }
}

Deno.test("send killed before, during and after a request loses nothing, and repeats at most one batch each time", () =>
  sweep(killAtRequests));

async function killAtRequests(): Promise<void> {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  const queue = `${installation.stateDir}/queue/db/session_events.db`;
  const chance = randomFrom(seedFor("requests"));
  const kills = ALL_POINTS ? 20 : 5;
  let queued = 0;
  for (let kill = 0; kill < kills; kill++) {
    queueLogins(queue, 150, { first: queued + 1 });
    queued += 150;
    const child = installation.startSend();
    // Before the response to one of the first requests, or shortly after it was sent; sometimes at any time. The first
    // time before the response to the first request.
    let left = kill === 0 ? 1 : 1 + Math.floor(chance() * 4);
    const afterMs = kill === 0 ? -1 : Math.floor(chance() * 6) - 1;
    ntfy.intercept = () => {
      if (--left > 0) return ANSWER();
      if (afterMs < 0) killNow(child);
      else setTimeout(() => killNow(child), afterMs);
      return ANSWER();
    };
    const timer = setTimeout(() => killNow(child), kill % 3 === 2 ? chance() * 600 : 10_000);
    await Promise.all([child.status, child.stdout.cancel(), child.stderr.cancel()]);
    clearTimeout(timer);
  }
  ntfy.intercept = () => undefined;
  const { code, stderr } = await installation.send();
  assert.deepEqual([code, stderr], [0, ""]);

  const requests = ntfy.received.map(({ text }) => text);
  const batches = [...new Set(requests)];
  const repeats = requests.length - batches.length;
  assert.ok(repeats > 0, "no kill came between an answer and its note");
  assert.ok(repeats <= kills, `${repeats} repeats`);
  const users = batches.flatMap((text) => usersOf(JSON.parse(text).message));
  // A repeated batch is identical, so each event is in exactly one of the distinct batches.
  assert.deepEqual(users, Array.from({ length: queued }, (_, index) => `user${index + 1}`));
}

Deno.test("send on SIGTERM settles the request in flight, makes no other, and exits 75", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 300);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const before = ntfy.received.length;
    const child = installation.startSend();
    ntfy.intercept = async () => {
      child.kill(signal);
      await pause(500);
      return ANSWER();
    };
    const [{ code }] = await Promise.all([child.status, child.stdout.cancel(), child.stderr.cancel()]);
    assert.equal(code, 75);
    assert.equal(ntfy.received.length, before + 1);
  }
  ntfy.intercept = () => undefined;
  assert.equal((await installation.send()).code, 0);
  const users = ntfy.received.flatMap(({ body }) => usersOf(body["message"]));
  assert.deepEqual(users, Array.from({ length: 300 }, (_, index) => `user${index + 1}`));
});

Deno.test("send ends at its deadline, with the request in flight settled", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(
    `[notification]\nservice = "ntfy"\nrun_deadline_seconds = 10\nntfy.topic_url = "${ntfy.topicUrl}"`,
  );
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 300);
  ntfy.intercept = async () => {
    await pause(6_000);
    return ANSWER();
  };
  const startedAtMs = performance.now();
  const { code } = await installation.send();
  const tookMs = performance.now() - startedAtMs;
  assert.equal(code, 75);
  // Each request takes 6 s: even the first is in flight at the deadline if the machine is busy, else the second.
  assert.ok(tookMs >= 10_000 && tookMs < 40_000, `${tookMs} ms`);
  assert.ok([1, 2].includes(ntfy.accepted.length), `${ntfy.accepted.length} requests`);
  ntfy.intercept = () => undefined;
  assert.equal((await installation.send()).code, 0);
  const users = ntfy.accepted.flatMap(({ body }) => usersOf(body["message"]));
  assert.deepEqual(users, Array.from({ length: 300 }, (_, index) => `user${index + 1}`));
});
