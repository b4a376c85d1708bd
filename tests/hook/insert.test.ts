// The queue database: durable, shared by many, and small.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { type Database, openDatabase, pragma } from "../../src/store/open.ts";
import { sessionEvent } from "../helpers/fixtures.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 23);

function withQueue(test: (path: string, open: () => Database) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "insert-test-" });
  const path = `${directory}/session_events.db`;
  try {
    test(path, () => openDatabase(path, { busyTimeoutMs: 0 }));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Inserts events until the log has been folded into the database once, with texts that fill it soon. */
function insertUntilFolded(path: string, occurredAtMs: (index: number) => number): number {
  const long = "x".repeat(16_000);
  for (let index = 0; index < 500; index++) {
    insertEvent(path, sessionEvent({ uuid: `${index}`, authInfo: long, occurredAtMs: occurredAtMs(index) }));
    if (Deno.statSync(`${path}-wal`).size === 0) return index + 1;
  }
  throw new Error("the log was never folded");
}

Deno.test("insertEvent() keeps the log below a little more than 1 MiB, and loses no event by it", () => {
  withQueue((path, open) => {
    const count = insertUntilFolded(path, (index) => NOW + index);
    assert.ok(count > 10);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count);
    assert.equal(pragma(database, "integrity_check"), "ok");
    database.close();
  });
});

Deno.test("insertEvent() drops events of over 90 days, but not because the clock was wrong once", () => {
  withQueue((path, open) => {
    const count = insertUntilFolded(path, (index) => index < 3 ? NOW - 100 * DAY : NOW);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count - 3);
    database.close();
  });
  withQueue((path, open) => {
    // The last one, at which the log is folded, is a year ahead.
    const folding = insertUntilFoldedAt();
    const count = insertUntilFolded(path, (index) => index === folding - 1 ? NOW + 365 * DAY : NOW);
    assert.equal(count, folding);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count);
    database.close();
  });
});

Deno.test("insertEvent() is not held up by a reader that keeps the log from being folded", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const reader = open();
    reader.prepare("BEGIN").run();
    reader.prepare("SELECT * FROM event").all();
    const startedAtMs = performance.now();
    for (let index = 0; index < 60; index++) {
      insertEvent(path, sessionEvent({ uuid: `${index}`, authInfo: "x".repeat(16_000) }));
    }
    assert.ok(performance.now() - startedAtMs < 10_000);
    assert.ok(Deno.statSync(`${path}-wal`).size > 1024 * 1024);
    reader.prepare("ROLLBACK").run();
    assert.equal(reader.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 61);
    reader.close();
  });
});

Deno.test("insertEvent() waits half a second for a lock in all, then says that the database is locked", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const writer = open();
    writer.prepare("BEGIN IMMEDIATE").run();
    const startedAtMs = performance.now();
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "second" })), /database is locked/);
    const waitedMs = performance.now() - startedAtMs;
    assert.ok(waitedMs >= 400 && waitedMs < 1_500, `${waitedMs} ms`);
    writer.prepare("ROLLBACK").run();
    writer.close();
    insertEvent(path, sessionEvent({ uuid: "second" }));
  });
});

Deno.test("insertEvent() keeps no login waiting for a database that is damaged", () => {
  withQueue((path) => {
    Deno.writeTextFileSync(path, "garbage".repeat(10_000));
    const startedAtMs = performance.now();
    assert.throws(() => insertEvent(path, sessionEvent()), /file is not a database/);
    const waitedMs = performance.now() - startedAtMs;
    assert.ok(waitedMs < 300, `${waitedMs} ms`);
  });
});

Deno.test("insertEvent() keeps no login waiting where the log can't be made", () => {
  withQueue((path, open) => {
    const database = open();
    database.prepare("CREATE TABLE other (id INTEGER)").run();
    database.close();
    Deno.mkdirSync(`${path}-journal`);
    const startedAtMs = performance.now();
    assert.throws(() => insertEvent(path, sessionEvent()));
    const waitedMs = performance.now() - startedAtMs;
    assert.ok(waitedMs < 300, `${waitedMs} ms`);
  });
});

Deno.test("insertEvent() refuses a second event of the same uuid, and a table of another shape", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "one" }));
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "one" })), /UNIQUE/);
    const database = open();
    database.prepare("ALTER TABLE event RENAME COLUMN record TO other").run();
    database.close();
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "two" })), /no column named record/);
  });
});

function insertUntilFoldedAt(): number {
  let count = 0;
  withQueue((path) => {
    count = insertUntilFolded(path, () => NOW);
  });
  return count;
}
