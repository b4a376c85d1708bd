// How new events are judged on a real store, in any order and with any clock.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseConfig } from "../../src/config/config.ts";
import type { SessionEvent } from "../../src/event.ts";
import type { Severity } from "../../src/log.ts";
import { judgePending, routesFor } from "../../src/send/judge_pending.ts";
import { type LookUpPlace, NO_PLACE } from "../../src/session/place.ts";
import { LEARNING, type ServiceLevel } from "../../src/session/judge.ts";
import { notificationOf } from "../../src/send/render.ts";
import type { SessionNotification } from "../../src/services/service.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { ALICE_KEY, sessionEvent } from "../helpers/fixtures.ts";
import { takeIn } from "../../src/store/take_in.ts";
import { pendingEvents } from "../../src/store/events.ts";
import { pendingCount } from "../../src/store/next.ts";
import { openToWrite } from "../../src/store/open.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A host with events, and the notifications that result. */
class World {
  readonly clock = new FakeClock();
  readonly database = openToWrite(":memory:");
  readonly logged: [Severity, string][] = [];
  readonly config;
  lookUpPlace: LookUpPlace = () => NO_PLACE;
  #count = 0;

  constructor(toml = "unexpected.learning_days = 0") {
    this.config = parseConfig(`${toml}\n[notification]\nservice = "stdout"\n`, { hostName: () => "h" });
  }

  /** An event that happens now. */
  event(overrides: Partial<SessionEvent> = {}): SessionEvent {
    return sessionEvent({ uuid: `${++this.#count}`, occurredAtMs: this.clock.nowMs(), ...overrides });
  }

  /** Stores events in this order, and judges them at once. */
  take(...events: readonly SessionEvent[]): void {
    takeIn(this.database, { events, position: { lastId: 1, lastUuid: "" } });
    const log = (severity: Severity, message: string) => void this.logged.push([severity, message]);
    const { config, database, clock, lookUpPlace } = this;
    judgePending({ config, database, clock, log, lookUpPlace });
  }

  /** The notification of an event; undefined if it has none. */
  told({ uuid }: SessionEvent): SessionNotification | undefined {
    const event = pendingEvents(this.database, "default").find((event) => event.uuid === uuid);
    return event === undefined ? undefined : notificationOf(event, this.config.host);
  }

  /** The notified session length of a close. */
  duration(close: SessionEvent): string | undefined {
    return this.told(close)?.duration;
  }
}

const CONSOLE = { remoteHost: "", connection: "", authInfo: "", terminal: "/dev/tty1", service: "login" } as const;

Deno.test("judgePending() measures the session by the uptime, even if the clock jumped in between", () => {
  const world = new World();
  const open = world.event({ uptimeSeconds: 1_000 });
  world.take(open);
  world.clock.pass(3 * DAY);
  const close = world.event({ type: "close", uptimeSeconds: 1_120 });
  world.take(close);
  assert.equal(world.duration(close), "2 min");
});

Deno.test("judgePending() reports the session length at a close, for ssh and for the console", () => {
  for (const place of [{}, CONSOLE]) {
    const world = new World();
    const open = world.event(place);
    world.take(open);
    world.clock.pass(125 * MINUTE);
    const close = world.event({ ...place, type: "close" });
    world.take(close);
    assert.equal(world.duration(open), "");
    assert.equal(world.duration(close), "2 h 5 min");
    assert.equal(world.told(close)?.urgency, "low");
  }
});

Deno.test("judgePending() reports no length without a matching open: process, user and service must be equal", () => {
  for (const other of [{ parentPid: 1 }, { user: "bob" }, { service: "login" }]) {
    const world = new World();
    world.take(world.event());
    world.clock.pass(MINUTE);
    const close = world.event({ ...other, type: "close" });
    world.take(close);
    assert.equal(world.duration(close), "");
    assert.deepEqual(world.told(close)?.reasons, []);
    assert.equal(world.told(close)?.authentication, "", "nobody vouches for it");
  }
});

Deno.test("judgePending() assigns an open to one close only: a second close of the session has no length", () => {
  const world = new World();
  world.take(world.event());
  world.clock.pass(MINUTE);
  const [first, second] = [world.event({ type: "close" }), world.event({ type: "close" })];
  world.take(first, second);
  assert.deepEqual([world.duration(first), world.duration(second)], ["1 min", ""]);
});

Deno.test("judgePending() distinguishes concurrent sessions, and processes with a reused ID", () => {
  const world = new World();
  const [a, b] = [{ parentPid: 100 }, { parentPid: 200, connection: "203.0.113.7 9 198.51.100.1 22" }];
  world.take(world.event(a));
  world.clock.pass(MINUTE);
  world.take(world.event(b));
  world.clock.pass(MINUTE);
  const closeA = world.event({ ...a, type: "close" });
  world.take(closeA);
  world.clock.pass(MINUTE);
  const closeB = world.event({ ...b, type: "close" });
  world.take(closeB);
  assert.deepEqual([world.duration(closeA), world.duration(closeB)], ["2 min", "2 min"]);

  // A killed sshd sent no close. Later, another session has its process ID.
  world.take(world.event(a));
  world.clock.pass(DAY);
  const again = { parentPid: 100, connection: "203.0.113.7 11 198.51.100.1 22" };
  world.take(world.event(again));
  world.clock.pass(3 * MINUTE);
  const closeAgain = world.event({ ...again, type: "close" });
  world.take(closeAgain);
  assert.equal(world.duration(closeAgain), "3 min");
  assert.deepEqual(world.told(closeAgain)?.reasons, []);
});

Deno.test("judgePending() reports no length if the clock went backwards, and does not call that tampering", () => {
  const world = new World();
  const open = world.event();
  world.take(open);
  world.clock.jump(-DAY);
  const close = world.event({ type: "close" });
  world.take(close);
  assert.equal(world.duration(close), "");
  assert.deepEqual(world.told(close)?.reasons, []);
  assert.match(
    world.told(close)?.authentication ?? "",
    /^publickey ED25519 SHA256:/,
    "it is that open's, all the same",
  );

  // It reports no absurd length either if the clock was wrong at the start.
  const early = world.event({ occurredAtMs: 0 });
  const late = world.event({ type: "close" });
  world.take(early);
  world.take(late);
  assert.equal(world.duration(late), "");
});

Deno.test("judgePending() finds the open of a close that was read first, for example from the spool", () => {
  const world = new World();
  const [open, other] = [world.event(), world.event({ user: "bob", parentPid: 5 })];
  world.clock.pass(MINUTE);
  const close = world.event({ type: "close" });
  // A later session with the same process ID does not match.
  world.clock.pass(MINUTE);
  const next = world.event();
  world.take(close, other, next, open);
  assert.equal(world.duration(close), "1 min");
  assert.deepEqual(
    pendingEvents(world.database, "default").map(({ uuid }) => uuid).sort(),
    [open, other, close, next].map(({ uuid }) => uuid).sort(),
    "each is judged once",
  );
});

Deno.test("judgePending() pairs every session correctly, however they interleave", () => {
  // Each step begins a session in one of a few processes, or ends the running one.
  const steps = fc.array(
    fc.record({ pid: fc.nat(3), afterMs: fc.integer({ min: 1, max: DAY }), atOnce: fc.boolean() }),
  );
  fc.assert(
    fc.property(steps, (steps) => {
      const world = new World();
      const running = new Map<number, number>();
      const expected = new Map<SessionEvent, number>();
      let waiting: SessionEvent[] = [];
      for (const { pid, afterMs, atOnce } of steps) {
        world.clock.pass(afterMs);
        const startedAtMs = running.get(pid);
        const event = world.event({ parentPid: pid, type: startedAtMs === undefined ? "open" : "close" });
        if (startedAtMs === undefined) running.set(pid, event.occurredAtMs);
        else {
          running.delete(pid);
          expected.set(event, event.occurredAtMs - startedAtMs);
        }
        waiting.push(event);
        if (atOnce) continue;
        world.take(...waiting);
        waiting = [];
      }
      world.take(...waiting);
      const found = new Map(
        pendingEvents(world.database, "default").map(({ uuid, durationMs }) => [uuid, durationMs]),
      );
      for (const [{ uuid }, durationMs] of expected) assert.equal(found.get(uuid), durationMs);
    }),
    { numRuns: 50 },
  );
});

Deno.test("judgePending() alarms once for a new login, and never for a known one", () => {
  const world = new World();
  const told = (overrides: Partial<SessionEvent> = {}) => {
    const event = world.event(overrides);
    world.take(event);
    const { reasons, urgency } = world.told(event) ?? assert.fail();
    return `${urgency} ${reasons.join("; ")}`;
  };
  const elsewhere = { remoteHost: "198.51.100.9", connection: "198.51.100.9 1 198.51.100.1 22" };
  assert.equal(told(), "urgent first login of alice");
  assert.equal(told(), "normal ");
  assert.equal(told(elsewhere), "urgent first login of alice from 198.51.100.9");
  assert.equal(told(elsewhere), "normal ");
  assert.equal(told({ ...elsewhere, user: "bob" }), "urgent first login of bob");
  assert.equal(told(CONSOLE), "urgent first login of alice without an address");
  assert.equal(told({ authInfo: "password" }), "normal ");
  assert.equal(told({ user: "root" }), "urgent first login of root");
  assert.equal(told({ user: "root" }), "urgent ");
});

Deno.test("judgePending() learns nothing from a tampered login: the next untampered one is still new", () => {
  const world = new World();
  world.take(world.event());
  const elsewhere = { remoteHost: "198.51.100.9", connection: "198.51.100.9 1 198.51.100.1 22" };
  for (const tampered of [["PAM_RUSER"], []]) {
    const event = world.event({ ...elsewhere, tampered });
    world.take(event);
    assert.ok(world.told(event)?.reasons.includes("first login of alice from 198.51.100.9"), `${tampered}`);
    assert.equal(world.told(event)?.urgency, "urgent");
  }
  // Neither from a login whose tampering the judge found.
  const forged = world.event({ ...elsewhere, user: "bob", connection: "203.0.113.7 1 198.51.100.1 22" });
  const honest = world.event({ ...elsewhere, user: "bob" });
  world.take(forged, honest);
  assert.deepEqual(world.told(honest)?.reasons, ["first login of bob"]);
});

Deno.test("judgePending() alarms once if two logins are read together, in either clock order", () => {
  for (const jumpMs of [DAY, -DAY, -3650 * DAY, 3650 * DAY]) {
    const world = new World();
    const first = world.event();
    world.clock.jump(jumpMs);
    const second = world.event();
    world.take(first, second);
    assert.deepEqual([world.told(first)?.urgency, world.told(second)?.urgency], ["urgent", "normal"], `${jumpMs}`);
    const other = world.event({ user: "bob" });
    world.take(other);
    assert.equal(world.told(other)?.urgency, "urgent", "and not everything is known since");
  }
});

Deno.test("judgePending() learns in the first days of the host: new logins are notified as such, but not urgent", () => {
  const world = new World("");
  const told = (user: string) => {
    const event = world.event({ user });
    world.take(event);
    const { reasons, urgency } = world.told(event) ?? assert.fail();
    return `${urgency} ${reasons.join("; ")}`;
  };
  assert.equal(told("alice"), `normal first login of alice; ${LEARNING}`);
  world.clock.pass(7 * DAY - 1);
  assert.equal(told("bob"), `normal first login of bob; ${LEARNING}`);
  assert.equal(told("root"), `urgent first login of root; ${LEARNING}`);
  world.clock.pass(1);
  assert.equal(told("carol"), "urgent first login of carol");
  world.clock.jump(-3 * DAY);
  assert.equal(told("dave"), `normal first login of dave; ${LEARNING}`);
  world.clock.jump(-100 * DAY);
  assert.equal(told("erin"), "urgent first login of erin", "a clock set back does not make it learn for long");
});

Deno.test("judgePending() reports how the user authenticated, as in the open", () => {
  const world = new World(`unexpected.learning_days = 0\nkey_names = { "${ALICE_KEY.fingerprint}" = "work laptop" }`);
  const byKey = `publickey ED25519 ${ALICE_KEY.fingerprint} (work laptop)`;
  const open = world.event();
  const close = world.event({ type: "close" });
  const replaced = world.event({ type: "close", authInfo: "password" });
  world.take(open, close, world.event(), replaced);
  assert.equal(world.told(open)?.authentication, byKey);
  assert.equal(world.told(close)?.authentication, byKey);
  assert.equal(world.told(replaced)?.authentication, "");
  assert.deepEqual(world.told(replaced)?.reasons, ["environment tampered with"]);
  const [event] = pendingEvents(world.database, "default");
  assert.equal(event?.keyFingerprint, ALICE_KEY.fingerprint);
});

Deno.test("judgePending() logs which rule allowed an event, and sends it to no route", () => {
  const world = new World(`[allowlist]
ips = ["198.51.100.0/24"]
[[allowlist.rules]]
reason = "backup, OPS-12"
users = ["backup"]
key_fingerprints = ["${ALICE_KEY.fingerprint}"]`);
  const backup = world.event({ user: "backup" });
  const office = world.event({ remoteHost: "198.51.100.4", connection: "" });
  const console = world.event({ ...CONSOLE, user: "backup" });
  const forged = world.event({ user: "backup", tampered: ["PAM_USER"] });
  world.take(backup, office, console, forged, world.event({ user: "backup", type: "close" }));
  assert.deepEqual(world.logged, [
    ["info", `event ${backup.uuid} is allowlisted: 203.0.113.7, by allowlist.rules.0 ("backup, OPS-12")`],
    ["info", `event ${office.uuid} is allowlisted: 198.51.100.4, by allowlist.ips`],
  ]);
  assert.deepEqual([backup, office].map((event) => world.told(event)), [undefined, undefined]);
  assert.ok(world.told(console) && world.told(forged));
});

Deno.test("judgePending() judges no event twice, and each step completely or not at all", () => {
  const world = new World();
  const events = Array.from({ length: 2_200 }, () => world.event());
  const log = () => {};
  takeIn(world.database, { events, position: { lastId: 1, lastUuid: "" } });
  let readings = 0;
  const failing = {
    ...world.clock,
    nowMs: () => {
      if (++readings > 1_750) throw new Error("killed");
      return 0;
    },
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
  };
  const context = { config: world.config, database: world.database, log, lookUpPlace: () => NO_PLACE };
  assert.throws(() => {
    while (judgePending({ ...context, clock: failing }));
  }, /killed/);
  assert.equal(pendingCount(world.database), 1_000, "one step");
  assert.equal(judgePending({ ...context, clock: world.clock }), true);
  assert.equal(judgePending({ ...context, clock: world.clock }), false);
  assert.equal(pendingCount(world.database), 2_200);
  const urgent = pendingEvents(world.database, "default").filter((event) => event.urgent);
  assert.deepEqual(urgent.map(({ uuid }) => uuid), [events[0]?.uuid]);
});

Deno.test("routesFor() returns exactly the routes that get an event", () => {
  const both = ["open", "close"] as const;
  const routes = [
    { name: "all", events: both, notify: "all" },
    { name: "closes", events: ["close"], notify: "all" },
    { name: "oncall", events: both, notify: "unexpected" },
    { name: "oncall opens", events: ["open"], notify: "unexpected" },
  ] as const;
  const rule = { place: "allowlist.rules.0", reason: "r" };
  const table = [
    ["open", false, ["all"]],
    ["open", true, ["all", "oncall", "oncall opens"]],
    ["close", false, ["all", "closes"]],
    ["close", true, ["all", "closes", "oncall"]],
  ] as const;
  for (const [type, unexpected, expected] of table) {
    assert.deepEqual(
      routesFor(routes, { type, verdict: { unexpected, rule: undefined, level: "all" } }),
      expected,
      `${type} ${unexpected}`,
    );
    assert.deepEqual(routesFor(routes, { type, verdict: { unexpected, rule, level: "all" } }), []);
    const forLevel = (level: ServiceLevel) =>
      routesFor(routes, { type, verdict: { unexpected, rule: undefined, level } });
    assert.deepEqual(forLevel("urgent"), expected);
    assert.deepEqual(forLevel("unexpected"), unexpected ? expected : []);
    assert.deepEqual(forLevel("none"), []);
  }
});

Deno.test("judgePending() records all sessions of a PAM service, and notifies those that [services] says", () => {
  const world = new World(`[unexpected]
learning_days = 0
[services]
su = "none"
login = "unexpected"
cockpit = "urgent"`);
  const su = world.event({ ...CONSOLE, service: "su", user: "root" });
  const first = world.event({ ...CONSOLE, user: "alice" });
  const close = world.event({ ...CONSOLE, user: "alice", type: "close" });
  const again = world.event({ ...CONSOLE, user: "alice" });
  const forged = world.event({ ...CONSOLE, user: "alice", type: "close", tampered: ["PAM_SERVICE"] });
  const cockpit = world.event({ service: "cockpit", parentPid: 1 });
  const left = world.event({ service: "cockpit", parentPid: 1, type: "close" });
  world.take(su, first, close, again, forged, cockpit, left);
  const urgency = (event: SessionEvent) => world.told(event)?.urgency;
  assert.deepEqual([su, first, close, again].map(urgency), [undefined, "urgent", undefined, undefined]);
  assert.deepEqual([forged, cockpit, left].map(urgency), ["urgent", "urgent", "urgent"]);
  assert.deepEqual(world.logged, [
    ["info", `event ${su.uuid} is not notified: root, [services] su = "none"`],
    ["info", `event ${close.uuid} is not notified: alice, [services] login = "unexpected"`],
    ["info", `event ${again.uuid} is not notified: alice, [services] login = "unexpected"`],
  ]);
});
