import { ForeignSchemaError } from "../../src/sqlite/foreign_schema.ts";
import assert from "node:assert/strict";
import type { Outgoing } from "../../src/store/batches.ts";
import { Deliveries, type Settlement } from "../../src/store/deliveries.ts";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";
import { readOverview } from "../../src/store/overview.ts";
import { NewerSchemaError } from "../../src/store/schema.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

/** A store with three events for the routes `a` and `b`: on `a` one delivered, one dead, one pending. */
async function withStore(test: (path: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "ssh-session-notifier-" });
  try {
    const path = `${directory}/deliveries.db`;
    const deliveries = new Deliveries(path);
    const events = ["x", "y", "z"].map((uuid, index) => sessionEvent({ uuid, occurredAtMs: NOW_MS + index }));
    deliveries.takeIn({ events, position: { lastId: 3, lastUuid: "z" } });
    for (const { id } of deliveries.unjudged(10)) deliveries.judge(judgement(id, { routes: ["a", "b"] }), NOW_MS);
    const begun = (): Outgoing => {
      const due = deliveries.nextDue({ route: "a", nowMs: NOW_MS, limit: 1 });
      assert.ok(due?.kind === "events");
      const outgoing = { ...due, id: due.events[0].uuid };
      deliveries.beginAttempt(outgoing, NOW_MS);
      return outgoing;
    };
    deliveries.settle(begun(), { state: "delivered", atMs: NOW_MS + 10, restsUntilMs: 0 });
    deliveries.settle(begun(), { state: "dead", kind: "refused", error: "HTTP 400", atMs: NOW_MS, restsUntilMs: 0 });
    const waiting = { state: "pending", kind: "retry", error: "HTTP 503", atMs: NOW_MS } as const;
    deliveries.settle(begun(), { ...waiting, restsUntilMs: NOW_MS + 60_000 });
    deliveries.close();
    await test(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("readOverview() counts what is pending on each route, and returns the state of the route", async () => {
  await withStore((path) => {
    assert.deepEqual(readOverview(path), {
      queue: { looks: "", fault: undefined },
      routes: [
        {
          name: "a",
          pending: 1,
          dead: 1,
          deadReasons: [{ reason: "HTTP 400", count: 1 }],
          notices: 0,
          newest: "retry",
          oldestPendingAtMs: NOW_MS + 2,
          restsFromMs: NOW_MS,
          restsUntilMs: NOW_MS + 60_000,
          failures: 2,
          lastError: "HTTP 503",
          lastDeliveredAtMs: NOW_MS + 10,
        },
        {
          name: "b",
          pending: 3,
          dead: 0,
          deadReasons: [],
          notices: 0,
          newest: "none",
          oldestPendingAtMs: NOW_MS,
          restsFromMs: 0,
          restsUntilMs: 0,
          failures: 0,
        },
      ],
    });
  });
});

Deno.test("readOverview() returns the outcome of the last attempt, which retry does not change", async () => {
  await withStore((path) => {
    const deliveries = new Deliveries(path);
    const newest = () => readOverview(path)?.routes.find(({ name }) => name === "b")?.newest;
    const end = (settlement: Settlement) => {
      const due = deliveries.nextDue({ route: "b", nowMs: NOW_MS, limit: 1 });
      assert.ok(due?.kind === "events");
      const outgoing = { ...due, id: crypto.randomUUID() };
      deliveries.beginAttempt(outgoing, NOW_MS);
      deliveries.settle(outgoing, settlement);
    };
    assert.equal(newest(), "none");
    for (const kind of ["retry", "broken", "refused", "retry"] as const) {
      end({ state: "pending", kind, error: "x", atMs: NOW_MS, restsUntilMs: 0 });
      assert.equal(newest(), kind);
    }
    deliveries.revive({ route: "b", nowMs: NOW_MS });
    assert.equal(newest(), "retry");
    end({ state: "delivered", atMs: NOW_MS, restsUntilMs: 0 });
    assert.equal(newest(), "delivered");
    deliveries.close();
  });
});

Deno.test("readOverview() reads a store that is open, and does not change it", async () => {
  await withStore((path) => {
    const deliveries = new Deliveries(path);
    deliveries.takeIn({ events: [sessionEvent({ uuid: "new" })], position: { lastId: 4, lastUuid: "new" } });
    assert.equal(readOverview(path)?.routes.length, 2);
    deliveries.takeIn({ events: [sessionEvent({ uuid: "newer" })], position: { lastId: 5, lastUuid: "newer" } });
    assert.equal(deliveries.inboxPosition().lastId, 5);
    deliveries.close();
  });
});

Deno.test("readOverview() migrates nothing, and returns undefined if there is no store of this release", async () => {
  await withStore((path) => {
    assert.equal(readOverview(`${path}.none`), undefined);
    const setVersion = (version: number) => {
      const database = openDatabase(path, { busyTimeoutMs: 0 });
      pragma(database, `user_version = ${version}`);
      database.close();
    };
    setVersion(0);
    assert.throws(() => readOverview(path), ForeignSchemaError);
    Deno.writeTextFileSync(`${path}.empty`, "");
    assert.equal(readOverview(`${path}.empty`), undefined);
    setVersion(999);
    assert.throws(() => readOverview(path), NewerSchemaError);
  });
});
