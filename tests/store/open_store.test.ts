// Whatever happens to deliveries.db, the next run works: pending events are sent, delivered events are not, and old
// events do not come back.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import type { Severity } from "../../src/log.ts";
import { statePaths } from "../../src/paths.ts";
import { systemClock } from "../../src/clock.ts";
import { judgePending } from "../../src/send/judge_pending.ts";
import { openStore, previewStore } from "../../src/store/open_store.ts";
import { NewerSchemaError } from "../../src/store/schema.ts";
import { setAside } from "../../src/store/set_aside.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";
import { type Database, openDatabase, pragma, transaction } from "../../src/sqlite/open.ts";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import { inboxPosition, takeIn } from "../../src/store/take_in.ts";
import { openToWrite } from "../../src/store/open.ts";
import { pendingEvents } from "../../src/store/events.ts";
import { seen } from "../../src/store/seen.ts";

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

function overwrite(path: string, position: number, length = 4096): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(position, Deno.SeekMode.Start);
  for (let done = 0; done < length; done += 4096) {
    file.writeSync(crypto.getRandomValues(new Uint8Array(Math.min(4096, length - done))));
  }
}

const WHOLE = { delivered: 100, "pending repeat": 100, dead: 100 };

const DAMAGES: Record<string, { damage: (store: Store, path: string) => unknown; whole: boolean }> = {
  "its header is garbage": { damage: (_, path) => overwrite(path, 0), whole: true },
  "the first bytes are zero": { damage: (_, path) => zero(path, 4096), whole: true },
  "it has other tables": {
    damage: (_, path) => {
      const database = openDatabase(path, { busyTimeoutMs: 0 });
      database.exec("DROP TABLE inbox");
      database.close();
    },
    whole: true,
  },
  "a directory is in its place": {
    damage: (_, path) => (Deno.removeSync(path), Deno.mkdirSync(path)),
    whole: false,
  },
  "a FIFO is in its place": {
    damage: (_, path) => (Deno.removeSync(path), new Deno.Command("mkfifo", { args: [path] }).outputSync()),
    whole: false,
  },
  "a link is in its place": {
    damage: (store, path) => (Deno.renameSync(path, `${store.directory}/x`), Deno.symlinkSync("../x", path)),
    whole: false,
  },
  "its header is garbage, and its rows are from before a column was added": {
    damage: (_, path) => {
      const database = openDatabase(path, { busyTimeoutMs: 0 });
      database.exec("DROP INDEX delivery_pending; DROP INDEX delivery_turn");
      for (const [table, last] of [["event", "taken_in_ms"], ["delivery", "delivered_at_ms"]]) {
        const columns = database.prepare(`PRAGMA table_info(${table})`).all().map(({ name }) => String(name));
        const added = columns.slice(columns.indexOf(`${last}`) + 1);
        assert.notDeepEqual(added, []);
        for (const name of added) database.exec(`ALTER TABLE ${table} DROP COLUMN ${name}`);
      }
      database.close();
      overwrite(path, 0);
    },
    whole: true,
  },
  "its log is a directory": {
    damage: (_, path) => Deno.mkdirSync(`${path}-wal`),
    whole: true,
  },
  "it is garbage": { damage: (_, path) => overwrite(path, 0, Deno.statSync(path).size), whole: false },
};

function zero(path: string, length: number): void {
  using file = Deno.openSync(path, { write: true });
  file.writeSync(new Uint8Array(length));
}

for (const [what, { damage, whole }] of Object.entries(DAMAGES)) {
  Deno.test(`openStore() creates a new store if ${what}, and recovers what can be read`, () => {
    using store = new Store();
    store.fill();
    store.fold();
    damage(store, store.paths.deliveriesDatabase);
    const database = store.open();
    if (whole) assert.deepEqual(census(database), WHOLE);
    // The queue is read again from the start.
    assert.equal(inboxPosition(database).againToId, undefined);
    take(database, 300);
    if (whole) assert.deepEqual(census(database), WHOLE);
    else assert.deepEqual(census(database), { history: 276, "unjudged repeat": 24 });
    assert.equal(store.logged[0]?.[0], "error");
    assert.match(store.folders().join(), /^damaged-\d{8}T\d{6}Z$/);
    database.close();
    // The recovery is done once.
    store.logged.length = 0;
    store.open().close();
    assert.deepEqual([store.logged, store.folders().length], [[], 1]);
  });
}

Deno.test("openStore() recovers the data of the log if the database itself is empty", () => {
  using store = new Store();
  store.fill();
  Deno.truncateSync(store.paths.deliveriesDatabase);
  const database = store.open();
  assert.deepEqual(census(database), WHOLE);
  database.close();
});

Deno.test("openStore() recovers all but a damaged page, and sends the recent events of that page again", () => {
  using store = new Store();
  store.fill();
  store.fold();
  const path = store.paths.deliveriesDatabase;
  const pages = Deno.statSync(path).size / 4096;
  assert.ok(pages > 20);
  let damaged = 0;
  for (let page = 1; page < pages; page++) {
    const bytes = Deno.readFileSync(path);
    overwrite(path, page * 4096);
    using copy = new Store();
    Deno.copyFileSync(path, copy.paths.deliveriesDatabase);
    // As a statement during the run would.
    setAside(copy.paths, NOW);
    const database = copy.open();
    take(database, 300);
    const { delivered = 0, dead = 0, history = 0, ...rest } = census(database);
    assert.deepEqual(
      Object.keys(rest).filter((kind) => !/^(pending|unjudged)( repeat)?$/.test(kind)),
      [],
      `page ${page}`,
    );
    assert.ok(delivered <= 100 && dead <= 100, `page ${page}: ${JSON.stringify(census(database))}`);
    const fresh = database.prepare(
      `SELECT count(*) AS n FROM event LEFT JOIN delivery ON event_id = id
       WHERE occurred_at_ms >= ? AND (verdict IS NULL OR state IS NOT NULL)`,
    ).get(NOW - 24 * HOUR)?.["n"];
    assert.equal(fresh, 24, `page ${page}: every fresh event is known as delivered, dead or to be sent`);
    if (delivered + dead < 200 || history > 0) damaged++;
    database.close();
    Deno.writeFileSync(path, bytes);
  }
  assert.ok(damaged > 10, `only ${damaged} pages mattered`);
});

Deno.test("openStore() lets a close that is judged again find its open, and keeps what was seen before", () => {
  using store = new Store();
  const first = store.open({ hadStore: false });
  const events = [
    sessionEvent({ uuid: "old", occurredAtMs: NOW - 100 * 24 * HOUR, user: "bob" }),
    sessionEvent({ uuid: "open", occurredAtMs: NOW - 2 * HOUR }),
    sessionEvent({ uuid: "close", occurredAtMs: NOW - HOUR, type: "close" }),
  ];
  takeIn(first, { events, position: { lastId: 3, lastUuid: "close", againToId: 0 }, again: 0 });
  const config = parseConfig('[notification]\nservice = "stdout"', { hostName: () => "h" });
  const context = { config, database: first, clock: { ...systemClock, nowMs: () => NOW }, log: () => {} };
  judgePending(context);
  // Its delivery was on a page that can't be read.
  first.prepare("DELETE FROM delivery WHERE event_id = (SELECT id FROM event WHERE uuid = 'close')").run();
  first.close();
  overwrite(store.paths.deliveriesDatabase, 0);

  const second = store.open();
  assert.deepEqual(unjudged(second, 10).map(({ uuid }) => uuid), ["close"]);
  judgePending({ ...context, database: second });
  const close = pendingEvents(second, "default").find(({ uuid }) => uuid === "close");
  assert.equal(close?.durationMs, HOUR);
  const login = { user: "carol", address: "", remoteHost: "", keyFingerprint: "" };
  assert.equal(seen(second, login).firstEventAtMs, NOW - 100 * 24 * HOUR);
  second.close();
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

Deno.test("openStore() completes a run that was killed after any step", () => {
  const done = (store: Store) => {
    const database = store.open();
    take(database, 300);
    const found = census(database);
    database.close();
    store.open().close();
    assert.match(store.folders().join(), /^damaged-\d{8}T\d{6}Z$/);
    return found;
  };
  const name = "damaged-20261123T000000Z";
  for (let step = 0; step <= ALL.length + 2; step++) {
    using store = new Store();
    store.fill();
    const { sendDir, deliveriesDatabase } = store.paths;
    overwrite(deliveriesDatabase, 0, 100);
    // The steps, from 0: create the directory, move each file, rename the directory, initialize the new store.
    Deno.mkdirSync(`${sendDir}/${name}.moving`);
    for (const suffix of ALL.slice(0, step)) {
      Deno.renameSync(`${deliveriesDatabase}${suffix}`, `${sendDir}/${name}.moving/deliveries.db${suffix}`);
    }
    if (step > ALL.length) Deno.renameSync(`${sendDir}/${name}.moving`, `${sendDir}/${name}.reading`);
    if (step > ALL.length + 1) openToWrite(deliveriesDatabase).close();
    assert.deepEqual(done(store), WHOLE, `step ${step}`);
  }
});

Deno.test("previewStore() returns what a new store would contain, and changes nothing", () => {
  using store = new Store();
  store.fill();
  store.fold();
  overwrite(store.paths.deliveriesDatabase, 0);
  const before = [...Deno.readDirSync(store.paths.sendDir)].map(({ name }) => name).sort();
  const bytes = Deno.readFileSync(store.paths.deliveriesDatabase);
  const database = store.preview();
  assert.deepEqual(census(database), WHOLE);
  database.close();
  assert.deepEqual([...Deno.readDirSync(store.paths.sendDir)].map(({ name }) => name).sort(), before);
  assert.deepEqual(Deno.readFileSync(store.paths.deliveriesDatabase), bytes);
});
