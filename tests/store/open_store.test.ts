// Whatever happens to deliveries.db, the next run works: pending events are sent, delivered events are not, and old
// events do not come back.

import assert from "node:assert/strict";
import type { Severity } from "../../src/log.ts";
import { statePaths } from "../../src/paths.ts";
import { type Database, openDatabase, pragma, transaction } from "../../src/sqlite/open.ts";
import { backUpTo } from "../../src/sqlite/backup.ts";
import { backUpDaily, noteBackupFault } from "../../src/store/backup.ts";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";
import { openStore, previewStore } from "../../src/store/open_store.ts";
import { readOverview } from "../../src/store/overview.ts";
import { migrate, NewerSchemaError, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { inboxPosition, takeIn } from "../../src/store/take_in.ts";
import { garbagePage, judgement, sessionEvent } from "../helpers/fixtures.ts";

const NOW = Date.UTC(2026, 10, 23);
const HOUR = 60 * 60 * 1000;
const ALL = ["-wal", "-shm", ""];

class Store implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "store-test-" });
  readonly paths = statePaths(this.directory);
  readonly logged: [Severity, string][] = [];

  constructor() {
    Deno.mkdirSync(this.paths.sendDir, { recursive: true });
  }

  get #options() {
    return {
      paths: this.paths,
      log: (...entry: [Severity, string]) => void this.logged.push(entry),
      nowMs: NOW,
      hadStore: true,
      newestAtMs: () => NOW,
    };
  }

  open(overrides: { hadStore?: boolean; newestAtMs?: () => number | undefined } = {}): Database {
    return openStore({ ...this.#options, ...overrides });
  }

  preview(): Database {
    return previewStore(this.#options);
  }

  /** 300 events of the last 300 hours; of each three one is delivered, one pending, one dead. */
  fill(): void {
    const database = this.open({ hadStore: false });
    take(database, 300, { again: false });
    transaction(database, () => {
      for (const { id, uuid } of unjudged(database, 1_000)) {
        recordVerdict(database, judgement(id, { address: "203.0.113.7" }), NOW);
        const state = ["delivered", "pending", "dead"][Number(uuid) % 3] ?? "";
        database.prepare("UPDATE delivery SET state = ? WHERE event_id = ?").run(state, id);
      }
    });
    // As after a crash: all data is in the log.
    const path = this.paths.deliveriesDatabase;
    for (const suffix of ALL) Deno.copyFileSync(`${path}${suffix}`, `${this.directory}/copy${suffix}`);
    database.close();
    for (const suffix of ALL) Deno.renameSync(`${this.directory}/copy${suffix}`, `${path}${suffix}`);
  }

  /** As after a complete run: all data is in the database. */
  fold(): void {
    openToWrite(this.paths.deliveriesDatabase).close();
  }

  /** A backup of the store as it is. */
  async backUp(): Promise<void> {
    const database = openDatabase(this.paths.deliveriesDatabase, { busyTimeoutMs: 0 });
    await backUpTo(this.paths.deliveriesBackup, database);
    database.close();
  }

  folders(): string[] {
    return [...Deno.readDirSync(this.paths.sendDir)].map(({ name }) => name).filter((name) =>
      name.startsWith("damaged")
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Takes in the first `count` events of the queue, as a read from the start does. The newest is the last one. */
function take(database: Database, count: number, { again = true } = {}): void {
  const events = Array.from(
    { length: count },
    (_, index) => sessionEvent({ uuid: `${index}`, occurredAtMs: NOW - (count - index) * HOUR, parentPid: index }),
  );
  const last = { lastId: count, lastUuid: `${count - 1}`, againToId: count };
  takeIn(database, { events, position: last, again: again ? count : 0 });
}

/** The number of events of each kind. */
function census(database: Database): Record<string, number> {
  const rows = database.prepare(
    `SELECT CASE WHEN is_history = 1 THEN 'history' ELSE coalesce(state, 'unjudged') END
       || CASE is_repeat WHEN 1 THEN ' repeat' ELSE '' END AS kind, count(*) AS n
     FROM event LEFT JOIN delivery ON event_id = id GROUP BY kind ORDER BY kind`,
  ).all();
  return Object.fromEntries(rows.map(({ kind, n }) => [String(kind), Number(n)]));
}

function overwrite(path: string, position: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(position, Deno.SeekMode.Start);
  file.writeSync(garbagePage());
}

/** What openStore() restores from the backup of {@link Store.fill}: pending database may have been delivered since. */
const RESTORED = { delivered: 100, "pending repeat": 100, dead: 100 };

/** What it makes without a backup: events of the last day are sent again. */
const LOST = { history: 276, "unjudged repeat": 24 };

const DAMAGES: Record<string, (path: string, store: Store) => unknown> = {
  "its header is garbage": (path) => overwrite(path, 0),
  "the first bytes are zero": (path) => {
    using file = Deno.openSync(path, { write: true });
    file.writeSync(new Uint8Array(4096));
  },
  "it has other tables": (path) => {
    const database = openDatabase(path, { busyTimeoutMs: 0 });
    database.exec("DROP TABLE inbox");
    database.close();
  },
  "a directory is in its place": (path) => (Deno.removeSync(path), Deno.mkdirSync(path)),
  "a FIFO is in its place": (
    path,
  ) => (Deno.removeSync(path), new Deno.Command("mkfifo", { args: [path] }).outputSync()),
  "a link is in its place": (path, { directory }) => (
    Deno.renameSync(path, `${directory}/x`), Deno.symlinkSync("../x", path)
  ),
  "its log is a directory": (path) => Deno.mkdirSync(`${path}-wal`),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  Deno.test(`openStore() restores the backup if ${what}, or creates a new store without one`, async () => {
    for (const hasBackup of [true, false]) {
      using store = new Store();
      store.fill();
      store.fold();
      if (hasBackup) await store.backUp();
      damage(store.paths.deliveriesDatabase, store);
      const database = store.open();
      const expected = hasBackup ? RESTORED : LOST;
      if (hasBackup) assert.deepEqual(census(database), expected);
      // The queue is read again from the start.
      assert.equal(inboxPosition(database).againToId, undefined);
      take(database, 300);
      assert.deepEqual(census(database), expected);
      assert.equal(store.logged[0]?.[0], "error");
      assert.match(store.logged.join("\n"), hasBackup ? /restored the store from its backup of \d/ : /was lost/);
      assert.match(store.folders().join(), /^damaged-\d{8}T\d{6}Z$/);
      database.close();
      // The recovery is done once.
      store.logged.length = 0;
      store.open().close();
      assert.deepEqual([store.logged, store.folders().length], [[], 1]);
    }
  });
}

Deno.test("openStore() sends what the backup does not know as possible repeats, and later events as new", async () => {
  using store = new Store();
  store.fill();
  await store.backUp();
  Deno.removeSync(store.paths.deliveriesDatabase);
  const database = store.open();
  const events = [
    sessionEvent({ uuid: "since the backup", occurredAtMs: NOW - HOUR }),
    sessionEvent({ uuid: "long before", occurredAtMs: NOW - 25 * HOUR }),
    sessionEvent({ uuid: "later", occurredAtMs: NOW }),
  ];
  takeIn(database, { events, position: { lastId: 303, lastUuid: "later", againToId: 302 }, again: 2 });
  const added = database.prepare("SELECT uuid, is_repeat, is_history FROM event WHERE id > 300").all();
  assert.deepEqual(added.map((row) => ({ ...row })), [
    { uuid: "since the backup", is_repeat: 1, is_history: 0 },
    { uuid: "long before", is_repeat: 0, is_history: 1 },
    { uuid: "later", is_repeat: 0, is_history: 0 },
  ]);
  database.close();
});

Deno.test("openStore() creates a new store if the backup is damaged too, or is another database", async () => {
  for (
    const spoil of [DAMAGES["its header is garbage"], DAMAGES["it has other tables"], DAMAGES["a FIFO is in its place"]]
  ) {
    using store = new Store();
    store.fill();
    await store.backUp();
    Deno.removeSync(store.paths.deliveriesDatabase);
    spoil?.(store.paths.deliveriesBackup, store);
    const database = store.open();
    take(database, 300);
    assert.deepEqual(census(database), LOST);
    database.close();
  }
});

Deno.test("a store with a damaged index is not backed up", async () => {
  using store = new Store();
  store.fill();
  store.fold();
  const path = store.paths.deliveriesDatabase;
  const before = openDatabase(path, { busyTimeoutMs: 0 });
  const leaf = before.prepare("SELECT pageno FROM dbstat WHERE name = 'event_occurred' AND pagetype = 'leaf'").get();
  before.close();
  // The last byte of the page belongs to the row id in an entry: the entry leads to another row.
  using file = Deno.openSync(path, { read: true, write: true });
  const last = Number(leaf?.["pageno"]) * 4096 - 1;
  const byte = new Uint8Array(1);
  file.seekSync(last, Deno.SeekMode.Start);
  file.readSync(byte);
  file.seekSync(last, Deno.SeekMode.Start);
  file.writeSync(byte.map((value) => value ^ 1));
  const database = openDatabase(path, { busyTimeoutMs: 0 });
  assert.equal(pragma(database, "quick_check(1)"), "ok");
  await assert.rejects(backUpTo(store.paths.deliveriesBackup, database), /is damaged/);
  assert.throws(() => Deno.statSync(store.paths.deliveriesBackup), Deno.errors.NotFound);
  database.close();
});

Deno.test("openStore() believes the newest event, not a clock that is far ahead, when it restores a backup", async () => {
  using store = new Store();
  store.fill();
  await store.backUp();
  Deno.removeSync(store.paths.deliveriesDatabase);
  const yearAgo = NOW - 365 * 24 * HOUR;
  const database = store.open({ newestAtMs: () => yearAgo });
  assert.throws(() => Deno.statSync(store.paths.deliveriesBackup), Deno.errors.NotFound);
  const events = [sessionEvent({ uuid: "since the backup", occurredAtMs: yearAgo })];
  takeIn(database, { events, position: { lastId: 301, lastUuid: "since the backup", againToId: 301 }, again: 1 });
  const row = database.prepare("SELECT is_repeat, is_history FROM event WHERE uuid = 'since the backup'").get();
  assert.deepEqual({ ...row }, { is_repeat: 1, is_history: 0 });
  database.close();
});

Deno.test("openStore() migrates a backup of an earlier release", async () => {
  using store = new Store();
  const old = openDatabase(store.paths.deliveriesBackup, { busyTimeoutMs: 0 });
  migrate(old, { upTo: 1 });
  old.exec("INSERT INTO store (one, repeats_before_ms, history_before_ms, last_run_at_ms) VALUES (1, 0, 0, 0)");
  old.close();
  const database = store.open();
  assert.equal(pragma(database, "user_version"), SCHEMA_VERSION);
  assert.match(store.logged.join(), /restored/);
  database.close();
  await Promise.resolve();
});

Deno.test("openStore() completes a restoration that was killed at any step", async () => {
  const steps = ["folder", "database", "log", "unfinished"];
  for (let step = 0; step <= steps.length; step++) {
    using store = new Store();
    store.fill();
    await store.backUp();
    const { deliveriesDatabase: path, sendDir } = store.paths;
    overwrite(path, 0);
    Deno.writeTextFileSync(`${path}-wal`, "a log");
    const folder = `${sendDir}/damaged-20261123T000000Z`;
    const work: Record<string, () => void> = {
      folder: () => Deno.mkdirSync(folder),
      database: () => Deno.renameSync(path, `${folder}/deliveries.db`),
      log: () => Deno.renameSync(`${path}-wal`, `${folder}/deliveries.db-wal`),
      unfinished: () => Deno.copyFileSync(store.paths.deliveriesBackup, `${path}.unfinished`),
    };
    for (const name of steps.slice(0, step)) work[name]?.();
    const database = store.open();
    take(database, 300);
    assert.deepEqual(census(database), RESTORED, `step ${step}`);
    database.close();
    const names = [...Deno.readDirSync(sendDir)].map(({ name }) => name).filter((name) => !name.startsWith("damaged-"));
    assert.deepEqual(names.sort(), ["deliveries.db"], `step ${step}`);
  }
});

Deno.test("backUpDaily() makes a private, complete backup once a day, and keeps the last one if it fails", async () => {
  using store = new Store();
  store.fill();
  const database = store.open();
  const { deliveriesBackup: path, sendDir } = store.paths;
  const backUp = (nowMs: number) => backUpDaily(database, { paths: store.paths, nowMs });
  await backUp(Date.now());
  assert.throws(() => Deno.statSync(path), Deno.errors.NotFound, "the store is new");
  database.exec(`UPDATE store SET elapsed_ms = ${24 * HOUR}`);
  await backUp(Date.now());
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  const copy = openDatabase(path, { readOnly: true, busyTimeoutMs: 0 });
  assert.equal(copy.prepare("SELECT count(*) AS n FROM event").get()?.["n"], 300);
  copy.close();
  const first = Deno.statSync(path).ino;
  for (const hours of [0, 23, -23]) {
    await backUp(Date.now() + hours * HOUR);
    assert.equal(Deno.statSync(path).ino, first, `after ${hours} hours`);
  }
  Deno.mkdirSync(`${path}.unfinished/x`, { recursive: true });
  await assert.rejects(backUp(Date.now() + 25 * HOUR));
  assert.equal(Deno.statSync(path).ino, first);
  Deno.removeSync(`${path}.unfinished`, { recursive: true });
  await backUp(Date.now() + 25 * HOUR);
  assert.notEqual(Deno.statSync(path).ino, first);
  assert.deepEqual([...Deno.readDirSync(sendDir)].filter(({ name }) => name.includes("unfinished")), []);
  database.close();
});

Deno.test("noteBackupFault() reports each reason once, until the backup works", () => {
  using store = new Store();
  const database = store.open();
  const reasons = ["", "full", "full", "busy", "", "", "busy"];
  assert.deepEqual(reasons.map((reason) => noteBackupFault(database, reason)), [
    ...[false, true, false, true],
    ...[true, false, true],
  ]);
  assert.equal(readOverview(store.paths.deliveriesDatabase)?.backupFault, "busy");
  database.close();
});

Deno.test("openStore() sends all events if there never was a store, except those older than a week", () => {
  using store = new Store();
  const database = store.open({ hadStore: false });
  take(database, 300);
  assert.deepEqual(census(database), { history: 300 - 7 * 24, unjudged: 7 * 24 });
  assert.deepEqual(store.logged, []);
  database.close();
});

for (const isEmpty of [false, true]) {
  Deno.test(`openStore() sends the events of the last day as possible repeats if the store ${isEmpty ? "is empty" : "was lost"}`, () => {
    using store = new Store();
    store.fill();
    store.fold();
    Deno.removeSync(store.paths.deliveriesDatabase);
    if (isEmpty) Deno.createSync(store.paths.deliveriesDatabase).close();
    const database = store.open();
    take(database, 300);
    assert.deepEqual(census(database), { history: 276, "unjudged repeat": 24 });
    // Later events are new.
    takeIn(database, {
      events: [sessionEvent({ uuid: "new", occurredAtMs: 0 })],
      position: { lastId: 301, lastUuid: "new", againToId: 300 },
    });
    assert.deepEqual(census(database), { history: 276, unjudged: 1, "unjudged repeat": 24 });
    assert.match(store.logged.join(), /the store of past deliveries was lost/);
    database.close();
  });
}

Deno.test("openStore() does not turn all events into history if the clock has jumped forward", () => {
  using store = new Store();
  const database = store.open({ newestAtMs: () => NOW - 365 * 24 * HOUR });
  const yearAgo = NOW - 365 * 24 * HOUR;
  takeIn(database, {
    events: [
      sessionEvent({ uuid: "old", occurredAtMs: yearAgo - 25 * HOUR }),
      sessionEvent({ uuid: "fresh", occurredAtMs: yearAgo }),
    ],
    position: { lastId: 2, lastUuid: "fresh", againToId: 2 },
    again: 2,
  });
  assert.deepEqual(census(database), { history: 1, "unjudged repeat": 1 });
  database.close();
});

Deno.test("openStore() does not change the store of a later release", () => {
  using store = new Store();
  const database = openDatabase(store.paths.deliveriesDatabase, { busyTimeoutMs: 0 });
  pragma(database, "user_version = 99");
  database.close();
  assert.throws(() => store.open(), NewerSchemaError);
  assert.deepEqual(store.folders(), []);
});

Deno.test("previewStore() changes nothing, and reports a damaged store", () => {
  using store = new Store();
  store.fill();
  store.fold();
  const before = [...Deno.readDirSync(store.paths.sendDir)].map(({ name }) => name).sort();
  const database = store.preview();
  assert.deepEqual(census(database), { dead: 100, delivered: 100, pending: 100 });
  database.close();
  overwrite(store.paths.deliveriesDatabase, 0);
  const bytes = Deno.readFileSync(store.paths.deliveriesDatabase);
  assert.throws(() => store.preview());
  assert.deepEqual([...Deno.readDirSync(store.paths.sendDir)].map(({ name }) => name).sort(), before);
  assert.deepEqual(Deno.readFileSync(store.paths.deliveriesDatabase), bytes);
});
