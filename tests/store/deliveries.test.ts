// The store of `send` takes in each event once, keeps the routes independent, and does not trust the clock.

import assert from "node:assert/strict";
import type { Outgoing } from "../../src/store/batches.ts";
import { Deliveries } from "../../src/store/deliveries.ts";
import type { Judgement } from "../../src/store/events.ts";
import { MAX_WAIT_MS } from "../../src/store/routes.ts";
import { NewerSchemaError, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";
import type { SessionEvent } from "../../src/event.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";

const NOW = Date.UTC(2026, 10, 23);

/** A store with these events. */
function storeWith(...events: SessionEvent[]): Deliveries {
  const deliveries = new Deliveries(":memory:");
  deliveries.takeIn({ events, position: { lastId: events.length, lastUuid: events.at(-1)?.uuid ?? "" } });
  return deliveries;
}

/** Judges all events: notify on one route. */
function judgeAll(deliveries: Deliveries, overrides: Partial<Judgement> = {}): void {
  for (const { id } of deliveries.unjudged(100)) deliveries.judge(judgement(id, overrides), NOW);
}

Deno.test("takeIn() takes in each event once, and stores the position", () => {
  const deliveries = new Deliveries(":memory:");
  const page = {
    events: [sessionEvent({ uuid: "a" }), sessionEvent({ uuid: "b" })],
    position: { lastId: 2, lastUuid: "b" },
  };
  assert.deepEqual(deliveries.takeIn(page), { taken: 2, history: 0 });
  assert.deepEqual(deliveries.takeIn(page), { taken: 0, history: 0 });
  assert.deepEqual(deliveries.inboxPosition(), { ...page.position, againToId: 2 });
  assert.deepEqual(deliveries.unjudged(10).map(({ id: _, ...event }) => event), page.events);
});

Deno.test("openOf() finds the latest open of the same process, user and service that has no close", () => {
  const at = (uuid: string, overrides: Partial<SessionEvent>) => sessionEvent({ uuid, parentPid: 7, ...overrides });
  const deliveries = storeWith(
    at("first", { occurredAtMs: 1 }),
    at("second", { occurredAtMs: 2 }),
    at("other pid", { occurredAtMs: 3, parentPid: 8 }),
    at("other user", { occurredAtMs: 3, user: "bob" }),
    at("other service", { occurredAtMs: 3, service: "login" }),
  );
  judgeAll(deliveries);
  const close = (uuid: string) => {
    deliveries.takeIn({
      events: [at(uuid, { type: "close", occurredAtMs: 4 })],
      position: { lastId: 9, lastUuid: uuid },
    });
    const [event] = deliveries.unjudged(1);
    assert.ok(event);
    const opened = deliveries.openOf(event);
    judgeAll(deliveries, { openedBy: opened?.id });
    return opened?.uuid;
  };
  assert.deepEqual([close("c1"), close("c2"), close("c3")], ["second", "first", undefined]);
});

/** What is due on a route now, as one batch. */
function due(deliveries: Deliveries, { route = "r", nowMs = NOW, limit = 10 } = {}): Outgoing | undefined {
  const found = deliveries.nextDue({ route, nowMs, limit });
  if (found === undefined) return undefined;
  return found.kind === "notice"
    ? { ...found, id: found.notice.uuid }
    : { ...found, id: found.batch ?? crypto.randomUUID() };
}

/** Begins an attempt to send what is due. */
function begun(deliveries: Deliveries, options: { route?: string; nowMs?: number; limit?: number } = {}): Outgoing {
  const outgoing = due(deliveries, options) ?? assert.fail("nothing is due");
  deliveries.beginAttempt(outgoing, options.nowMs ?? NOW);
  return outgoing;
}

function uuids(outgoing: Outgoing | undefined): string[] {
  return outgoing?.kind === "events" ? outgoing.events.map(({ uuid }) => uuid) : [];
}

function waits(nowMs: number, waitMs: number, counts = true) {
  const kind = counts ? "retry" : "broken";
  return { state: "pending", kind, error: "down", atMs: nowMs, restsUntilMs: waitMs && nowMs + waitMs } as const;
}

const DELIVERED = { state: "delivered", atMs: NOW, restsUntilMs: 0 } as const;

Deno.test("nextDue() returns urgent events first, one user's together, then the others, oldest first, up to the limit", () => {
  const deliveries = storeWith(
    ...["a", "b", "u1", "c", "u2", "u3"].map((uuid) => sessionEvent({ uuid, user: uuid === "u2" ? "bob" : "alice" })),
  );
  for (const { id, uuid } of deliveries.unjudged(10)) {
    deliveries.judge(judgement(id, { urgent: uuid.startsWith("u") }), NOW);
  }
  const order: string[][] = [];
  while (due(deliveries) !== undefined) {
    const outgoing = begun(deliveries, { limit: 2 });
    order.push(uuids(outgoing));
    deliveries.settle(outgoing, DELIVERED);
  }
  assert.deepEqual(order, [["u1", "u3"], ["u2"], ["a", "b"], ["c"]]);
  assert.equal(deliveries.pendingCount(), 0);
});

Deno.test("beginAttempt() keeps the events and the id of a batch until it is settled", () => {
  const deliveries = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(deliveries);
  const first = begun(deliveries, { limit: 2 });
  deliveries.takeIn({ events: [sessionEvent({ uuid: "d" })], position: { lastId: 9, lastUuid: "d" } });
  judgeAll(deliveries);
  for (const limit of [1, 2, 10]) {
    const again = due(deliveries, { limit });
    assert.deepEqual([again?.id, uuids(again)], [first.id, ["a", "b"]]);
  }
  deliveries.settle(first, DELIVERED);
  assert.deepEqual(uuids(due(deliveries)), ["c", "d"]);
});

Deno.test("split() makes two lasting batches of one", () => {
  const deliveries = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(deliveries);
  const whole = begun(deliveries);
  assert.ok(whole.kind === "events");
  deliveries.split(whole, { error: "HTTP 400", anew: true });
  const half = begun(deliveries);
  assert.deepEqual(uuids(half), ["a", "b"]);
  assert.notEqual(half.id, whole.id);
  assert.equal(begun(deliveries).id, half.id);
  deliveries.settle(half, DELIVERED);
  assert.deepEqual(uuids(due(deliveries)), ["c"]);
});

Deno.test("settle() pauses the whole route, and no other route", () => {
  const deliveries = storeWith(sessionEvent({ uuid: "a" }), sessionEvent({ uuid: "b" }));
  judgeAll(deliveries, { routes: ["r", "s"] });
  deliveries.settle(begun(deliveries, { limit: 1 }), waits(NOW, 5_000));
  assert.equal(due(deliveries, { nowMs: NOW + 4_999 }), undefined);
  assert.equal(deliveries.nextDueAtMs("r", NOW), NOW + 5_000);
  assert.deepEqual(uuids(due(deliveries, { nowMs: NOW + 5_000 })), ["a"]);
  assert.deepEqual(uuids(due(deliveries, { route: "s" })), ["a", "b"]);
  assert.deepEqual([deliveries.failuresOf("r"), deliveries.failuresOf("s")], [1, 0]);
});

Deno.test("nextDue() ignores a pause that ends more than a day ahead", () => {
  const deliveries = storeWith(sessionEvent());
  judgeAll(deliveries);
  deliveries.settle(begun(deliveries), waits(NOW, MAX_WAIT_MS));
  assert.equal(due(deliveries), undefined);
  assert.ok(due(deliveries, { nowMs: NOW - 1 }), "the clock was set back");
  assert.equal(deliveries.nextDueAtMs("r", NOW - 1), NOW - 1);
});

Deno.test("nextDue() lets batches take turns while all attempts fail, urgent or not", () => {
  const deliveries = storeWith(...["u", "a", "b"].map((uuid) => sessionEvent({ uuid })));
  for (const { id, uuid } of deliveries.unjudged(10)) {
    deliveries.judge(judgement(id, { urgent: uuid === "u" }), NOW);
  }
  deliveries.announce(["r"], { about: "s", kind: "dead", count: 1, reason: "no", occurredAtMs: NOW });
  const tried: string[] = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    const outgoing = begun(deliveries, { limit: 1 });
    tried.push(outgoing.kind === "notice" ? "notice" : uuids(outgoing).join());
    deliveries.settle(outgoing, waits(NOW, 0));
  }
  assert.deepEqual(tried, ["u", "u", "notice", "a", "b", "notice", "a", "b", "u"]);
  deliveries.settle(begun(deliveries), DELIVERED);
  assert.equal(deliveries.failuresOf("r"), 0);
  assert.deepEqual(uuids(due(deliveries)), ["u"], "urgent events go first once the route works again");
});

Deno.test("giveUp() counts the time waited, at most a day for each wait, from when a delivery was created", () => {
  const deliveries = storeWith(sessionEvent({ uuid: "a" }));
  judgeAll(deliveries);
  const failAt = (nowMs: number, counts = true) => {
    const outgoing = due(deliveries, { nowMs });
    assert.ok(outgoing);
    deliveries.beginAttempt(outgoing, nowMs);
    deliveries.settle(outgoing, waits(nowMs, 0, counts));
  };
  const givenUpAfter = (afterMs: number) =>
    deliveries.discarding(() => deliveries.giveUp({ route: "r", afterMs, error: "down" }).deliveries);
  failAt(NOW);
  failAt(NOW + 60_000);
  assert.deepEqual([givenUpAfter(60_000), givenUpAfter(60_001)], [1, 0]);
  failAt(NOW);
  assert.deepEqual([givenUpAfter(60_000), givenUpAfter(60_001)], [1, 0], "a clock that is set back adds nothing");
  failAt(NOW + 1_000 * MAX_WAIT_MS);
  assert.deepEqual([givenUpAfter(60_000 + MAX_WAIT_MS), givenUpAfter(60_001 + MAX_WAIT_MS)], [1, 0]);

  const later = NOW + 1_000 * MAX_WAIT_MS + 500;
  deliveries.takeIn({ events: [sessionEvent({ uuid: "b" })], position: { lastId: 2, lastUuid: "b" } });
  for (const { id } of deliveries.unjudged(1)) deliveries.judge(judgement(id), later);
  failAt(later + 1_000, false);
  failAt(later + MAX_WAIT_MS);
  assert.deepEqual(
    [givenUpAfter(1_000), givenUpAfter(1_001)],
    [2, 1],
    "time while the route was broken does not count",
  );
});

Deno.test("giveUp() gives up a batch as a whole: its newest event decides", () => {
  const deliveries = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(deliveries);
  deliveries.settle(begun(deliveries, { limit: 1 }), waits(NOW, 0));
  deliveries.takeIn({ events: [sessionEvent({ uuid: "d" })], position: { lastId: 9, lastUuid: "d" } });
  for (const { id } of deliveries.unjudged(1)) deliveries.judge(judgement(id), NOW + 1_000);
  deliveries.settle(begun(deliveries, { nowMs: NOW + 1_000 }), waits(NOW + 1_000, 0));
  const batch = begun(deliveries, { nowMs: NOW + 1_500 });
  assert.deepEqual(uuids(batch), ["b", "c", "d"]);
  const giveUp = (afterMs: number) => deliveries.giveUp({ route: "r", afterMs, error: "down" }).deliveries;
  assert.equal(giveUp(1_500), 1, "a alone");
  assert.equal(giveUp(501), 0);
  assert.equal(giveUp(500), 3);
});

Deno.test("announce() adds one notice per route, merges it with one not attempted yet, and reports a broken route once", () => {
  const deliveries = storeWith(sessionEvent());
  judgeAll(deliveries);
  const incident = { about: "r", reason: "no", occurredAtMs: NOW };
  deliveries.announce(["s", "t"], { ...incident, kind: "dead", count: 1 });
  deliveries.announce(["s", "t"], { ...incident, kind: "dead", count: 2, reason: "never" });
  const told = begun(deliveries, { route: "s" });
  assert.ok(told.kind === "notice");
  assert.deepEqual([told.notice.count, told.notice.reason, told.notice.kind], [3, "never", "dead"]);
  deliveries.announce(["s"], { ...incident, kind: "dead", count: 1 });
  assert.equal(due(deliveries, { route: "s" })?.id, told.id, "an attempted notice does not change");
  deliveries.settle(told, DELIVERED);
  const next = due(deliveries, { route: "s" });
  assert.ok(next?.kind === "notice" && next.notice.count === 1);

  const event = begun(deliveries);
  for (let times = 0; times < 2; times++) deliveries.announce(["t"], { ...incident, kind: "broken", count: 0 });
  deliveries.settle(event, DELIVERED);
  deliveries.announce(["t"], { ...incident, kind: "broken", count: 0 });
  const kinds: string[] = [];
  while (due(deliveries, { route: "t" }) !== undefined) {
    const outgoing = begun(deliveries, { route: "t" });
    if (outgoing.kind === "notice") kinds.push(outgoing.notice.kind);
    deliveries.settle(outgoing, DELIVERED);
  }
  assert.deepEqual(kinds, ["dead", "broken"]);
  assert.equal(deliveries.pendingCount(), 1, "the notice for s is left");
  deliveries.keepNoticesOf(["r", "t"]);
  assert.equal(deliveries.pendingCount(), 0);
});

Deno.test("discarding() rolls back all changes", () => {
  const deliveries = storeWith(sessionEvent({ uuid: "a" }));
  const seen = deliveries.discarding(() => {
    deliveries.takeIn({ events: [sessionEvent({ uuid: "b" })], position: { lastId: 2, lastUuid: "b" } });
    judgeAll(deliveries);
    return deliveries.pendingEvents("r").map(({ uuid }) => uuid);
  });
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(deliveries.pendingEvents("r"), []);
  assert.deepEqual(deliveries.unjudged(10).map(({ uuid }) => uuid), ["a"]);
  assert.throws(() =>
    deliveries.discarding(() => {
      throw new Error("in the middle");
    }), /in the middle/);
  judgeAll(deliveries);
  assert.equal(deliveries.pendingCount(), 1);
});

Deno.test("a store of a later release is not changed", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/deliveries.db`;
  try {
    const database = openDatabase(path, { busyTimeoutMs: 0 });
    pragma(database, `user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
    assert.throws(() => new Deliveries(path), NewerSchemaError);
    const after = openDatabase(path, { busyTimeoutMs: 0 });
    assert.equal(pragma(after, "user_version"), SCHEMA_VERSION + 1);
    assert.deepEqual(after.prepare("SELECT name FROM sqlite_schema").all(), []);
    after.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
