import assert from "node:assert/strict";
import { composeNext, HANDFUL, MAX_DIGEST } from "../../src/send/batch.ts";
import { type Database, transaction } from "../../src/sqlite/open.ts";
import { next } from "../../src/store/next.ts";
import { begin } from "../../src/store/settle.ts";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import { announce } from "../../src/store/notices.ts";
import { openToWrite } from "../../src/store/open.ts";
import { takeInEvents } from "../../src/store/take_in.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";

const HOST = { name: "example.com", timezone: "Etc/UTC" };

/** A store in which this many events are due on one route. */
function queue(count: number): Database {
  const database = openToWrite(":memory:");
  transaction(database, () => {
    const events = Array.from({ length: count }, (_, index) => sessionEvent({ uuid: `event ${index}` }));
    takeInEvents(database, events, { horizon: undefined });
    for (const { id } of unjudged(database, count)) recordVerdict(database, judgement(id), 0);
  });
  return database;
}

/** What is composed for a service that takes this many events in a digest. */
function composed(database: Database, takes: number) {
  const service = { fitting: ({ length }: { length: number }) => Math.min(takes, length) };
  return composeNext(database, { route: { name: "r", service }, nowMs: 0, host: HOST });
}

Deno.test("composeNext() returns nothing for no events, single messages for a few, and a digest for more", () => {
  assert.equal(composed(queue(0), 10), undefined);
  for (let count = 1; count <= HANDFUL; count++) {
    assert.equal(composed(queue(count), 10)?.message.notifications.length, 1);
  }
  assert.equal(composed(queue(HANDFUL + 1), 10)?.message.notifications.length, HANDFUL + 1);
});

Deno.test("composeNext() takes as many events as the service accepts, and at least one", () => {
  for (const [takes, expected] of [[0, 1], [1, 1], [15, 15], [31, 31], [32, 32], [33, 33], [400, 400]] as const) {
    const { batch, message } = composed(queue(1_000), takes) ?? assert.fail();
    assert.equal(message.notifications.length, expected);
    assert.ok(batch.kind === "events");
    assert.deepEqual(
      batch.events.map(({ uuid }) => uuid),
      message.notifications.map((shown) => "uuid" in shown && shown.uuid),
    );
  }
  assert.equal(composed(queue(1_000), Infinity)?.message.notifications.length, MAX_DIGEST);
  assert.equal(composed(queue(100), Infinity)?.message.notifications.length, 100);
});

Deno.test("composeNext() keeps a tried batch and its ID, even if the service now accepts fewer events", () => {
  for (const count of [1, 2, 3, 50]) {
    const database = queue(count);
    const tried = next(database, { route: "r", nowMs: 0, limit: count }) ?? assert.fail();
    begin(database, tried, 0);
    const { batch, message } = composed(database, 1) ?? assert.fail();
    assert.deepEqual([batch.id, message.id, message.notifications.length], [tried.id, tried.id, count]);
  }
});

Deno.test("composeNext() gives each new batch a new ID, and keeps the ID of a notice", () => {
  const database = queue(1);
  const ids = new Set(Array.from({ length: 100 }, () => composed(database, 1)?.message.id));
  assert.equal(ids.size, 100);
  const other = queue(0);
  announce(other, ["r"], { about: "x\u202e", kind: "dead", count: 1, reason: "no\n", occurredAtMs: 0 });
  const told = composed(other, 1);
  const { uuid } = other.prepare("SELECT uuid FROM notice").get() ?? {};
  assert.deepEqual(told?.message, {
    id: uuid,
    notifications: [{
      type: "notice",
      hostName: "example.com",
      time: "1970-01-01 00:00:00+00:00",
      text: 'gave up 1 notification on route "x\uFFFD": no\uFFFD',
      plainText: 'gave up 1 notification on route "x\uFFFD"; the log of send says why',
    }],
  });
});
