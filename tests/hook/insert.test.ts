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

/** The size of the log at which a hook checkpoints it, in bytes. */
const LOG_LIMIT = 256 * 1024;

const LONG = "x".repeat(16_000);

/** The size of one event with this text in the log, in bytes, at most. */
const EVENT_BYTES = 40 * 1024;

/** Inserts events with long texts until one hook has checkpointed the log. */
function insertUntilFolded(path: string): { readonly count: number; readonly largestLog: number } {
  let largestLog = 0;
  for (let count = 1; count < 500; count++) {
    insertEvent(path, sessionEvent({ uuid: crypto.randomUUID(), authInfo: LONG, occurredAtMs: NOW + count }));
    const { size } = Deno.statSync(`${path}-wal`);
    if (size === 0) return { count, largestLog };
    largestLog = Math.max(largestLog, size);
  }
  throw new Error("no checkpoint happened");
}

Deno.test("insertEvent() checkpoints a log of 256 KiB, only then, and loses no event", () => {
  withQueue((path, open) => {
    const { count, largestLog } = insertUntilFolded(path);
    assert.ok(largestLog >= LOG_LIMIT && largestLog < LOG_LIMIT + EVENT_BYTES, `${largestLog}`);
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], count);
    assert.equal(pragma(database, "integrity_check"), "ok");
    database.close();
  });
});

/** An event of the queue, by its ID. */
type Row = readonly [id: number, occurredAtMs: number];

/**
 * Inserts one event into a queue with the given events and a log that is long enough to be checkpointed.
 *
 * @returns which of the given events stay, by ID
 */
function staying(rows: readonly Row[], occurredAtMs: number): number[] {
  let ids: number[] = [];
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "creates the database" }));
    const database = open();
    database.exec("PRAGMA wal_autocheckpoint = 0; DELETE FROM event");
    const insert = database.prepare(
      "INSERT INTO event (id, uuid, occurred_at_ms, record) VALUES (?1, 'u' || ?1, ?2, ?3)",
    );
    for (const [id, atMs] of rows) insert.run(id, atMs, "x".repeat(id === rows.at(-1)?.[0] ? LOG_LIMIT : 100));
    insertEvent(path, sessionEvent({ uuid: "triggers the checkpoint", occurredAtMs }));
    assert.equal(Deno.statSync(`${path}-wal`).size, 0);
    const kept = database.prepare("SELECT id FROM event WHERE uuid LIKE 'u%' ORDER BY id").all();
    ids = kept.map(({ id }) => Number(id));
    database.close();
  });
  return ids;
}

Deno.test("insertEvent() keeps the newest 10,000 events, whatever any clock says", () => {
  for (const atMs of [0, NOW - 365 * DAY, NOW, NOW + 365 * DAY]) {
    // The new event gets the ID 10,002.
    assert.deepEqual(staying([[1, atMs], [2, NOW], [3, atMs], [10_001, NOW]], NOW), [3, 10_001]);
    assert.deepEqual(staying([[1, NOW], [2, NOW], [3, NOW], [10_001, atMs]], atMs), [3, 10_001]);
  }
});

Deno.test("insertEvent() deletes at most 100 events, the oldest, so that a queue of an older release delays no login", () => {
  const old = Array.from({ length: 250 }, (_, index): Row => [index + 1, NOW]);
  assert.deepEqual(staying([...old, [20_000, NOW]], NOW), [...old.slice(100).map(([id]) => id), 20_000]);
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

Deno.test("insertEvent() records the event if the log disappears after its directory was listed", () => {
  withQueue((path, open) => {
    // Closing the database removes its log and its index.
    insertEvent(path, sessionEvent({ uuid: "first" })).close();
    for (const suffix of ["-wal", "-shm"]) Deno.writeTextFileSync(`${path}${suffix}`, "");
    const { readDirSync } = Deno;
    Deno.readDirSync = (directory) => {
      const listed = [...readDirSync(directory)];
      Deno.removeSync(`${path}-wal`);
      return listed.values();
    };
    try {
      insertEvent(path, sessionEvent({ uuid: "second" })).close();
    } finally {
      Deno.readDirSync = readDirSync;
    }
    const database = open();
    assert.equal(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 2);
    database.close();
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

Deno.test("two first hooks at once lose neither event: the second does not replace the first one's files", () => {
  withQueue((path, open) => {
    const { chmodSync } = Deno;
    let inodes: (number | null)[] = [];
    const filesOf = () => ["", "-shm"].map((suffix) => Deno.statSync(`${path}${suffix}`).ino);
    // Just before a hook creates its first file, another hook runs completely.
    Deno.chmodSync = (...args) => {
      Deno.chmodSync = chmodSync;
      insertEvent(path, sessionEvent({ uuid: "other" }));
      inodes = filesOf();
      chmodSync(...args);
    };
    try {
      insertEvent(path, sessionEvent({ uuid: "one" }));
    } finally {
      Deno.chmodSync = chmodSync;
    }
    assert.deepEqual(filesOf(), inodes);
    const database = open();
    const uuids = database.prepare("SELECT uuid FROM event ORDER BY id").all().map(({ uuid }) => uuid);
    database.close();
    assert.deepEqual(uuids, ["other", "one"]);
  });
});

Deno.test("insertEvent() waits less for the write lock if it has already waited to open the database", () => {
  withQueue((path, open) => {
    insertEvent(path, sessionEvent({ uuid: "first" }));
    const writer = open();
    writer.prepare("BEGIN IMMEDIATE").run();
    const { now } = performance;
    /** The time that the insert waits if opening took `openedMs`. */
    const waited = (openedMs: number) => {
      let calls = 0;
      performance.now = () => now.call(performance) + (calls++ === 0 ? 0 : openedMs);
      const startedAtMs = Date.now();
      try {
        assert.throws(() => insertEvent(path, sessionEvent({ uuid: "second" })), /database is locked/);
      } finally {
        performance.now = now;
      }
      return Date.now() - startedAtMs;
    };
    const shortest = (openedMs: number) => Math.min(...Array.from({ length: 3 }, () => waited(openedMs)));
    assert.ok(shortest(400) < 300);
    assert.ok(shortest(10_000) < 100);
    writer.close();
  });
});

Deno.test("insertEvent() leaves nothing of a database that it could not create, such as its log", () => {
  withQueue((path) => {
    const { linkSync } = Deno;
    // On a full disk, SQLite may leave the log of a database that it closes.
    Deno.linkSync = (from) => {
      for (const suffix of ["-wal", "-shm"]) Deno.writeTextFileSync(`${from}${suffix}`, "x");
      throw new Error("the disk is full");
    };
    try {
      assert.throws(() => insertEvent(path, sessionEvent()), /the disk is full/);
    } finally {
      Deno.linkSync = linkSync;
    }
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))], []);
  });
});
