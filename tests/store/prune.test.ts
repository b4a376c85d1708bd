// Only events delivered long ago are deleted, whatever the clock says.

import assert from "node:assert/strict";
import { prune } from "../../src/store/prune.ts";
import { beginStore, countElapsed } from "../../src/store/read_again.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";
import { shortestMs } from "../helpers/shortest.ts";
import { takeIn, takeInEvents } from "../../src/store/take_in.ts";
import { pendingEvents, recordVerdict, unjudged } from "../../src/store/events.ts";
import { type Database, transaction } from "../../src/sqlite/open.ts";
import { openToWrite } from "../../src/store/open.ts";

const NOW = Date.UTC(2026, 10, 23);
const DAY = 24 * 60 * 60 * 1000;
const RETENTION_DAYS = 30;

/** A store with one event of each kind, from its first day. */
function storeWith(kinds: Readonly<Record<string, { state?: string; opens?: string }>>): Database {
  const database = openToWrite(":memory:");
  beginStore(database, { origin: "first", nowMs: NOW });
  add(database, kinds);
  return database;
}

function add(database: Database, kinds: Readonly<Record<string, { state?: string; opens?: string }>>): void {
  const events = Object.keys(kinds).map((uuid) => sessionEvent({ uuid, occurredAtMs: NOW }));
  takeInEvents(database, events, { horizon: undefined });
  const idOf = (uuid: string) => Number(database.prepare("SELECT id FROM event WHERE uuid = ?").get(uuid)?.["id"]);
  for (const { id, uuid } of unjudged(database, 10_000)) {
    const { state, opens } = kinds[uuid] ?? {};
    const routes = state === undefined ? [] : ["r"];
    const openedBy = opens === undefined ? undefined : idOf(opens);
    recordVerdict(database, judgement(id, { openedBy, routes }), NOW);
    if (state !== undefined) database.prepare("UPDATE delivery SET state = ? WHERE event_id = ?").run(state, id);
  }
}

function left(database: Database): string[] {
  return database.prepare("SELECT uuid FROM event ORDER BY id").all().map(({ uuid }) => String(uuid));
}

/** Uses the store for some days, with a run each day. */
function passDays(database: Database, days: number, fromMs = NOW): number {
  for (let day = 1; day <= days; day++) countElapsed(database, fromMs + day * DAY);
  return fromMs + days * DAY;
}

Deno.test("prune() deletes an old event only if it was judged and has no undelivered notification", () => {
  const database = storeWith({
    delivered: { state: "delivered" },
    "to nobody": {},
    pending: { state: "pending" },
    dead: { state: "dead" },
    "open of a pending close": { state: "delivered" },
    "pending close": { state: "pending", opens: "open of a pending close" },
  });
  takeInEvents(database, [sessionEvent({ uuid: "unjudged" })], { horizon: undefined });
  const nowMs = passDays(database, RETENTION_DAYS + 1);
  add(database, {});
  takeInEvents(database, [sessionEvent({ uuid: "young", occurredAtMs: 0 })], { horizon: undefined });
  database.exec("UPDATE event SET verdict = NULL WHERE uuid = 'unjudged'");
  assert.equal(prune(database, { retentionDays: RETENTION_DAYS, nowMs }), 2);
  assert.deepEqual(left(database), [
    "pending",
    "dead",
    "open of a pending close",
    "pending close",
    "unjudged",
    "young",
  ]);
  assert.equal(
    database.prepare("SELECT count(*) AS n FROM delivery WHERE state = 'delivered'").get()?.["n"],
    1,
  );
});

Deno.test("prune() deletes a close before its open", () => {
  const database = storeWith({ open: { state: "delivered" }, close: { state: "delivered", opens: "open" } });
  const nowMs = passDays(database, RETENTION_DAYS + 1);
  const run = () => prune(database, { retentionDays: RETENTION_DAYS, nowMs });
  assert.deepEqual([run(), left(database)], [1, ["open"]]);
  assert.deepEqual([run(), left(database)], [1, []]);
});

Deno.test("prune() is not misled by a clock that jumps back and forth repeatedly", () => {
  const database = storeWith({ delivered: { state: "delivered" } });
  let runs = 0;
  for (const jump of [1_000 * DAY, -2_000 * DAY, 5_000 * DAY, 0, 400 * DAY]) {
    assert.equal(prune(database, { retentionDays: RETENTION_DAYS, nowMs: NOW + jump }), 0, `${++runs}`);
  }
  // At most a day for each jump.
  assert.ok(countElapsed(database, NOW + 400 * DAY) <= runs * DAY);
});

Deno.test("prune() deletes a limited number at a time, and eventually all", () => {
  const kinds = Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`${index}`, { state: "delivered" }]));
  const database = openToWrite(":memory:");
  beginStore(database, { origin: "first", nowMs: NOW });
  transaction(database, () => add(database, kinds));
  while (unjudged(database, 1).length > 0) transaction(database, () => add(database, kinds));
  const nowMs = passDays(database, RETENTION_DAYS + 1);
  const run = () => prune(database, { retentionDays: RETENTION_DAYS, nowMs });
  assert.deepEqual([run(), run(), run(), run()], [5_000, 5_000, 2_000, 0]);
});

Deno.test("a pruned event is not taken in again when the queue is read again, and a new event is", () => {
  const database = storeWith({ delivered: { state: "delivered" } });
  const nowMs = passDays(database, RETENTION_DAYS + 1);
  prune(database, { retentionDays: RETENTION_DAYS, nowMs });
  const events = [
    sessionEvent({ uuid: "delivered", occurredAtMs: NOW }),
    sessionEvent({ uuid: "never read", occurredAtMs: NOW + DAY }),
  ];
  const taken = takeIn(database, { events, position: { lastId: 2, lastUuid: "never read", againToId: 2 }, again: 2 });
  assert.deepEqual(taken, { taken: 2, history: 1 });
  assert.deepEqual(unjudged(database, 10).map(({ uuid }) => uuid), ["delivered", "never read"]);
  for (const { id } of unjudged(database, 10)) recordVerdict(database, judgement(id), nowMs);
  assert.deepEqual(pendingEvents(database, "r").map(({ uuid, isRepeat }) => [uuid, isRepeat]), [[
    "never read",
    false,
  ]]);
});

Deno.test("prune() is cheap in a large store with nothing to delete", () => {
  const database = openToWrite(":memory:");
  beginStore(database, { origin: "first", nowMs: NOW });
  database.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth, parent_pid,
                       tampered, verdict)
    SELECT 'e' || i, 0, 'open', 'u', '', '', '', '', '[]', 0, '', 'notify' FROM n`);
  const tookMs = shortestMs(() => assert.equal(prune(database, { retentionDays: RETENTION_DAYS, nowMs: NOW }), 0));
  assert.ok(tookMs < 100, `${tookMs} ms`);
});

Deno.test("countElapsed() writes nothing in a run that changes nothing else, for three minutes after the recorded one", () => {
  const path = `${Deno.makeTempDirSync()}/deliveries.db`;
  /** The time that a run records; each run has a connection of its own. */
  const runAt = (nowMs: number, work: (database: Database) => void = () => {}) => {
    using database = openToWrite(path);
    work(database);
    countElapsed(database, nowMs);
    return Number(database.prepare("SELECT last_run_at_ms AS at FROM store").get()?.["at"]) - NOW;
  };
  try {
    assert.equal(runAt(NOW, (database) => beginStore(database, { origin: "first", nowMs: NOW })), 0);
    assert.equal(runAt(NOW + 180_000), 0);
    assert.equal(runAt(NOW + 180_001), 180_001);
    assert.equal(runAt(NOW + 180_002, (database) => add(database, { new: {} })), 180_002);
    // The clock was set back.
    assert.equal(runAt(NOW + 180_001), 180_001);
  } finally {
    Deno.removeSync(path.replace(/[^/]*$/, ""), { recursive: true });
  }
});
