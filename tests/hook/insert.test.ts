// The queue database is durable, shared by many hooks, and small.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { type Database, openDatabase, pragma } from "../../src/sqlite/open.ts";
import { CREATE_QUEUE_TABLE } from "../../src/sqlite/queue_table.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { shortestMs } from "../helpers/shortest.ts";

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

/** Inserts events with long texts until one hook has checkpointed the log. */
function insertUntilFolded(path: string, occurredAtMs: (index: number) => number): number {
  const long = "x".repeat(16_000);
  for (let index = 0; index < 500; index++) {
    insertEvent(path, sessionEvent({ uuid: crypto.randomUUID(), authInfo: long, occurredAtMs: occurredAtMs(index) }));
    if (Deno.statSync(`${path}-wal`).size === 0) return index + 1;
  }
  throw new Error("no checkpoint happened");
}

Deno.test("insertEvent() keeps the log at about 256 KiB, and loses no event", () => {
  withQueue((path, open) => {
    const count = insertUntilFolded(path, (index) => NOW + index);
    assert.ok(count > 5);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count);
    assert.equal(pragma(database, "integrity_check"), "ok");
    database.close();
  });
});

Deno.test("insertEvent() deletes events older than 90 days, but not because of one wrong clock reading", () => {
  withQueue((path, open) => {
    // Three old events, then the others with IDs 10,000 higher: that many always stay.
    for (const uuid of ["old 1", "old 2", "old 3"]) {
      insertEvent(path, sessionEvent({ uuid, occurredAtMs: NOW - 100 * DAY }));
    }
    const database = open();
    database.exec("INSERT INTO event (id, uuid, occurred_at_ms) VALUES (10003, 'later', 1)");
    const count = insertUntilFolded(path, () => NOW);
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count + 1);
    database.close();
  });
  withQueue((path, open) => {
    // The last event, which triggers the checkpoint, is a year ahead.
    const folding = insertUntilFoldedAt();
    const count = insertUntilFolded(path, (index) => index === folding - 1 ? NOW + 365 * DAY : NOW);
    assert.equal(count, folding);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count);
    database.close();
  });
});

Deno.test("insertEvent() deletes no event that send may not have read, even if the clock is ahead for many logins", () => {
  withQueue((path, open) => {
    const unread = insertUntilFolded(path, () => NOW);
    const ahead = insertUntilFolded(path, (index) => NOW + 91 * DAY + index + 1_000);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], unread + ahead);
    database.close();
  });
});

Deno.test("insertEvent() does not wait for a reader that blocks the checkpoint", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const reader = open();
    reader.prepare("BEGIN").run();
    reader.prepare("SELECT * FROM event").all();
    const startedAtMs = performance.now();
    for (let index = 0; index < 60; index++) {
      insertEvent(path, sessionEvent({ uuid: `${index}`, authInfo: "x".repeat(16_000) }));
    }
    // Each could wait for half a second.
    assert.ok(performance.now() - startedAtMs < 25_000);
    assert.ok(Deno.statSync(`${path}-wal`).size > 1024 * 1024);
    reader.prepare("ROLLBACK").run();
    assert.equal(reader.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 61);
    reader.close();
  });
});

Deno.test("insertEvent() waits for locks for half a second in total, then throws that the database is locked", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const writer = open();
    writer.prepare("BEGIN IMMEDIATE").run();
    const second = () => insertEvent(path, sessionEvent({ uuid: "second" }));
    const waitedMs = shortestMs(() => assert.throws(second, /database is locked/), 3);
    assert.ok(waitedMs >= 400 && waitedMs < 1_500, `${waitedMs} ms`);
    writer.prepare("ROLLBACK").run();
    writer.close();
    insertEvent(path, sessionEvent({ uuid: "second" }));
  });
});

Deno.test("insertEvent() does not wait if the database is damaged", () => {
  withQueue((path) => {
    Deno.writeTextFileSync(path, "garbage".repeat(10_000));
    const waitedMs = shortestMs(() => assert.throws(() => insertEvent(path, sessionEvent()), /file is not a database/));
    assert.ok(waitedMs < 300, `${waitedMs} ms`);
  });
});

Deno.test("insertEvent() opens only plain files: a FIFO would block the login indefinitely", () => {
  const make: Readonly<Record<string, (path: string) => void>> = {
    "a FIFO": (path) => void new Deno.Command("mkfifo", { args: ["--mode=0644", path] }).outputSync(),
    "a directory": (path) => Deno.mkdirSync(path),
    "a link": (path) => Deno.symlinkSync("/dev/null", path),
    "a socket": (path) => {
      const code = "socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un($ARGV[0])) or die";
      assert.ok(new Deno.Command("perl", { args: ["-MSocket", "-e", code, path] }).outputSync().success);
    },
  };
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    for (const [kind, makeOne] of Object.entries(make)) {
      withQueue((path, open) => {
        if (suffix !== "") insertEvent(path, sessionEvent({ uuid: "first" })).close();
        makeOne(`${path}${suffix}`);
        const insert = () => insertEvent(path, sessionEvent());
        const waitedMs = shortestMs(() => assert.throws(insert, /is not a plain file/, `${kind}, ${suffix}`));
        assert.ok(waitedMs < 300, `${kind}, ${suffix}: ${waitedMs} ms`);
        Deno.removeSync(`${path}${suffix}`, { recursive: true });
        insertEvent(path, sessionEvent({ uuid: "second" })).close();
        const database = open();
        const count = database.prepare("SELECT count(*) AS n FROM event").get()?.["n"];
        database.close();
        assert.equal(count, suffix === "" ? 1 : 2);
      });
    }
  }
});

Deno.test("insertEvent() rejects a database that lost its content or has another schema, and does not change it", () => {
  withQueue((path) => {
    Deno.writeTextFileSync(path, "");
    assert.throws(() => insertEvent(path, sessionEvent()), /it has no table/);
    assert.equal(Deno.statSync(path).size, 0);
  });
});

Deno.test("insertEvent() enables WAL mode again after another tool has disabled it", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" })).close();
    const tool = open();
    assert.equal(pragma(tool, "journal_mode = DELETE"), "delete");
    tool.close();
    insertEvent(path, sessionEvent({ uuid: "second" }));
    insertEvent(path, sessionEvent({ uuid: "third" }));
    assert.ok(Deno.statSync(`${path}-wal`).size > 0);
  });
});

Deno.test("insertEvent() leaves no temporary files next to the database that it creates", () => {
  withQueue((path) => {
    insertEvent(path, sessionEvent());
    const names = [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map(({ name }) => name).sort();
    assert.deepEqual(names, ["session_events.db", "session_events.db-shm", "session_events.db-wal"]);
  });
});

Deno.test("insertEvent() throws if the database does not store the event", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "one" }));
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "one", user: "bob" })), /the insert has no effect/);
    const database = open();
    const users = database.prepare("SELECT record ->> 'user' AS user FROM event").all().map(({ user }) => user);
    assert.deepEqual(users, ["alice"]);
    database.close();
  });
});

/** Schema changes that an attacker could use to make SQLite run or read something at each login. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "a trigger": "CREATE TRIGGER t BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END",
  "a view": "CREATE VIEW v AS SELECT 1",
  "an index": "CREATE INDEX i ON event (occurred_at_ms)",
  "an index on an expression": "CREATE INDEX i ON event (length(record))",
  "another table": "CREATE TABLE t (a)",
  "statistics": "ANALYZE",
  "another name of a column": "ALTER TABLE event RENAME COLUMN record TO other",
  "a column": "ALTER TABLE event ADD COLUMN more TEXT",
  "a generated column": "ALTER TABLE event ADD COLUMN more INTEGER AS (length(record))",
  "a default": remade("record TEXT", "record TEXT DEFAULT (hex(zeroblob(1000)))"),
  "a check": remade("record TEXT", "record TEXT CHECK (length(record) > 0)"),
  "a collation": remade("uuid TEXT", "uuid TEXT COLLATE NOCASE"),
  "another spelling": remade("record TEXT", "record  TEXT"),
  "no index": remade("uuid TEXT UNIQUE", "uuid TEXT"),
  "no table": "DROP TABLE event",
  "a view in its place":
    "DROP TABLE event; CREATE VIEW event AS SELECT 1 AS id, 2 AS uuid, 3 AS occurred_at_ms, 4 AS record",
  "a virtual table in its place":
    "DROP TABLE event; CREATE VIRTUAL TABLE event USING fts5(uuid, occurred_at_ms, record)",
};

function remade(from: string, to: string): string {
  const changed = CREATE_QUEUE_TABLE.replace(from, to);
  assert.notEqual(changed, CREATE_QUEUE_TABLE);
  return `DROP TABLE event; ${changed}`;
}

for (const [what, sql] of Object.entries(PROGRAMS)) {
  Deno.test(`insertEvent() rejects a database with ${what}, and does not run it`, () => {
    withQueue((path, open) => {
      insertEvent(path, sessionEvent({ uuid: "one" })).close();
      const database = open();
      database.exec(sql);
      const schema = database.prepare("SELECT * FROM sqlite_schema").all();
      assert.throws(() => insertEvent(path, sessionEvent({ uuid: "two" })), /it has no table|its schema is not/);
      assert.deepEqual(database.prepare("SELECT * FROM sqlite_schema").all(), schema);
      // The lock is released, so another tool can repair the database.
      database.exec("CREATE TABLE anything (a)");
      database.close();
    });
  });
}

Deno.test("insertEvent() still accepts a database that another tool has repaired or compacted", () => {
  for (const sql of ["VACUUM", "REINDEX", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA user_version = 7"]) {
    withQueue((path, open) => {
      insertEvent(path, sessionEvent({ uuid: "one" })).close();
      const database = open();
      database.exec(sql);
      database.close();
      insertEvent(path, sessionEvent({ uuid: "two" }));
    });
  }
});

Deno.test("insertEvent() does not list a very large folder", () => {
  withQueue((path) => {
    insertEvent(path, sessionEvent({ uuid: "one" }));
    const directory = path.replace(/\/[^/]*$/, "");
    for (let index = 0; index < 20_000; index++) Deno.createSync(`${directory}/${crypto.randomUUID()}.json`).close();
    const { readDirSync } = Deno;
    Deno.readDirSync = () => {
      throw new Error("a folder is listed");
    };
    try {
      insertEvent(path, sessionEvent({ uuid: "two" }));
      Deno.mkdirSync(`${path}-journal`);
      assert.throws(() => insertEvent(path, sessionEvent({ uuid: "three" })), /is not a plain file/);
      for (const suffix of ["", "-wal", "-shm", "-journal"]) Deno.removeSync(`${path}${suffix}`);
      insertEvent(path, sessionEvent({ uuid: "four" }));
    } finally {
      Deno.readDirSync = readDirSync;
    }
  });
});

Deno.test("insertEvent() creates no new database next to the log of a missing one, which would corrupt it", () => {
  withQueue((path) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    Deno.removeSync(path);
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "second" })), /its log is not/);
    // The file is empty.
    Deno.truncateSync(`${path}-wal`);
    insertEvent(path, sessionEvent({ uuid: "third" }));
  });
});

Deno.test("insertEvent() does not open a database that was truncated to 0 bytes: SQLite would delete its log", () => {
  withQueue((path) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const logBytes = Deno.statSync(`${path}-wal`).size;
    assert.ok(logBytes > 0);
    Deno.truncateSync(path);
    assert.throws(() => insertEvent(path, sessionEvent({ uuid: "second" })), /its log is not/);
    assert.equal(Deno.statSync(`${path}-wal`).size, logBytes);
  });
});

function insertUntilFoldedAt(): number {
  let count = 0;
  withQueue((path) => {
    count = insertUntilFolded(path, () => NOW);
  });
  return count;
}
