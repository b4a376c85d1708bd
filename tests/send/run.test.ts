// A whole run on a real store and a real queue database, with a clock and answers of the test's own.

import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import type { SessionEvent } from "../../src/event.ts";
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
import { ALICE_KEY, sessionEvent } from "../helpers/fixtures.ts";
import { queueLogins, usersOf } from "../helpers/logins.ts";

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
    this.#know(["alice", ...Array.from({ length: 1_000 }, (_, index) => `user${index + 1}`)]);
  }

  /** These have logged in before, so that it is routine when they do. */
  #know(users: readonly string[]): void {
    const insert = this.deliveries.database.prepare(
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, address, terminal, service, connection, auth_info,
                          key_fingerprint, parent_pid, tampered, verdict)
       VALUES (?, ?, 'open', ?, '', '203.0.113.7', 'ssh', 'sshd', '', '', ?, 0, '', 'history')`,
    );
    this.deliveries.together(() => {
      for (const user of users) insert.run(`known ${user}`, this.clock.nowMs(), user, ALICE_KEY.fingerprint);
    });
  }

  /** A login comes in. */
  login(user = "alice", overrides: Partial<SessionEvent> = {}): void {
    insertEvent(
      this.paths.queueDatabase,
      sessionEvent({ uuid: crypto.randomUUID(), user, occurredAtMs: this.clock.nowMs(), ...overrides }),
    );
  }

  /** Many logins come in at once, of `user1` and so on. */
  logins(count: number, { first = 1 } = {}): void {
    queueLogins(this.paths.queueDatabase, count, { first });
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
    return this.query("SELECT state FROM delivery ORDER BY event_id, route").map((row) => String(row["state"]));
  }

  /** How many deliveries there are in each state, on one route or on all. */
  counts(route = "%"): Record<string, unknown> {
    const rows = this.query(
      `SELECT state, count(*) AS n FROM delivery WHERE route LIKE '${route}' GROUP BY state ORDER BY state`,
    );
    return Object.fromEntries(rows.map((row) => [row["state"], row["n"]]));
  }

  query(sql: string): Record<string, unknown>[] {
    const database = openDatabase(this.paths.deliveriesDatabase, { readOnly: true, busyTimeoutMs: 0 });
    const rows = database.prepare(sql).all();
    database.close();
    return rows.map((row) => ({ ...row }));
  }

  /** What each request told, in order. */
  messages(host = ""): string[] {
    return this.requests.filter(({ request }) => request.url.includes(host))
      .map(({ request }) => String(JSON.parse(request.body).message));
  }

  /** Whom each request was about, in order. */
  users(host?: string): string[] {
    return this.messages(host).map((message) => usersOf(message).join());
  }

  [Symbol.dispose](): void {
    this.inbox.close();
    this.deliveries.close();
    Deno.removeSync(this.paths.sendDir.replace(/\/send$/, ""), { recursive: true });
  }
}

/** The configuration of several routes of ntfy, each to the host of its name. */
function routes(names: readonly string[], more = ""): Config {
  const tables = names.map((name) =>
    `[routes.${name}]\nservice = "ntfy"\ntopic_url = "https://${name}.example/topic-secret"\n`
  );
  return parseConfig(`${tables.join("")}${more}`, { hostName: () => "example.com" });
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

Deno.test("run() calls a route broken again that was tried by hand, and not its events at fault", async () => {
  using world = new World();
  world.login();
  world.answer = () => response(404);
  await world.runRepeatedly(3 * HOUR);
  world.deliveries.revive({ route: "default", nowMs: world.clock.nowMs() });
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

const TAMPERED = { tampered: ["SSH_CONNECTION"] };

Deno.test("run() sends urgent events first, each by itself, a handful of others likewise, and more as a digest", async () => {
  using world = new World();
  for (const user of ["a", "b", "c"]) world.login(user);
  world.login("intruder", TAMPERED);
  await world.run();
  assert.deepEqual(world.users(), ["intruder", "a", "b", "c"]);
  world.requests.length = 0;

  world.logins(6);
  for (const user of ["intruder", "accomplice"]) world.login(user, TAMPERED);
  await world.run();
  assert.deepEqual(world.users(), ["intruder", "accomplice", "user1,user2,user3,user4,user5,user6"]);
  assert.equal(world.deliveries.pendingCount(), 0);
});

Deno.test("run() puts into a digest as many events as the service takes in one request, each once and in order", async () => {
  using world = new World();
  world.logins(1_000);
  await world.run();
  const users = world.users().flatMap((batch) => batch.split(","));
  assert.deepEqual(users, Array.from({ length: 1_000 }, (_, index) => `user${index + 1}`));
  for (const message of world.messages().slice(0, -4)) {
    const bytes = new TextEncoder().encode(message).length;
    assert.ok(bytes <= 4096 && bytes > 4096 - 200, `${bytes}`);
  }
  assert.ok(world.requests.length < 40, `${world.requests.length} requests`);
});

Deno.test("run() retries a digest as it was, under its id, whatever has come since", async () => {
  using world = new World();
  world.logins(10);
  world.answer = () => world.requests.length < 3 ? response(503) : response(200, { id: "1" });
  world.config = { ...world.config, runDeadlineMs: 1_000 };
  const ids = () =>
    world.query("SELECT DISTINCT batch FROM delivery WHERE batch IS NOT NULL").map((row) => row["batch"]);
  await world.run();
  const [id] = ids();
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  world.logins(10, { first: 11 });
  for (let runs = 0; runs < 3; runs++) {
    world.clock.pass(2 * MINUTE);
    await world.run();
  }
  const [first, second, other, third] = world.users();
  assert.equal(first?.split(",").length, 10);
  assert.equal(other?.split(",")[0], "user11", "after two failures in a row, another one has its turn");
  assert.deepEqual([second, third], [first, first]);
  assert.deepEqual(ids().length, 2);
  assert.ok(ids().includes(id));
  assert.deepEqual(world.query("SELECT DISTINCT attempts FROM delivery WHERE batch = '" + id + "'"), [{ attempts: 3 }]);
});

Deno.test("run() that ends between the answer and its note of it repeats that one batch, as it was", async () => {
  using world = new World();
  world.logins(200);
  world.answer = () => {
    if (world.requests.length === 3) throw new Error("killed");
    return response(200, { id: "1" });
  };
  await assert.rejects(world.run(), /killed/);
  world.logins(200, { first: 201 });
  await world.run();
  const batches = world.users();
  assert.equal(batches[3], batches[2]);
  const once = batches.filter((_, index) => index !== 3).flatMap((batch) => batch.split(","));
  assert.deepEqual(once, Array.from({ length: 400 }, (_, index) => `user${index + 1}`));
});

Deno.test("run() finds the event that a service rejects with few requests, and delivers all others", async () => {
  for (const size of [4, 7, 32]) {
    for (const place of [1, Math.ceil(size / 2), size]) {
      using world = new World();
      const poison = `user${place}'`;
      world.logins(size);
      world.answer = ({ body }) =>
        `${JSON.parse(body).message}`.includes(`'${poison}`)
          ? response(400, { error: "no" })
          : response(200, { id: "1" });
      await world.run();
      assert.deepEqual(world.counts(), { dead: 1, delivered: size - 1 }, `${place} of ${size}`);
      // The whole, two halves of each that is rejected, and the plain form of the last.
      const most = 2 * Math.ceil(Math.log2(size)) + 2;
      assert.ok(world.requests.length <= most, `${world.requests.length} requests for ${place} of ${size}`);
      const plain = world.requests.filter(({ request }) => !("title" in JSON.parse(request.body)));
      assert.deepEqual(plain.map(({ request }) => usersOf(JSON.parse(request.body).message)), [[`user${place}`]]);
      assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
    }
  }
});

Deno.test("run() halves a digest that is too large for the service, after all, and gives nothing up", async () => {
  using world = new World();
  world.logins(100);
  world.answer = ({ body }) => body.length > 1_500 ? response(413, { error: "too large" }) : response(200, { id: "1" });
  await world.run();
  assert.deepEqual(world.counts(), { delivered: 100 });
});

Deno.test("run() goes on with the halves of a rejected digest where a run before it ended", async () => {
  using world = new World();
  world.logins(32);
  world.answer = ({ body }) => {
    if (world.requests.length === 4) throw new Error("killed");
    return body.includes("'user7'") ? response(400) : response(200, { id: "1" });
  };
  await assert.rejects(world.run(), /killed/);
  const before = world.requests.length;
  await world.run();
  assert.deepEqual(world.counts(), { dead: 1, delivered: 31 });
  assert.equal(world.users()[before], world.users()[before - 1], "the part that was under way");
  assert.ok(world.requests.length <= 2 * 5 + 3);
});

Deno.test("run() is not held up by events that a service, or a firewall before it, fails on", async () => {
  for (const failure of [response(500), response(403), DOWN]) {
    using world = new World();
    world.config = { ...routes(["a", "b"]), runDeadlineMs: 30_000 };
    for (const user of ["poison1", "poison2", "intruder"]) world.login(user, TAMPERED);
    world.logins(40);
    world.login("poison3");
    world.answer = ({ url, body }) =>
      url.includes("//a.") && body.includes("'poison") ? failure : response(200, { id: "1" });
    const left = () =>
      world.query("SELECT user FROM delivery JOIN event ON id = event_id WHERE state <> 'delivered' AND user <> 'late'")
        .map(({ user }) => user);
    await world.runRepeatedly(10 * MINUTE);
    assert.equal(left().length, 43, "all but the intruder, who came first");
    // Now and then something comes that gets through: so it is not the route that is at fault.
    for (let hour = 0; hour < 5; hour++) {
      world.login("late");
      await world.runRepeatedly(HOUR, 2 * MINUTE);
    }
    assert.deepEqual(left(), ["poison1", "poison2", "poison3"]);
    assert.ok(world.requests.length < 150, `${world.requests.length} requests`);
    // Told once for each batch that fails, not again and again.
    const told = new Set(world.messages("//b.").filter((message) => !message.startsWith("'")));
    assert.ok(told.size <= 3, [...told].join("\n"));
  }
});

Deno.test("run() finds an event that it fails on in a digest, though nothing else gets through meanwhile", async () => {
  using world = new World();
  world.config = { ...world.config, runDeadlineMs: 30_000 };
  world.logins(30);
  world.login("poison");
  world.answer = ({ body }) => body.includes("'poison") ? response(403) : response(200, { id: "1" });
  await world.runRepeatedly(2 * DAY, 10 * MINUTE);
  assert.deepEqual(world.counts(), { delivered: 30, pending: 1 });
});

Deno.test("run() gives up together what has been retried for seven days, also what waited behind it, and nothing younger", async () => {
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

Deno.test("run() counts no time in which the route was broken towards giving up", async () => {
  using world = new World();
  world.login();
  world.answer = () => response(404);
  await world.runRepeatedly(20 * DAY, 2 * HOUR);
  world.answer = () => DOWN;
  await world.runRepeatedly(2 * DAY, 2 * HOUR);
  assert.deepEqual(world.states(), ["pending"]);
});

Deno.test("run() tells on the other routes what one gives up, again and again until they have it, and never on itself", async () => {
  using world = new World();
  world.config = routes(["a", "b", "c"]);
  for (const user of ["alice", "poison", "poison2"]) world.login(user);
  let isDown = true;
  world.answer = ({ url, body }) => {
    if (url.includes("//a.") && body.includes("'poison")) return response(400, { error: "topic-secret no" });
    return url.includes("//c.") && isDown ? DOWN : response(200, { id: "1" });
  };
  await world.run();
  const told = (host: string) => world.messages(host).filter((message) => message.startsWith("gave up"));
  assert.deepEqual(told("//a."), []);
  assert.match(told("//b.").join(), /^gave up [12] notifications? on route "a": HTTP 400: \[secret\] no \(/);
  isDown = false;
  await world.runRepeatedly(HOUR);
  assert.equal(new Set(told("//c.")).size, 1);
  assert.match(told("//c.").join(), /^gave up 2 notifications on route "a": HTTP 400/);
  assert.equal(world.deliveries.pendingCount(), 0);
});

Deno.test("run() never makes a notice about a notice, though all routes reject or break", async () => {
  for (const answer of [response(400), response(404)]) {
    using world = new World();
    world.config = routes(["a", "b", "c"]);
    for (let count = 0; count < 3; count++) world.login();
    world.answer = () => answer;
    await world.runRepeatedly(2 * DAY, 10 * MINUTE);
    const notices = world.query("SELECT count(*) AS n FROM notice")[0]?.["n"];
    assert.ok(Number(notices) <= 6, `${notices} notices`);
    const distinct = new Set(world.messages().filter((message) => !message.startsWith("'")));
    assert.ok(distinct.size <= 18, `${distinct.size} notices were made`);
    if (answer.kind === "response" && answer.response.status === 400) {
      assert.equal(world.deliveries.pendingCount(), 0);
      assert.ok(world.requests.length <= 9 * 2 + 18 * 2, `${world.requests.length} requests`);
    }
  }
});

Deno.test("run() does not let two routes tell of each other for ever, each working every other time", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  world.login();
  const asked = new Map<string, number>();
  world.answer = ({ url }) => {
    const count = (asked.get(url) ?? 0) + 1;
    asked.set(url, count);
    return count % 2 === 1 ? response(404) : response(200, { id: "1" });
  };
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(world.deliveries.pendingCount(), 0);
  assert.ok(world.requests.length <= 8, `${world.requests.length} requests`);
});

Deno.test("run() tells once that a route is broken, and once more when it breaks again", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  let isBroken = true;
  world.answer = ({ url }) =>
    url.includes("//a.") && isBroken ? response(403, { error: "no" }) : response(200, { id: "1" });
  const told = () => world.messages("//b.").filter((message) => !message.startsWith("'"));
  world.login();
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(told().length, 1);
  assert.match(told()[0] ?? "", /^route "a" is broken, its notifications wait until it is mended: HTTP 403: no \(/);
  isBroken = false;
  await world.runRepeatedly(2 * HOUR, 10 * MINUTE);
  isBroken = true;
  world.login();
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(told().length, 2);
});

Deno.test("run() says what it gives up in the log alone, where there is one route", async () => {
  using world = new World();
  world.login();
  world.answer = () => response(400);
  await world.run();
  assert.deepEqual(world.query("SELECT * FROM notice"), []);
  assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
});

Deno.test("run() tells each route of the events that it wants", async () => {
  using world = new World();
  world.config = routes(
    ["all"],
    `[routes.opens]\nservice = "ntfy"\ntopic_url = "https://opens.example/t"\nevents = ["open"]\n` +
      `[routes.oncall]\nservice = "ntfy"\ntopic_url = "https://oncall.example/t"\nnotify = "unexpected"\n`,
  );
  world.login("alice");
  world.login("bob", { type: "close" });
  world.login("intruder", TAMPERED);
  await world.run();
  assert.deepEqual(world.users("//all."), ["intruder", "alice", "bob"]);
  assert.deepEqual(world.users("//opens."), ["intruder", "alice"]);
  assert.deepEqual(world.users("//oncall."), ["intruder"]);
});

Deno.test("run() lets no route hold up another, whatever becomes of it", async () => {
  using world = new World();
  world.config = routes(["down", "broken", "limited", "hanging", "rejecting", "fine"]);
  world.logins(20);
  const { promise: hangs, resolve: endIt } = Promise.withResolvers<Exchange>();
  world.answer = ({ url }) => {
    if (url.includes("//down.")) return DOWN;
    if (url.includes("//broken.")) return response(401);
    if (url.includes("//limited.")) return response(429, {}, { "retry-after": "3600" });
    if (url.includes("//rejecting.")) return response(422);
    return url.includes("//hanging.") ? hangs : response(200, { id: "1" });
  };
  const running = world.run();
  const becomes = async (route: string, expected: unknown) => {
    const isSo = () => JSON.stringify(world.counts(route)) === JSON.stringify(expected);
    for (let tries = 0; tries < 500 && !isSo(); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(world.counts(route), expected, route);
  };
  await becomes("fine", { delivered: 20 });
  await becomes("rejecting", { dead: 20 });
  for (const name of ["down", "broken", "limited", "hanging"]) await becomes(name, { pending: 20 });
  world.stop.abort();
  endIt(DOWN);
  await running;
});
