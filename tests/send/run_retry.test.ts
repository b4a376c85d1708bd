// Runs against a service that is down, slow, broken or fixed late: how long a route waits, and when it gives up.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import type { Exchange } from "../../src/transport/exchange.ts";
import { DAY, DOWN, HOUR, MINUTE, response, routes, TAMPERED, World } from "../helpers/world.ts";
import { pendingCount } from "../../src/store/next.ts";
import { revive } from "../../src/store/revive.ts";

Deno.test("run() retries after 30 s, 1 min, 2 min …, up to an hour, with full jitter", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  world.random = 0.999999;
  await world.runRepeatedly(6 * HOUR);
  const waits = world.requests.map(({ atMs }, index) => atMs - (world.requests[index - 1]?.atMs ?? atMs)).slice(1);
  const expected = [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60].map((minutes) => minutes * MINUTE);
  expected.forEach((wait, index) => {
    const was = waits[index] ?? NaN;
    assert.ok(was >= wait - 1 && was <= wait + MINUTE + 1000, `wait ${index} was ${was} ms, not about ${wait}`);
  });
  assert.ok(waits.length <= 12);
  assert.deepEqual(world.states(), ["pending"]);

  world.answer = () => response(200, { id: "1" });
  await world.runRepeatedly(2 * HOUR);
  assert.deepEqual(world.states(), ["delivered"]);
});

Deno.test("run() backs off the whole route after a failure: one request, not one per event", async () => {
  using world = new World();
  for (let count = 0; count < 20; count++) world.login();
  world.answer = () => response(503);
  world.config = { ...world.config, runDeadlineMs: 1_000 };
  await world.run();
  assert.equal(world.requests.length, 1);
  assert.equal(pendingCount(world.database), 20);
});

Deno.test("run() waits as long as the service asks, within the run if that is at most a minute", async () => {
  const cases: [answer: Exchange, waitMs: number, inRun: boolean][] = [
    [response(429, {}, { "retry-after": "7" }), 7_000, true],
    [response(503, {}, { "retry-after": "Mon, 23 Nov 2026 00:00:40 GMT" }), 40_000, true],
    [response(429, {}, { "retry-after": "3600" }), HOUR, false],
    // At most a day, whatever the service asks for.
    [response(429, {}, { "retry-after": "31536000" }), DAY, false],
    // An invalid wait is ignored: the backoff of a first failure, halved by the jitter.
    [response(503, {}, { "retry-after": "-5" }), 15_000, true],
    [response(503, {}, { "retry-after": "soon" }), 15_000, true],
    // ntfy names no time: one request in five seconds.
    [response(429, { code: 42901 }), 5_000, true],
  ];
  for (const [answer, waitMs, inRun] of cases) {
    using world = new World();
    world.login();
    world.answer = () => world.requests.length === 1 ? answer : response(200, { id: "1" });
    await world.run();
    assert.equal(world.requests.length, inRun ? 2 : 1, `${waitMs}`);
    if (!inRun) {
      await world.runRepeatedly(waitMs + 2 * MINUTE);
    }
    const [first, second, ...more] = world.requests;
    assert.deepEqual(more, []);
    const waited = (second?.atMs ?? NaN) - (first?.atMs ?? NaN);
    assert.ok(waited >= waitMs && waited <= waitMs + MINUTE + 1_000, `waited ${waited}, not ${waitMs}`);
  }
});

Deno.test("run() pauses before a request that Discord's rate limit would refuse", async () => {
  using world = new World();
  world.config = parseConfig(
    `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://discord.com/api/webhooks/1/t"`,
    { hostName: () => "h" },
  );
  world.login();
  world.login();
  world.answer = () => response(200, { id: "1" }, { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "2.5" });
  await world.run();
  const [first, second] = world.requests;
  assert.ok((second?.atMs ?? NaN) - (first?.atMs ?? NaN) >= 2_500);
  assert.deepEqual(world.states(), ["delivered", "delivered"]);
});

Deno.test("run() keeps the events of a broken route indefinitely", async () => {
  for (const status of [401, 403, 404, 410, 302]) {
    using world = new World();
    world.login();
    world.answer = () => response(status);
    await world.runRepeatedly(3 * HOUR, 10 * MINUTE);
    world.clock.pass(60 * DAY);
    await world.runRepeatedly(3 * HOUR, 10 * MINUTE);
    assert.deepEqual(world.states(), ["pending"], `${status}`);
    assert.ok(
      world.logged.some(([severity, line]) => severity === "error" && line.includes("correct its settings")),
    );
    world.answer = () => response(200, { id: "1" });
    await world.runRepeatedly(2 * HOUR);
    assert.deepEqual(world.states(), ["delivered"], `${status}`);
  }
});

Deno.test("run() reports a route as broken again after a manual test, without blaming its events", async () => {
  using world = new World();
  world.login();
  world.answer = () => response(404);
  await world.runRepeatedly(3 * HOUR);
  revive(world.database, { route: "default", nowMs: world.clock.nowMs() });
  world.logged.length = 0;
  await world.run();
  assert.match(world.logged[0]?.[1] ?? "", /^route "default" is broken: HTTP 404/);
});

Deno.test("run() treats a host that the sandbox refuses as a broken route", async () => {
  using world = new World();
  world.login();
  world.answer = () => ({ kind: "failed", failure: "refused", detail: "Requires net access" });
  await world.run();
  assert.deepEqual(world.states(), ["pending"]);
  assert.match(world.logged.at(-1)?.[1] ?? "", /is broken: Requires net access/);
});

Deno.test("run() gives up an event after seven days of retries, and reports it", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  await world.runRepeatedly(7 * DAY - 2 * HOUR, 30 * MINUTE);
  assert.deepEqual(world.states(), ["pending"]);
  await world.runRepeatedly(4 * HOUR, 30 * MINUTE);
  assert.deepEqual(world.states(), ["dead"]);
  assert.match(
    world.logged.findLast(([severity]) => severity === "error")?.[1] ?? "",
    /^gave up 1 event on route "default" after trying for too long: connection refused$/,
  );
});

Deno.test("run() gives nothing up after the clock jumps a year ahead", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  await world.runRepeatedly(HOUR);
  world.clock.jump(365 * DAY);
  await world.runRepeatedly(HOUR);
  assert.deepEqual(world.states(), ["pending"]);
});

Deno.test("run() ignores a due time that is far ahead because the clock was set back", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  world.random = 0.999999;
  await world.runRepeatedly(3 * HOUR);
  const before = world.requests.length;
  world.clock.jump(-365 * DAY);
  world.answer = () => response(200, { id: "1" });
  await world.run();
  assert.equal(world.requests.length, before + 1);
  assert.deepEqual(world.states(), ["delivered"]);
});

Deno.test("run() gives up everything that was retried or waited for seven days, and nothing younger", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  world.logins(50);
  world.login("intruder", TAMPERED);
  world.answer = ({ url }) => url.includes("//a.") ? DOWN : response(200, { id: "1" });
  await world.runRepeatedly(6 * DAY, 30 * MINUTE);
  world.login("young");
  await world.runRepeatedly(1 * DAY + 3 * HOUR, 30 * MINUTE);
  assert.deepEqual(world.counts("a"), { dead: 51, pending: 1 });
  const notices = world.messages("//b.").filter((message) => message.startsWith("gave up"));
  assert.equal(notices.length, 1);
  assert.match(notices[0] ?? "", /^gave up 51 notifications on route "a": connection refused \(example\.com, 2026-/);
});

Deno.test("run() does not count the time in which a route was broken towards giving up", async () => {
  using world = new World();
  world.login();
  world.answer = () => response(404);
  await world.runRepeatedly(20 * DAY, 2 * HOUR);
  world.answer = () => DOWN;
  await world.runRepeatedly(2 * DAY, 2 * HOUR);
  assert.deepEqual(world.states(), ["pending"]);
});
