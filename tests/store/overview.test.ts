import { ForeignSchemaError } from "../../src/sqlite/foreign_schema.ts";
import assert from "node:assert/strict";
import type { Outcome } from "../../src/services/service.ts";
import { readOverview } from "../../src/store/overview.ts";
import { NewerSchemaError } from "../../src/store/schema.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";
import { inboxPosition, takeIn } from "../../src/store/take_in.ts";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import type { Batch } from "../../src/store/batch.ts";
import { next } from "../../src/store/next.ts";
import { begin, settle } from "../../src/store/settle.ts";
import { revive } from "../../src/store/revive.ts";
import { openToWrite } from "../../src/store/open.ts";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

/** A store with three events for the routes `a` and `b`: on `a` one delivered, one dead, one pending. */
async function withStore(test: (path: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "ssh-session-notifier-" });
  try {
    const path = `${directory}/deliveries.db`;
    const database = openToWrite(path);
    const events = ["x", "y", "z"].map((uuid, index) => sessionEvent({ uuid, occurredAtMs: NOW_MS + index }));
    takeIn(database, { events, position: { lastId: 3, lastUuid: "z" } });
    for (const { id } of unjudged(database, 10)) recordVerdict(database, judgement(id, { routes: ["a", "b"] }), NOW_MS);
    const begun = (): Batch => {
      const due = next(database, { route: "a", nowMs: NOW_MS, limit: 1 });
      assert.ok(due?.kind === "events");
      begin(database, due, NOW_MS);
      return due;
    };
    settle(database, begun(), { outcome: { kind: "delivered" }, atMs: NOW_MS + 10, waitMs: 0 });
    const refused = { kind: "refused", reason: "HTTP 400" } as const;
    settle(database, begun(), { outcome: refused, atMs: NOW_MS, waitMs: 0, givesUp: true });
    settle(database, begun(), { outcome: { kind: "retry", reason: "HTTP 503" }, atMs: NOW_MS, waitMs: 60_000 });
    database.close();
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
    const database = openToWrite(path);
    const newest = () => readOverview(path)?.routes.find(({ name }) => name === "b")?.newest;
    const end = (outcome: Outcome) => {
      const due = next(database, { route: "b", nowMs: NOW_MS, limit: 1 });
      assert.ok(due?.kind === "events");
      begin(database, due, NOW_MS);
      settle(database, due, { outcome, atMs: NOW_MS, waitMs: 0 });
    };
    assert.equal(newest(), "none");
    for (const kind of ["retry", "broken", "refused", "retry"] as const) {
      end({ kind, reason: "x" });
      assert.equal(newest(), kind);
    }
    revive(database, { route: "b", nowMs: NOW_MS });
    assert.equal(newest(), "retry");
    end({ kind: "delivered" });
    assert.equal(newest(), "delivered");
    database.close();
  });
});

Deno.test("readOverview() reads a store that is open, and does not change it", async () => {
  await withStore((path) => {
    const database = openToWrite(path);
    takeIn(database, { events: [sessionEvent({ uuid: "new" })], position: { lastId: 4, lastUuid: "new" } });
    assert.equal(readOverview(path)?.routes.length, 2);
    takeIn(database, { events: [sessionEvent({ uuid: "newer" })], position: { lastId: 5, lastUuid: "newer" } });
    assert.equal(inboxPosition(database).lastId, 5);
    database.close();
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
