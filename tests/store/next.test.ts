// The store of `send` takes in each event once, keeps the routes independent, and does not trust the clock.

import assert from "node:assert/strict";
import { NewerSchemaError, SCHEMA_VERSION } from "../../src/store/schema.ts";
import type { SessionEvent } from "../../src/event.ts";
import { judgement, parsedEvent, sessionEvent } from "../helpers/fixtures.ts";
import { inboxPosition, takeIn } from "../../src/store/take_in.ts";
import { openOf, pendingEvents, recordVerdict, unjudged } from "../../src/store/events.ts";
import type { Batch } from "../../src/store/batch.ts";
import { next, nextDueAtMs, pendingCount } from "../../src/store/next.ts";
import { begin, giveUp, settle, split } from "../../src/store/settle.ts";
import { MAX_WAIT_MS, routeState } from "../../src/store/routes.ts";
import { announce, keepNoticesOf } from "../../src/store/notices.ts";
import { openToWrite } from "../../src/store/open.ts";
import { type Database, openDatabase, pragma } from "../../src/sqlite/open.ts";

const NOW = Date.UTC(2026, 10, 23);

/** A store with these events. */
function storeWith(...events: SessionEvent[]): Database {
  const database = openToWrite(":memory:");
  takeIn(database, { events, position: { lastId: events.length, lastUuid: events.at(-1)?.uuid ?? "" } });
  return database;
}

/** Judges all events: notify on one route. */
function judgeAll(database: Database, overrides: Parameters<typeof judgement>[1] = {}): void {
  for (const { id } of unjudged(database, 100)) recordVerdict(database, judgement(id, overrides), NOW);
}

Deno.test("takeIn() takes in each event once, and stores the position", () => {
  const database = openToWrite(":memory:");
  const page = {
    events: [sessionEvent({ uuid: "a" }), sessionEvent({ uuid: "b" })],
    position: { lastId: 2, lastUuid: "b" },
  };
  assert.deepEqual(takeIn(database, page), { taken: 2, history: 0 });
  assert.deepEqual(takeIn(database, page), { taken: 0, history: 0 });
  assert.deepEqual(inboxPosition(database), { ...page.position, againToId: 2 });
  assert.deepEqual(unjudged(database, 10).map(({ id: _, ...event }) => event), [
    parsedEvent({ uuid: "a" }),
    parsedEvent({ uuid: "b" }),
  ]);
});

Deno.test("openOf() finds the latest open of the same process, user and service that has no close", () => {
  const at = (uuid: string, overrides: Partial<SessionEvent>) => sessionEvent({ uuid, parentPid: 7, ...overrides });
  const database = storeWith(
    at("first", { occurredAtMs: 1 }),
    at("second", { occurredAtMs: 2 }),
    at("other pid", { occurredAtMs: 3, parentPid: 8 }),
    at("other user", { occurredAtMs: 3, user: "bob" }),
    at("other service", { occurredAtMs: 3, service: "login" }),
  );
  judgeAll(database);
  const close = (uuid: string) => {
    takeIn(database, {
      events: [at(uuid, { type: "close", occurredAtMs: 4 })],
      position: { lastId: 9, lastUuid: uuid },
    });
    const [event] = unjudged(database, 1);
    assert.ok(event);
    const opened = openOf(database, event, { isJudged: true });
    judgeAll(database, { openedBy: opened?.id });
    return opened?.uuid;
  };
  assert.deepEqual([close("c1"), close("c2"), close("c3")], ["second", "first", undefined]);
});

Deno.test("next() returns a logout with the uuid of its login, among events of one user or of many", () => {
  for (const others of [0, 10]) {
    const database = storeWith(
      sessionEvent({ uuid: "login" }),
      sessionEvent({ uuid: "logout", type: "close" }),
      ...Array.from({ length: others }, (_, index) => sessionEvent({ uuid: `${index}`, user: `user${index}` })),
    );
    for (const { id, type } of unjudged(database, 20)) {
      recordVerdict(database, judgement(id, { routes: ["r"], openedBy: type === "close" ? id - 1 : undefined }), NOW);
    }
    const batch = due(database, { limit: 2 });
    assert.ok(batch?.kind === "events");
    const ids = batch.events.map(({ uuid, openUuid }) => [uuid, openUuid]);
    assert.deepEqual(ids, [["login", undefined], ["logout", "login"]]);
    assert.deepEqual(pendingEvents(database, "r").slice(0, 2).map(({ openUuid }) => openUuid), [undefined, "login"]);
  }
});

/** What is due on a route now. */
function due(database: Database, { route = "r", nowMs = NOW, limit = 10 } = {}): Batch | undefined {
  return next(database, { route, nowMs, limit });
}

/** Begins an attempt to send what is due. */
function begun(database: Database, options: { route?: string; nowMs?: number; limit?: number } = {}): Batch {
  const outgoing = due(database, options) ?? assert.fail("nothing is due");
  begin(database, outgoing, options.nowMs ?? NOW);
  return outgoing;
}

function uuids(outgoing: Batch | undefined): string[] {
  return outgoing?.kind === "events" ? outgoing.events.map(({ uuid }) => uuid) : [];
}

function waits(atMs: number, waitMs: number, counts = true) {
  return { outcome: { kind: counts ? "retry" : "broken", reason: "down" }, atMs, waitMs } as const;
}

const DELIVERED = { outcome: { kind: "delivered" }, atMs: NOW, waitMs: 0 } as const;

Deno.test("next() returns urgent events first, one user's together, then the others, oldest first, up to the limit", () => {
  const database = storeWith(
    ...["a", "b", "u1", "c", "u2", "u3"].map((uuid) => sessionEvent({ uuid, user: uuid === "u2" ? "bob" : "alice" })),
  );
  for (const { id, uuid } of unjudged(database, 10)) {
    recordVerdict(database, judgement(id, { urgent: uuid.startsWith("u") }), NOW);
  }
  const order: string[][] = [];
  while (due(database) !== undefined) {
    const outgoing = begun(database, { limit: 2 });
    order.push(uuids(outgoing));
    settle(database, outgoing, DELIVERED);
  }
  assert.deepEqual(order, [["u1", "u3"], ["u2"], ["a", "b"], ["c"]]);
  assert.equal(pendingCount(database), 0);
});

Deno.test("begin() keeps the events and the id of a batch until it is settled", () => {
  const database = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(database);
  const first = begun(database, { limit: 2 });
  takeIn(database, { events: [sessionEvent({ uuid: "d" })], position: { lastId: 9, lastUuid: "d" } });
  judgeAll(database);
  for (const limit of [1, 2, 10]) {
    const again = due(database, { limit });
    assert.deepEqual([again?.id, uuids(again)], [first.id, ["a", "b"]]);
  }
  settle(database, first, DELIVERED);
  assert.deepEqual(uuids(due(database)), ["c", "d"]);
});

Deno.test("split() makes two lasting batches of one", () => {
  const database = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(database);
  const whole = begun(database);
  assert.ok(whole.kind === "events");
  split(database, whole, { error: "HTTP 400", anew: true });
  const half = begun(database);
  assert.deepEqual(uuids(half), ["a", "b"]);
  assert.notEqual(half.id, whole.id);
  assert.equal(begun(database).id, half.id);
  settle(database, half, DELIVERED);
  assert.deepEqual(uuids(due(database)), ["c"]);
});

Deno.test("settle() pauses the whole route, and no other route", () => {
  const database = storeWith(sessionEvent({ uuid: "a" }), sessionEvent({ uuid: "b" }));
  judgeAll(database, { routes: ["r", "s"] });
  settle(database, begun(database, { limit: 1 }), waits(NOW, 5_000));
  assert.equal(due(database, { nowMs: NOW + 4_999 }), undefined);
  assert.equal(nextDueAtMs(database, { route: "r", nowMs: NOW }), NOW + 5_000);
  assert.deepEqual(uuids(due(database, { nowMs: NOW + 5_000 })), ["a"]);
  assert.deepEqual(uuids(due(database, { route: "s" })), ["a", "b"]);
  assert.deepEqual([routeState(database, "r").failures, routeState(database, "s").failures], [1, 0]);
});

Deno.test("next() ignores a pause that ends more than a day ahead", () => {
  const database = storeWith(sessionEvent());
  judgeAll(database);
  settle(database, begun(database), waits(NOW, MAX_WAIT_MS));
  assert.equal(due(database), undefined);
  assert.ok(due(database, { nowMs: NOW - 1 }), "the clock was set back");
  assert.equal(nextDueAtMs(database, { route: "r", nowMs: NOW - 1 }), NOW - 1);
});

Deno.test("next() lets batches take turns while all attempts fail, urgent or not", () => {
  const database = storeWith(...["u", "a", "b"].map((uuid) => sessionEvent({ uuid })));
  for (const { id, uuid } of unjudged(database, 10)) {
    recordVerdict(database, judgement(id, { urgent: uuid === "u" }), NOW);
  }
  announce(database, ["r"], { about: "s", kind: "dead", count: 1, reason: "no", occurredAtMs: NOW });
  const tried: string[] = [];
  for (let attempt = 0; attempt < 9; attempt++) {
    const outgoing = begun(database, { limit: 1 });
    tried.push(outgoing.kind === "notice" ? "notice" : uuids(outgoing).join());
    settle(database, outgoing, waits(NOW, 0));
  }
  assert.deepEqual(tried, ["u", "u", "notice", "a", "b", "notice", "a", "b", "u"]);
  settle(database, begun(database), DELIVERED);
  assert.equal(routeState(database, "r").failures, 0);
  assert.deepEqual(uuids(due(database)), ["u"], "urgent events go first once the route works again");
});

Deno.test("giveUp() counts the time waited, at most a day for each wait, from when a delivery was created", () => {
  const database = storeWith(sessionEvent({ uuid: "a" }));
  judgeAll(database);
  const failAt = (nowMs: number, counts = true) => {
    const outgoing = due(database, { nowMs });
    assert.ok(outgoing);
    begin(database, outgoing, nowMs);
    settle(database, outgoing, waits(nowMs, 0, counts));
  };
  const givenUpAfter = (afterMs: number) => {
    database.prepare("BEGIN").run();
    const { deliveries } = giveUp(database, { route: "r", afterMs, error: "down" });
    database.prepare("ROLLBACK").run();
    return deliveries;
  };
  failAt(NOW);
  failAt(NOW + 60_000);
  assert.deepEqual([givenUpAfter(60_000), givenUpAfter(60_001)], [1, 0]);
  failAt(NOW);
  assert.deepEqual([givenUpAfter(60_000), givenUpAfter(60_001)], [1, 0], "a clock that is set back adds nothing");
  failAt(NOW + 1_000 * MAX_WAIT_MS);
  assert.deepEqual([givenUpAfter(60_000 + MAX_WAIT_MS), givenUpAfter(60_001 + MAX_WAIT_MS)], [1, 0]);

  const later = NOW + 1_000 * MAX_WAIT_MS + 500;
  takeIn(database, { events: [sessionEvent({ uuid: "b" })], position: { lastId: 2, lastUuid: "b" } });
  for (const { id } of unjudged(database, 1)) recordVerdict(database, judgement(id), later);
  failAt(later + 1_000, false);
  failAt(later + MAX_WAIT_MS);
  assert.deepEqual(
    [givenUpAfter(1_000), givenUpAfter(1_001)],
    [2, 1],
    "time while the route was broken does not count",
  );
});

Deno.test("giveUp() gives up a batch as a whole: its newest event decides", () => {
  const database = storeWith(...["a", "b", "c"].map((uuid) => sessionEvent({ uuid })));
  judgeAll(database);
  settle(database, begun(database, { limit: 1 }), waits(NOW, 0));
  takeIn(database, { events: [sessionEvent({ uuid: "d" })], position: { lastId: 9, lastUuid: "d" } });
  for (const { id } of unjudged(database, 1)) recordVerdict(database, judgement(id), NOW + 1_000);
  settle(database, begun(database, { nowMs: NOW + 1_000 }), waits(NOW + 1_000, 0));
  const batch = begun(database, { nowMs: NOW + 1_500 });
  assert.deepEqual(uuids(batch), ["b", "c", "d"]);
  const givenUp = (afterMs: number) => giveUp(database, { route: "r", afterMs, error: "down" }).deliveries;
  assert.equal(givenUp(1_500), 1, "a alone");
  assert.equal(givenUp(501), 0);
  assert.equal(givenUp(500), 3);
});

Deno.test("announce() adds one notice per route, merges it with one not attempted yet, and reports a broken route once", () => {
  const database = storeWith(sessionEvent());
  judgeAll(database);
  const incident = { about: "r", reason: "no", occurredAtMs: NOW };
  announce(database, ["s", "t"], { ...incident, kind: "dead", count: 1 });
  announce(database, ["s", "t"], { ...incident, kind: "dead", count: 2, reason: "never" });
  const told = begun(database, { route: "s" });
  assert.ok(told.kind === "notice");
  assert.deepEqual([told.notice.count, told.notice.reason, told.notice.kind], [3, "never", "dead"]);
  announce(database, ["s"], { ...incident, kind: "dead", count: 1 });
  assert.equal(due(database, { route: "s" })?.id, told.id, "an attempted notice does not change");
  settle(database, told, DELIVERED);
  const again = due(database, { route: "s" });
  assert.ok(again?.kind === "notice" && again.notice.count === 1);

  const event = begun(database);
  for (let times = 0; times < 2; times++) announce(database, ["t"], { ...incident, kind: "broken", count: 0 });
  settle(database, event, DELIVERED);
  announce(database, ["t"], { ...incident, kind: "broken", count: 0 });
  const kinds: string[] = [];
  while (due(database, { route: "t" }) !== undefined) {
    const outgoing = begun(database, { route: "t" });
    if (outgoing.kind === "notice") kinds.push(outgoing.notice.kind);
    settle(database, outgoing, DELIVERED);
  }
  assert.deepEqual(kinds, ["dead", "broken"]);
  assert.equal(pendingCount(database), 1, "the notice for s is left");
  keepNoticesOf(database, ["r", "t"]);
  assert.equal(pendingCount(database), 0);
});

Deno.test("a store of a later release is not changed", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/deliveries.db`;
  try {
    const database = openDatabase(path, { busyTimeoutMs: 0 });
    pragma(database, `user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
    assert.throws(() => openToWrite(path), NewerSchemaError);
    const after = openDatabase(path, { busyTimeoutMs: 0 });
    assert.equal(pragma(after, "user_version"), SCHEMA_VERSION + 1);
    assert.deepEqual(after.prepare("SELECT name FROM sqlite_schema").all(), []);
    after.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
