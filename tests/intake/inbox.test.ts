// The events that `queue` wrote are read once and in order, whatever happens to the database.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { statePaths } from "../../src/paths.ts";
import { Inbox, INBOX_START, type InboxPosition } from "../../src/intake/inbox.ts";
import { SourceError } from "../../src/intake/record.ts";
import { type Database, openDatabase } from "../../src/sqlite/open.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { HOSTILE_TEXTS, sessionEvent } from "../helpers/fixtures.ts";
import { pause } from "../helpers/wait_for.ts";

class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "inbox-test-" });
  readonly paths = statePaths(this.directory);
  readonly inbox = new Inbox(this.paths);

  constructor() {
    Deno.mkdirSync(this.paths.databaseDir, { recursive: true });
    Deno.mkdirSync(this.paths.sendDir);
  }

  insert(...uuids: string[]): void {
    for (const uuid of uuids) insertEvent(this.paths.queueDatabase, sessionEvent({ uuid }));
  }

  open(): Database {
    return openDatabase(this.paths.queueDatabase, { busyTimeoutMs: 1_000 });
  }

  uuids(position = INBOX_START, limit = 100): string[] {
    return this.inbox.read(position, limit)?.events.map(({ uuid }) => uuid) ?? [];
  }

  [Symbol.dispose](): void {
    this.inbox.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("Inbox.read() treats all later events as new if there is no database yet", () => {
  using queue = new Queue();
  const empty = queue.inbox.read(INBOX_START, 10);
  assert.deepEqual(empty, { events: [], position: { ...INBOX_START, againToId: 0 } });
  queue.insert("a");
  assert.equal(queue.inbox.read(empty.position, 10)?.again, 0);
  assert.equal(queue.inbox.read(INBOX_START, 10)?.again, 1);
});

Deno.test("Inbox.read() separates events that may have been read before from those that are new", () => {
  using queue = new Queue();
  queue.insert("a", "b", "c");
  const first = queue.inbox.read({ lastId: 3, lastUuid: "of another database" }, 2);
  assert.deepEqual([first?.again, first?.position.againToId], [2, 3]);
  queue.insert("d");
  const second = queue.inbox.read(first?.position ?? INBOX_START, 10);
  assert.deepEqual([second?.events.map(({ uuid }) => uuid), second?.again], [["c", "d"], 1]);
});

Deno.test("Inbox.read() reads the uptime if the hook recorded it, and rejects an invalid one", () => {
  using queue = new Queue();
  const recorded = [undefined, 0, 12_345, -1, 1.5, 2 ** 60, "5", null];
  const database = insertEvent(queue.paths.queueDatabase, sessionEvent({ uuid: "first" }));
  const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, 0, ?)");
  recorded.forEach((uptimeSeconds, index) =>
    insert.run(`${index}`, JSON.stringify({ ...sessionEvent(), uptimeSeconds }))
  );
  database.close();
  const page = queue.inbox.read(INBOX_START, 100);
  assert.deepEqual(page?.events.slice(1).map((event) => event.uptimeSeconds), [undefined, 0, 12_345]);
  assert.equal(page?.unreadable, 5);
});

Deno.test("Inbox.read() returns events as they were inserted, whatever their text", () => {
  using queue = new Queue();
  const events = HOSTILE_TEXTS.map((text, index) =>
    sessionEvent({ uuid: `${index}`, user: text.slice(0, 100), tampered: ["PAM_USER"] })
  );
  for (const event of events) insertEvent(queue.paths.queueDatabase, event);
  assert.deepEqual(queue.inbox.read(INBOX_START, 100)?.events, events);
});

Deno.test("Inbox.read() continues after a position, a page at a time", () => {
  using queue = new Queue();
  queue.insert("a", "b", "c");
  const first = queue.inbox.read(INBOX_START, 2);
  assert.deepEqual(first?.events.map(({ uuid }) => uuid), ["a", "b"]);
  const second = queue.inbox.read(first.position, 2);
  assert.deepEqual(second?.events.map(({ uuid }) => uuid), ["c"]);
  assert.deepEqual(queue.uuids(second.position), []);
  queue.insert("d");
  assert.deepEqual(queue.uuids(second.position), ["d"]);
});

Deno.test("Inbox.read() starts again if the position is from another database, or its row was deleted", () => {
  using queue = new Queue();
  queue.insert("a", "b", "c");
  const { position } = queue.inbox.read(INBOX_START, 10) ?? {};
  assert.deepEqual(queue.uuids({ lastId: 3, lastUuid: "of another database" }), ["a", "b", "c"]);
  const database = queue.open();
  database.prepare("DELETE FROM event WHERE uuid = 'c'").run();
  database.close();
  queue.insert("d"); // has the id that c had
  assert.deepEqual(queue.uuids(position), ["a", "b", "d"]);
});

Deno.test("Inbox.read() continues after a position that the hook has deleted, and counts the events dropped before", () => {
  using queue = new Queue();
  queue.insert("a", "b", "c", "d", "e", "f");
  const second = { lastId: 2, lastUuid: "b", againToId: 0 };
  using database = queue.open();
  const read = (position: InboxPosition) => {
    const { events = [], dropped = 0 } = queue.inbox.read(position, 100) ?? {};
    return [events.map(({ uuid }) => uuid).join(""), dropped];
  };
  const dropUpTo = (id: number) => database.prepare("DELETE FROM event WHERE id <= ?").run(id);
  dropUpTo(1);
  assert.deepEqual(read(second), ["cdef", 0]);
  dropUpTo(2);
  assert.deepEqual(read(second), ["cdef", 0], "the position was the last event that was deleted");
  dropUpTo(4);
  assert.deepEqual(read(second), ["ef", 2]);
  assert.deepEqual(read({ ...second, againToId: 3 }), ["ef", 1], "the event 3 may have been read before");
  assert.deepEqual(read({ ...second, againToId: 9 }), ["ef", 0]);
  assert.deepEqual(read({ ...INBOX_START, againToId: 0 }), ["ef", 4], "there was no database when send first ran");
  assert.deepEqual(read(INBOX_START), ["ef", 0], "a store that was lost may have had the events");
  dropUpTo(6);
  assert.deepEqual(read(second), ["", 0]);
});

Deno.test("Inbox.read() counts a limited number of events as dropped, whatever numbers the queue has", () => {
  const position = { lastId: 5, lastUuid: "x", againToId: 0 };
  for (const id of [2n ** 50n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 0n, -1n, -(2n ** 63n)]) {
    using queue = new Queue();
    queue.insert("a");
    using database = queue.open();
    database.prepare("UPDATE event SET id = ?").run(id);
    const page = () => queue.inbox.read(position, 100);
    if (id >= 2n ** 53n) assert.throws(page, /numbers that are too large/);
    else assert.equal(page()?.dropped, id > 0n ? 1_000_000 : undefined, `${id}`);
  }
});

Deno.test("Inbox.read() reads the new database if it was replaced", () => {
  using queue = new Queue();
  queue.insert("a");
  assert.deepEqual(queue.uuids(), ["a"]);
  for (const suffix of ["-wal", "-shm", ""]) {
    Deno.renameSync(`${queue.paths.queueDatabase}${suffix}`, `${queue.directory}/aside${suffix}`);
  }
  queue.insert("b");
  assert.deepEqual(queue.uuids(), ["b"]);
});

Deno.test("Inbox.read() does not create a deleted log again, and continues once a hook has", async () => {
  // In separate processes: the last one to close a database checkpoints and deletes its log.
  await using installation = await Installation.create();
  const paths = statePaths(installation.stateDir);
  const inbox = new Inbox(paths);
  const users = () => inbox.read(INBOX_START, 10)?.events.map(({ user }) => user);
  const hasLog = () => [...Deno.readDirSync(paths.databaseDir)].some(({ name }) => name.endsWith("-wal"));
  assert.equal((await installation.queue({ ...LOGIN, PAM_USER: "alice" })).code, 0);
  const other = openDatabase(paths.queueDatabase, { busyTimeoutMs: 0 });
  other.prepare("SELECT count(*) FROM event").get();
  other.close();
  assert.equal(hasLog(), false);
  assert.deepEqual(users(), ["alice"]);
  assert.equal(hasLog(), false, "the read did not create the log again");
  assert.equal((await installation.queue({ ...LOGIN, PAM_USER: "bob" })).code, 0);
  assert.equal(hasLog(), true);
  assert.deepEqual(users(), ["alice", "bob"]);
  inbox.close();
});

Deno.test("Inbox.read() finds the events in a log without its index", () => {
  using queue = new Queue();
  queue.insert("a", "b");
  Deno.removeSync(`${queue.paths.queueDatabase}-shm`);
  assert.deepEqual(queue.uuids(), ["a", "b"]);
});

Deno.test("Inbox.read() counts the records that it can't read, and returns the others", () => {
  using queue = new Queue();
  queue.insert("good");
  const database = queue.open();
  const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?)");
  const good = JSON.stringify(sessionEvent());
  const records = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    JSON.stringify({ ...sessionEvent(), type: "other" }),
    JSON.stringify({ ...sessionEvent(), tampered: ["anything"] }),
    JSON.stringify({ ...sessionEvent(), parentPid: 1.5 }),
    JSON.stringify({ ...sessionEvent(), authInfo: "A".repeat(1_000_000) }),
  ];
  records.forEach((record, index) => insert.run(`bad ${index}`, 1_000, record));
  insert.run("no time", null, good);
  insert.run("no sane time", 2n ** 63n - 1n, good);
  insert.run(null, 1_000, good);
  insert.run(null, 1_000, good);
  const page = queue.inbox.read(INBOX_START, 100);
  const uuids = page?.events.map(({ uuid }) => uuid) ?? [];
  assert.deepEqual([uuids.length, new Set(uuids).size, uuids[0]], [3, 3, "good"]);
  assert.equal(page?.unreadable, records.length + 2);
  assert.equal(page.position.lastId, records.length + 5, "reading continues after them");
});

Deno.test("Inbox.read() names the database that it can't read, and reads it once it is repaired", () => {
  using queue = new Queue();
  Deno.writeTextFileSync(queue.paths.queueDatabase, "garbage".repeat(1_000));
  assert.throws(() => queue.uuids(), (error: unknown) => {
    assert.ok(error instanceof SourceError);
    assert.match(error.message, /Cannot read the queue database ".*session_events\.db": /);
    return true;
  });
  Deno.removeSync(queue.paths.queueDatabase);
  queue.insert("a");
  assert.deepEqual(queue.uuids(), ["a"]);
});

Deno.test("Inbox.read() returns every event once and in order while hooks write and checkpoint the log", async () => {
  await using installation = await Installation.create();
  const inbox = new Inbox(statePaths(installation.stateDir));
  let hooks = 60;
  const hook = async () => {
    while (hooks-- > 0) {
      const env = { ...LOGIN, PAM_USER: `u${hooks}`, SSH_AUTH_INFO_0: "x".repeat(16_000) };
      assert.equal((await installation.queue(env)).code, 0);
    }
  };
  const writing = Promise.all([hook(), hook(), hook()]);
  let isWriting = true;
  writing.finally(() => isWriting = false);
  const users: string[] = [];
  let position = INBOX_START;
  const read = () => {
    const page = inbox.read(position, 1_000);
    if (page === undefined) return;
    users.push(...page.events.map(({ user }) => user));
    position = page.position;
  };
  while (isWriting) {
    read();
    await pause(1);
  }
  await writing;
  // Moves events from the spool, in case the machine was so busy that other hooks did not get the lock in time.
  assert.equal((await installation.queue({ ...LOGIN, PAM_USER: "last" })).code, 0);
  read();
  assert.equal(users.length, 61);
  assert.equal(new Set(users).size, 61);
  inbox.close();
  const left = [...Deno.readDirSync(`${installation.stateDir}/send`)].map(({ name }) => name);
  assert.deepEqual(left.filter((name) => /copy.*-(wal|shm|journal)/.test(name)), []);
});

Deno.test("Inbox.read() does not block if the database or its log is not a plain file", () => {
  for (const suffix of ["", "-wal"]) {
    using queue = new Queue();
    queue.insert("a");
    Deno.removeSync(`${queue.paths.queueDatabase}${suffix}`);
    assert.ok(new Deno.Command("mkfifo", { args: [`${queue.paths.queueDatabase}${suffix}`] }).outputSync().success);
    assert.throws(() => queue.uuids(), SourceError);
  }
});

Deno.test("Inbox.read() reads no view and no computed column, which may never end", () => {
  const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                   SELECT i AS id, 'u' || i AS uuid, 0 AS occurred_at_ms, '{}' AS record FROM n`;
  const computed = "record TEXT GENERATED ALWAYS AS (hex(zeroblob(1000)))";
  for (
    const sql of [
      `DROP TABLE event; CREATE VIEW event AS ${endless}`,
      `DROP TABLE event; CREATE TABLE event (id INTEGER PRIMARY KEY, uuid TEXT, occurred_at_ms INTEGER, ${computed});
       INSERT INTO event (uuid) VALUES ('a')`,
      "CREATE TRIGGER t BEFORE INSERT ON event BEGIN SELECT 1; END",
      "CREATE TABLE other (a)",
    ]
  ) {
    using queue = new Queue();
    queue.insert("a");
    using database = queue.open();
    database.exec(sql);
    assert.throws(() => queue.uuids(), /its schema is not that of a queue/);
  }
});

Deno.test("Inbox.read() does not copy a file with a hole larger than any disk", () => {
  for (const suffix of ["", "-wal"]) {
    using queue = new Queue();
    queue.insert("a");
    Deno.truncateSync(`${queue.paths.queueDatabase}${suffix}`, 1024 ** 4);
    assert.throws(() => queue.uuids(), /is mostly a hole/);
    assert.deepEqual([...Deno.readDirSync(queue.paths.sendDir)], []);
  }
});

Deno.test("Inbox.read() reports events with numbers that are too large, after it has read the others", () => {
  using queue = new Queue();
  queue.insert("a");
  using database = queue.open();
  database.exec(`INSERT INTO event (id, uuid) VALUES (${Number.MAX_SAFE_INTEGER}, 'b')`);
  queue.insert("hidden");
  const page = queue.inbox.read(INBOX_START, 10);
  assert.deepEqual([page?.events.map(({ uuid }) => uuid), page?.unreadable], [["a"], 1]);
  assert.throws(() => queue.inbox.read(page?.position ?? INBOX_START, 10), /numbers that are too large/);
  assert.throws(() => queue.inbox.read(page?.position ?? INBOX_START, 10), /numbers that are too large/);
});
