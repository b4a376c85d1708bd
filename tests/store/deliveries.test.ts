// The store of `send`: each event once, each route by itself, and no trust in what clocks say.

import assert from "node:assert/strict";
import { Deliveries, type Judgement, MAX_WAIT_MS } from "../../src/store/deliveries.ts";
import { NewerSchemaError, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { openDatabase, pragma } from "../../src/store/open.ts";
import type { SessionEvent } from "../../src/event.ts";
import { sessionEvent } from "../helpers/fixtures.ts";

const NOW = Date.UTC(2026, 10, 23);

/** A store that has taken these events in. */
function storeWith(...events: SessionEvent[]): Deliveries {
  const deliveries = new Deliveries(":memory:");
  deliveries.takeIn({ events, position: { lastId: events.length, lastUuid: events.at(-1)?.uuid ?? "" } });
  return deliveries;
}

/** Judges everything: to be notified on one route. */
function judgeAll(deliveries: Deliveries, overrides: Partial<Judgement> = {}): void {
  for (const { id } of deliveries.unjudged(100)) {
    deliveries.judge({
      eventId: id,
      address: "",
      tampered: [],
      verdict: "notify",
      openedBy: undefined,
      routes: ["r"],
      urgent: false,
      ...overrides,
    }, NOW);
  }
}

Deno.test("takeIn() takes each event once, and remembers how far it read", () => {
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

Deno.test("openOf() finds the latest open of the same process, user and service that nothing has closed", () => {
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

Deno.test("nextDue() gives urgent events first, then the oldest, each until it is settled", () => {
  const deliveries = storeWith(
    sessionEvent({ uuid: "a" }),
    sessionEvent({ uuid: "b" }),
    sessionEvent({ uuid: "urgent" }),
  );
  for (const { id, uuid } of deliveries.unjudged(10)) {
    deliveries.judge({
      eventId: id,
      address: "",
      tampered: [],
      verdict: "notify",
      openedBy: undefined,
      routes: ["r"],
      urgent: uuid === "urgent",
    }, NOW);
  }
  const order: string[] = [];
  for (let due = deliveries.nextDue("r", NOW); due !== undefined; due = deliveries.nextDue("r", NOW)) {
    order.push(due.event.uuid);
    deliveries.settle(due, { state: "delivered", atMs: NOW, restsUntilMs: 0 });
  }
  assert.deepEqual(order, ["urgent", "a", "b"]);
  assert.equal(deliveries.pendingCount(), 0);
});

Deno.test("settle() lets a route rest as a whole, and no other one", () => {
  const deliveries = storeWith(sessionEvent({ uuid: "a" }), sessionEvent({ uuid: "b" }));
  judgeAll(deliveries, { routes: ["r", "s"] });
  const due = deliveries.nextDue("r", NOW);
  assert.ok(due);
  deliveries.settle(due, { state: "pending", error: "down", restsUntilMs: NOW + 5_000 });
  assert.equal(deliveries.nextDue("r", NOW + 4_999), undefined);
  assert.equal(deliveries.nextDueAtMs("r", NOW), NOW + 5_000);
  assert.equal(deliveries.nextDue("r", NOW + 5_000)?.event.uuid, "a");
  assert.equal(deliveries.nextDue("s", NOW)?.event.uuid, "a");
  assert.deepEqual([deliveries.failuresOf("r"), deliveries.failuresOf("s")], [1, 0]);
});

Deno.test("nextDue() believes no due time that is more than a day ahead", () => {
  const deliveries = storeWith(sessionEvent());
  judgeAll(deliveries);
  const due = deliveries.nextDue("r", NOW);
  assert.ok(due);
  deliveries.settle(due, { state: "pending", error: "down", restsUntilMs: NOW + MAX_WAIT_MS });
  assert.equal(deliveries.nextDue("r", NOW), undefined);
  assert.ok(deliveries.nextDue("r", NOW - 1), "the clock was set back");
  assert.equal(deliveries.nextDueAtMs("r", NOW - 1), NOW - 1);
});

Deno.test("beginAttempt() counts for giving up what time has passed, a day at most for each wait", () => {
  const deliveries = storeWith(sessionEvent());
  judgeAll(deliveries);
  const attemptAt = (nowMs: number) => {
    const due = deliveries.nextDue("r", nowMs);
    assert.ok(due);
    deliveries.beginAttempt(due, nowMs);
    return deliveries.nextDue("r", nowMs)?.retriedMs;
  };
  assert.equal(attemptAt(NOW), 0);
  assert.equal(attemptAt(NOW + 60_000), 60_000);
  assert.equal(attemptAt(NOW), 60_000, "a clock that is set back counts nothing");
  assert.equal(attemptAt(NOW + 1_000 * MAX_WAIT_MS), 60_000 + MAX_WAIT_MS);
});

Deno.test("discarding() leaves nothing of what was done", () => {
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

Deno.test("a store of a later release is left alone", () => {
  const path = Deno.makeTempFileSync();
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
    Deno.removeSync(path);
  }
});
