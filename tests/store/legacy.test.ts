// The unsent events of the Go program are all taken over, once, whatever their rows contain.

import assert from "node:assert/strict";
import type { Severity } from "../../src/log.ts";
import { statePaths } from "../../src/paths.ts";
import { loginOf } from "../../src/session/login.ts";
import { legacyEvent, type LegacyRow, parseDateTime, takeOver } from "../../src/store/legacy.ts";
import { garbagePage, HOSTILE_TEXTS } from "../helpers/fixtures.ts";
import { unjudged } from "../../src/store/events.ts";
import { type Database, openDatabase, pragma, transaction } from "../../src/sqlite/open.ts";
import { openToWrite } from "../../src/store/open.ts";

class Legacy implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "legacy-test-" });
  readonly paths = statePaths(this.directory);
  readonly logged: [Severity, string][] = [];

  constructor() {
    Deno.mkdirSync(this.paths.sendDir);
  }

  /** The database as the Go program creates it. */
  create(rows: readonly Partial<Record<keyof LegacyRow | "locked_at", string | null>>[], journalMode = "DELETE"): void {
    const database = this.open();
    pragma(database, `journal_mode = ${journalMode}`);
    database.exec(`
      CREATE TABLE schema_version (version INTEGER);
      INSERT INTO schema_version VALUES (1);
      CREATE TABLE session_events (
        id INTEGER PRIMARY KEY, event_type TEXT, user TEXT, remote_host TEXT, terminal TEXT, service TEXT,
        session_datetime TEXT, locked_at TEXT)`);
    const insert = database.prepare(
      `INSERT INTO session_events (event_type, user, remote_host, terminal, service, session_datetime, locked_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const row of rows) {
      const whole = { ...ROW, ...row };
      insert.run(
        ...([whole.event_type, whole.user, whole.remote_host, whole.terminal, whole.service] as string[]),
        whole.session_datetime,
        whole.locked_at,
      );
    }
    database.close();
  }

  open(): Database {
    return openDatabase(this.paths.legacyDatabase, { busyTimeoutMs: 0 });
  }

  takeOver(database: Database, keep = false): void {
    takeOver(database, { paths: this.paths, keep, log: (...entry) => void this.logged.push(entry) });
  }

  names(): string[] {
    return [...Deno.readDirSync(this.paths.sendDir)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const ROW = {
  event_type: "open_session",
  user: "alice",
  remote_host: "203.0.113.7",
  terminal: "ssh",
  service: "sshd",
  session_datetime: "2026-11-23T11:13:32.123456789+13:00",
  locked_at: null,
};
const AT = Date.UTC(2026, 10, 22, 22, 13, 32);

Deno.test("takeOver() makes an event of every row, including those that a crash left locked", () => {
  using legacy = new Legacy();
  legacy.create([
    {},
    { event_type: "close_session", session_datetime: "2026-11-22 22:13:32" },
    { user: "bob", locked_at: "2026-11-22 22:13:33" },
  ]);
  const database = openToWrite(":memory:");
  legacy.takeOver(database);
  assert.deepEqual(
    unjudged(database, 10).map((
      { type, user, remoteHost, occurredAtMs, tampered },
    ) => [type, user, remoteHost, occurredAtMs, tampered]),
    [
      ["open", "alice", "203.0.113.7", AT + 123, []],
      ["close", "alice", "203.0.113.7", AT, []],
      ["open", "bob", "203.0.113.7", AT + 123, []],
    ],
  );
  assert.deepEqual(legacy.names(), ["legacy.taken.db"]);
  assert.match(legacy.logged.join(), /took over 3 unsent events/);
  legacy.takeOver(database);
  assert.equal(unjudged(database, 10).length, 3);
});

Deno.test("takeOver() reads a log that was not checkpointed", () => {
  using legacy = new Legacy();
  legacy.create([{}], "WAL");
  const old = legacy.open();
  old.exec("INSERT INTO session_events (event_type, user) VALUES ('open_session', 'in the log')");
  const { legacyDatabase } = legacy.paths;
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(`${legacyDatabase}${suffix}`, `${legacy.directory}/x${suffix}`);
  old.close();
  for (const suffix of ["", "-wal"]) Deno.renameSync(`${legacy.directory}/x${suffix}`, `${legacyDatabase}${suffix}`);
  const database = openToWrite(":memory:");
  legacy.takeOver(database);
  assert.deepEqual(unjudged(database, 10).map(({ user }) => user), ["alice", "in the log"]);
});

Deno.test("takeOver() continues after an interruption, and changes nothing the second time", () => {
  using legacy = new Legacy();
  legacy.create([{}, {}]);
  const bytes = Deno.readFileSync(legacy.paths.legacyDatabase);
  const database = openToWrite(":memory:");
  // Killed before the transaction ended.
  assert.throws(() =>
    transaction(database, () => {
      legacy.takeOver(database);
      throw new Error("killed");
    })
  );
  Deno.writeFileSync(legacy.paths.legacyDatabase, bytes);
  assert.equal(unjudged(database, 10).length, 0);
  legacy.takeOver(database);
  // Killed after the transaction, before the file was renamed.
  Deno.writeFileSync(legacy.paths.legacyDatabase, bytes);
  database.exec("DELETE FROM event");
  legacy.takeOver(database);
  assert.equal(unjudged(database, 10).length, 0, "it was taken over twice");
  // A new file is another database.
  legacy.takeOver(database);
  legacy.create([{ user: "carol" }]);
  legacy.takeOver(database);
  assert.deepEqual(unjudged(database, 10).map(({ user }) => user), ["carol"]);
});

Deno.test("takeOver() marks the events of invalid rows, and continues after them", () => {
  using legacy = new Legacy();
  const odd = [
    { session_datetime: "yesterday" },
    { session_datetime: null },
    { event_type: "auth" },
    { event_type: null, user: null },
    ...HOSTILE_TEXTS.map((text) => ({ user: text, remote_host: text })),
  ];
  legacy.create(odd);
  const old = legacy.open();
  old.exec("INSERT INTO session_events VALUES (-5, x'00ff', 12, 1.5, x'ff', 'sshd', 20261122, NULL)");
  old.close();
  const database = openToWrite(":memory:");
  legacy.takeOver(database);
  const events = unjudged(database, 100);
  assert.equal(events.length, odd.length + 1);
  assert.deepEqual(events.slice(0, 5).map(({ tampered }) => tampered.join()), Array(5).fill("record"));
  for (const { uuid } of events) assert.match(uuid, /^go-\d+-[0-9a-f]{16}$|^go--5-[0-9a-f]{16}$/);
  for (const { user } of events) assert.ok(user.length <= 256);
});

Deno.test("takeOver() takes over the rows of a damaged database that SQLite can read, before and after the damage", () => {
  using legacy = new Legacy();
  legacy.create(Array.from({ length: 500 }, (_, index) => ({ user: `user ${index}` })));
  const file = Deno.openSync(legacy.paths.legacyDatabase, { write: true });
  const pages = Math.floor(file.statSync().size / 4096);
  file.seekSync(Math.floor(pages / 2) * 4096, Deno.SeekMode.Start);
  file.writeSync(garbagePage());
  file.close();
  const database = openToWrite(":memory:");
  legacy.takeOver(database);
  const users = unjudged(database, 1_000).map(({ user }) => user);
  assert.ok(users.includes("user 0") && users.includes("user 499"), `${users.length} users`);
  assert.ok(users.length > 300 && users.length < 500, `${users.length} users`);
  assert.deepEqual(legacy.names(), ["legacy.taken.db"]);
  assert.match(legacy.logged[0]?.join() ?? "", /^error,cannot read the Go program's database .*malformed/);
});

Deno.test("takeOver() continues if the file is not a database", () => {
  for (
    const make of [
      Deno.mkdirSync,
      (path: string) => Deno.symlinkSync("/nonexistent", path),
      (path: string) => Deno.writeTextFileSync(path, "x"),
    ]
  ) {
    using legacy = new Legacy();
    make(legacy.paths.legacyDatabase);
    legacy.takeOver(openToWrite(":memory:"));
    assert.deepEqual(legacy.names(), ["legacy.taken.db"]);
    assert.equal(legacy.logged[0]?.[0], "error");
  }
});

Deno.test("takeOver() for a preview does not change the file", () => {
  using legacy = new Legacy();
  legacy.create([{}]);
  const database = openToWrite(":memory:");
  legacy.takeOver(database, true);
  assert.equal(unjudged(database, 10).length, 1);
  assert.deepEqual(legacy.names(), ["legacy.db"]);
});

Deno.test("legacyEvent() is judged like any other event, and no close is paired with another session's open", () => {
  const row = { ...ROW, id: 7 };
  const event = legacyEvent(row);
  assert.deepEqual([event.connection, event.authInfo, event.parentPid], ["", "", -7]);
  const { address, tampered } = loginOf({ ...event, auth: [] });
  assert.deepEqual([address?.toString(), tampered], ["203.0.113.7", []]);
  assert.equal(legacyEvent(row).uuid, event.uuid);
  assert.notEqual(legacyEvent({ ...row, user: "bob" }).uuid, event.uuid);
});

Deno.test("parseDateTime() parses both forms, and nothing else", () => {
  const table: [unknown, number | undefined][] = [
    ["2026-11-23T11:13:32.5+13:00", AT + 500],
    ["2026-11-22T22:13:32Z", AT],
    ["2026-11-22T22:13:32.000000001Z", AT],
    ["2026-11-22T17:13:32-05:00", AT],
    ["2026-11-22 22:13:32", AT],
    ["2026-11-22 22:13:32.250", AT + 250],
    ["2026-11-23 11:13:32+13:00", AT],
    ["2026-02-30 00:00:00", undefined],
    ["2026-11-22", undefined],
    ["22.11.2026 22:13:32", undefined],
    ["", undefined],
    [null, undefined],
    [1_764_000_000, undefined],
  ];
  for (const [text, expected] of table) assert.equal(parseDateTime(text), expected, String(text));
});

Deno.test("takeOver() does not block on a FIFO, and reads no view, which may never end", () => {
  const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n";
  const spoil: Record<string, (legacy: Legacy) => unknown> = {
    "a FIFO": ({ paths }) => new Deno.Command("mkfifo", { args: [paths.legacyDatabase] }).outputSync(),
    "a view": (legacy) => {
      const old = legacy.open();
      old.exec(`CREATE VIEW session_events AS ${endless}`);
      old.close();
    },
  };
  for (const [what, make] of Object.entries(spoil)) {
    using legacy = new Legacy();
    make(legacy);
    legacy.takeOver(openToWrite(":memory:"));
    assert.match(legacy.logged.join(), /cannot read the Go program's database/, what);
  }
});
