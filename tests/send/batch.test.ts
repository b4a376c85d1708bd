import assert from "node:assert/strict";
import { compose, HANDFUL, MAX_DIGEST } from "../../src/send/batch.ts";
import type { Due } from "../../src/store/batches.ts";
import type { JudgedEvent } from "../../src/store/stored_event.ts";
import { judgedEvent } from "../helpers/fixtures.ts";

const HOST = { name: "example.com", timezone: "Etc/UTC" };

/** What the store returns if this many events are due. */
function queue(count: number, batch?: string): (limit: number) => Due | undefined {
  return (limit) => {
    const [first, ...more] = Array.from(
      { length: batch === undefined ? Math.min(count, limit) : count },
      (_, index): JudgedEvent => judgedEvent({ id: index, uuid: `event ${index}` }),
    );
    return first && { kind: "events", route: "r", batch, events: [first, ...more], attempts: 0 };
  };
}

function composed(look: (limit: number) => Due | undefined, takes: number) {
  return compose(look, { host: HOST, service: { fitting: ({ length }) => Math.min(takes, length) } });
}

Deno.test("compose() returns nothing for no events, single messages for a few, and a digest for more", () => {
  assert.equal(composed(() => undefined, 10), undefined);
  for (let count = 1; count <= HANDFUL; count++) {
    assert.equal(composed(queue(count), 10)?.batch.notifications.length, 1);
  }
  assert.equal(composed(queue(HANDFUL + 1), 10)?.batch.notifications.length, HANDFUL + 1);
});

Deno.test("compose() takes as many events as the service accepts, and at least one", () => {
  for (const [takes, expected] of [[0, 1], [1, 1], [15, 15], [31, 31], [32, 32], [33, 33], [400, 400]] as const) {
    const { outgoing, batch } = composed(queue(10_000), takes) ?? assert.fail();
    assert.equal(batch.notifications.length, expected);
    assert.ok(outgoing.kind === "events");
    assert.deepEqual(
      outgoing.events.map(({ uuid }) => uuid),
      batch.notifications.map((shown) => "uuid" in shown && shown.uuid),
    );
  }
  assert.equal(composed(queue(10_000), Infinity)?.batch.notifications.length, MAX_DIGEST);
  assert.equal(composed(queue(100), Infinity)?.batch.notifications.length, 100);
});

Deno.test("compose() keeps a tried batch and its ID, even if the service now accepts fewer events", () => {
  for (const count of [1, 2, 3, 50]) {
    const { outgoing, batch } = composed(queue(count, "the id"), 1) ?? assert.fail();
    assert.deepEqual([outgoing.id, batch.id, batch.notifications.length], ["the id", "the id", count]);
  }
});

Deno.test("compose() gives each new batch a new ID, and keeps the ID of a notice", () => {
  const ids = new Set(Array.from({ length: 100 }, () => composed(queue(1), 1)?.batch.id));
  assert.equal(ids.size, 100);
  const notice = {
    id: 1,
    uuid: "n",
    about: "x\u202e",
    kind: "dead",
    count: 1,
    reason: "no\n",
    occurredAtMs: 0,
    attempts: 0,
  } as const;
  const told = composed(() => ({ kind: "notice", route: "r", notice }), 1);
  assert.deepEqual(told?.batch, {
    id: "n",
    notifications: [{
      type: "notice",
      hostName: "example.com",
      time: "1970-01-01 00:00:00+00:00",
      text: 'gave up 1 notification on route "x\uFFFD": no\uFFFD',
      plainText: 'gave up 1 notification on route "x\uFFFD"; the log of send says why',
    }],
  });
});
