// A whole run on a real store and a real queue database, with a clock and answers of the test's own.

import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { insertEvent } from "../../src/hook/insert.ts";
import type { Severity } from "../../src/log.ts";
import { statePaths } from "../../src/paths.ts";
import type { Exchange } from "../../src/send/exchange.ts";
import { Intake } from "../../src/send/intake.ts";
import { redactor } from "../../src/send/redact.ts";
import { run } from "../../src/send/run.ts";
import type { HttpRequest } from "../../src/services/service.ts";
import { Deliveries } from "../../src/store/deliveries.ts";
import { Inbox } from "../../src/store/inbox.ts";
import { openDatabase } from "../../src/store/open.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { sessionEvent } from "../helpers/fixtures.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const NTFY = `[notification]\nservice = "ntfy"\nntfy.topic_url = "https://ntfy.example/topic-secret"\n`;

/** An installation whose service answers what the test says; by default, that it has the message. */
class World implements Disposable {
  readonly clock = new FakeClock();
  readonly requests: { readonly atMs: number; readonly request: HttpRequest }[] = [];
  readonly logged: [Severity, string][] = [];
  readonly paths = statePaths(Deno.makeTempDirSync({ prefix: "run-test-" }));
  /** The answer to each request, or several for the next ones. */
  answer: (request: HttpRequest) => Exchange | Promise<Exchange> = () => response(200, { id: "1" });
  random = 0.5;
  readonly stop = new AbortController();
  readonly deliveries: Deliveries;
  readonly inbox = new Inbox(this.paths);
  config: Config = parseConfig(NTFY, { hostName: () => "example.com" });

  constructor() {
    Deno.mkdirSync(this.paths.queueDir);
    Deno.mkdirSync(this.paths.sendDir);
    this.deliveries = new Deliveries(this.paths.deliveriesDatabase);
  }

  /** A login comes in. */
  login(user = "alice"): void {
    insertEvent(
      this.paths.queueDatabase,
      sessionEvent({ uuid: crypto.randomUUID(), user, occurredAtMs: this.clock.nowMs() }),
    );
  }

  async run(): Promise<void> {
    const log = (severity: Severity, message: string) => void this.logged.push([severity, message]);
    await run(this.config, {
      deliveries: this.deliveries,
      intake: new Intake({ deliveries: this.deliveries, inbox: this.inbox, log }),
      transport: async (request) => {
        this.requests.push({ atMs: this.clock.nowMs(), request });
        return await this.answer(request);
      },
      print: () => {},
      clock: this.clock,
      random: () => this.random,
      log,
      redact: redactor(this.config.secrets),
      signal: this.stop.signal,
    });
  }

  /** Runs as often as a timer would, by default once in a minute of the clock. */
  async runRepeatedly(forMs: number, everyMs = MINUTE): Promise<void> {
    const endMs = this.clock.monotonicMs() + forMs;
    while (this.clock.monotonicMs() < endMs) {
      await this.run();
      this.clock.pass(everyMs);
    }
  }

  /** `state` of every delivery, in order. */
  states(): string[] {
    const database = openDatabase(this.paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 0 });
    const rows = database.prepare("SELECT state FROM delivery ORDER BY event_id").all();
    database.close();
    return rows.map((row) => String(row["state"]));
  }

  users(): (string | undefined)[] {
    return this.requests.map(({ request }) => /^'(\w+)'/.exec(String(JSON.parse(request.body).message))?.[1]);
  }

  [Symbol.dispose](): void {
    this.inbox.close();
    this.deliveries.close();
    Deno.removeSync(this.paths.sendDir.replace(/\/send$/, ""), { recursive: true });
  }
}

function response(status: number, body: unknown = {}, headers: Record<string, string> = {}): Exchange {
  return { kind: "response", response: { status, headers, body: JSON.stringify(body) } };
}

const DOWN: Exchange = { kind: "failed", failure: "network", detail: "connection refused" };

Deno.test("run() delivers each event once, the oldest first, and makes no request where nothing is due", async () => {
  using world = new World();
  await world.run();
  assert.equal(world.requests.length, 0);
  for (const user of ["alice", "bob", "carol"]) world.login(user);
  await world.run();
  await world.run();
  assert.deepEqual(world.users(), ["alice", "bob", "carol"]);
  assert.deepEqual(world.states(), ["delivered", "delivered", "delivered"]);
  assert.equal(world.deliveries.pendingCount(), 0);
});

Deno.test("run() delivers what comes in while it works", async () => {
  using world = new World();
  world.login("alice");
  world.answer = () => {
    if (world.requests.length === 1) world.login("bob");
    return response(200, { id: "1" });
  };
  await world.run();
  assert.deepEqual(world.users(), ["alice", "bob"]);
});

Deno.test("run() tries again after 30 s, 1 min, 2 min … with full jitter, and up to an hour", async () => {
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

Deno.test("run() lets the whole route rest after a failure: one request, not one for each event", async () => {
  using world = new World();
  for (let count = 0; count < 20; count++) world.login();
  world.answer = () => response(503);
  world.config = { ...world.config, runDeadlineMs: 1_000 };
  await world.run();
  assert.equal(world.requests.length, 1);
  assert.equal(world.deliveries.pendingCount(), 20);
});

Deno.test("run() waits as long as the service asks, in the run if that is at most a minute", async () => {
  const cases: [answer: Exchange, waitMs: number, inRun: boolean][] = [
    [response(429, {}, { "retry-after": "7" }), 7_000, true],
    [response(503, {}, { "retry-after": "Mon, 23 Nov 2026 00:00:40 GMT" }), 40_000, true],
    [response(429, {}, { "retry-after": "3600" }), HOUR, false],
    // Never longer than a day, whatever is asked for.
    [response(429, {}, { "retry-after": "31536000" }), DAY, false],
    // What makes no sense is not believed: the backoff of a first failure, halved by the jitter.
    [response(503, {}, { "retry-after": "-5" }), 15_000, true],
    [response(503, {}, { "retry-after": "soon" }), 15_000, true],
    // ntfy says no time: one request in five seconds.
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

Deno.test("run() keeps the events of a broken route however long it takes", async () => {
  for (const status of [401, 403, 404, 410, 302]) {
    using world = new World();
    world.login();
    world.answer = () => response(status);
    await world.runRepeatedly(3 * HOUR, 10 * MINUTE);
    world.clock.pass(60 * DAY);
    await world.runRepeatedly(3 * HOUR, 10 * MINUTE);
    assert.deepEqual(world.states(), ["pending"], `${status}`);
    assert.ok(world.logged.some(([severity, line]) => severity === "error" && line.includes("mend it in the config")));
    world.answer = () => response(200, { id: "1" });
    await world.runRepeatedly(2 * HOUR);
    assert.deepEqual(world.states(), ["delivered"], `${status}`);
  }
});

Deno.test("run() treats a host that the sandbox refuses as a broken route", async () => {
  using world = new World();
  world.login();
  world.answer = () => ({ kind: "failed", failure: "refused", detail: "Requires net access" });
  await world.run();
  assert.deepEqual(world.states(), ["pending"]);
  assert.match(world.logged.at(-1)?.[1] ?? "", /is broken: Requires net access/);
});

Deno.test("run() tries a rejected event once more in its plain form, then goes on with the others", async () => {
  using world = new World();
  for (const user of ["alice", "poison", "bob"]) world.login(user);
  world.answer = ({ body }) => body.includes("poison") ? response(400, { error: "no" }) : response(200, { id: "1" });
  await world.run();
  assert.deepEqual(world.users(), ["alice", "poison", "poison", "bob"]);
  assert.deepEqual(world.requests.map(({ request }) => "title" in JSON.parse(request.body)), [true, true, false, true]);
  assert.deepEqual(world.states(), ["delivered", "dead", "delivered"]);
  assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
});

Deno.test("run() gives an event up after seven days of retries, and says so", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  await world.runRepeatedly(7 * DAY - 2 * HOUR, 30 * MINUTE);
  assert.deepEqual(world.states(), ["pending"]);
  await world.runRepeatedly(4 * HOUR, 30 * MINUTE);
  assert.deepEqual(world.states(), ["dead"]);
  assert.match(
    world.logged.findLast(([severity]) => severity === "error")?.[1] ?? "",
    /^gave up 1 event on route "default", tried for too long: connection refused$/,
  );
});

Deno.test("run() gives nothing up because a clock jumped a year ahead", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  await world.runRepeatedly(HOUR);
  world.clock.jump(365 * DAY);
  await world.runRepeatedly(HOUR);
  assert.deepEqual(world.states(), ["pending"]);
});

Deno.test("run() waits for no due time that a clock set back has left far ahead", async () => {
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

Deno.test("run() rests before the request that Discord's rate limit would refuse", async () => {
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

Deno.test("run() ends when its time is over, and when it is told to, with the request in flight settled", async () => {
  using world = new World();
  for (let count = 0; count < 3; count++) world.login();
  world.answer = () => {
    world.clock.pass(6 * MINUTE);
    return response(200, { id: "1" });
  };
  await world.run(); // 10 minutes
  assert.deepEqual(world.states(), ["delivered", "delivered", "pending"]);

  world.answer = () => {
    world.stop.abort();
    return response(200, { id: "1" });
  };
  for (let count = 0; count < 2; count++) world.login();
  await world.run();
  assert.deepEqual(world.states(), ["delivered", "delivered", "delivered", "pending", "pending"]);
});

Deno.test("run() sends nothing secret to the log", async () => {
  using world = new World();
  world.login();
  world.answer = () => ({
    kind: "failed",
    failure: "network",
    detail: "cannot reach https://ntfy.example/topic-secret",
  });
  await world.run();
  assert.ok(world.logged.length > 0);
  assert.doesNotMatch(JSON.stringify(world.logged), /topic-secret/);
});
