// Intake always ends and reads each event once, whatever the queue database does.

import assert from "node:assert/strict";
import type { Severity } from "../../src/log.ts";
import { Intake } from "../../src/send/intake.ts";
import { statePaths } from "../../src/paths.ts";
import { insertEvent } from "../../src/hook/insert.ts";
import { Inbox, type InboxPosition } from "../../src/intake/inbox.ts";
import { SourceError } from "../../src/intake/record.ts";
import { beginStore } from "../../src/store/read_again.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { unreadQueuesOf } from "../../src/store/sources.ts";
import { announceQueueProblems } from "../../src/store/unreadable.ts";
import { queueLogins } from "../helpers/logins.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";

/** Nothing exists in /proc/nonexistent, so only the inbox has events. */
const NOTHING_ELSE = { paths: statePaths("/proc/nonexistent"), clock: new FakeClock() };

/** An inbox with reads that the test controls. */
class ScriptedInbox extends Inbox {
  readonly #read: (position: InboxPosition) => ReturnType<Inbox["read"]>;

  constructor(read: (position: InboxPosition) => ReturnType<Inbox["read"]>) {
    super(NOTHING_ELSE.paths);
    this.#read = read;
  }

  override read(position: InboxPosition): ReturnType<Inbox["read"]> {
    return this.#read(position);
  }

  override readOn(position: InboxPosition): ReturnType<Inbox["read"]> {
    return this.#read(position);
  }
}

Deno.test("takeIn() ends even if the database makes reading restart repeatedly", () => {
  const database = openToWrite(":memory:");
  const page = { events: [sessionEvent()], position: { lastId: 1, lastUuid: "never the same" } };
  let reads = 0;
  const inbox = new ScriptedInbox(() => {
    assert.ok(++reads < 10, "it does not end");
    return page;
  });
  new Intake({ ...NOTHING_ELSE, database, inbox, log: () => {} }).takeIn();
  assert.equal(unjudged(database, 10).length, 1);
});

Deno.test("takeIn() reads a few pages in each step until the pass ends, and commits twice in each", () => {
  const database = openToWrite(":memory:");
  const prepare = database.prepare.bind(database);
  let commits = 0;
  database.prepare = (sql) => {
    if (sql === "COMMIT") commits++;
    return prepare(sql);
  };
  const inbox = new ScriptedInbox(({ lastId }) => ({
    events: lastId < 13 ? [sessionEvent({ uuid: `${lastId + 1}` })] : [],
    position: { lastId: lastId + 1, lastUuid: `${lastId + 1}` },
  }));
  const intake = new Intake({ ...NOTHING_ELSE, database, inbox, log: () => {} });
  assert.equal(intake.takeIn(), true);
  assert.equal(unjudged(database, 100).length, 10);
  assert.equal(commits, 2);
  assert.equal(intake.takeIn(), false);
  assert.equal(unjudged(database, 100).length, 13);
});

Deno.test("takeIn() reports once why it cannot read, and detects when it can again", () => {
  const logged: [Severity, string][] = [];
  let broken = true;
  const inbox = new ScriptedInbox(() => {
    if (broken) throw new SourceError("Cannot read the queue database");
    return undefined;
  });
  const database = openToWrite(":memory:");
  const intake = new Intake({ ...NOTHING_ELSE, database, inbox, log: (...entry) => void logged.push(entry) });
  intake.takeIn();
  intake.takeIn();
  assert.deepEqual(logged, [["error", "Cannot read the queue database"]]);
  assert.equal(intake.fault?.message, "Cannot read the queue database");
  broken = false;
  intake.takeIn();
  assert.equal(intake.fault, undefined);
});

/** A queue on disk, and its intake. */
class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "intake-test-" });
  readonly paths = statePaths(this.directory);
  readonly database = openToWrite(":memory:");
  readonly clock = new FakeClock();
  readonly logged: [Severity, string][] = [];
  #inbox = new Inbox(this.paths);

  constructor() {
    Deno.mkdirSync(this.paths.spoolDir, { recursive: true });
    Deno.mkdirSync(this.paths.databaseDir);
    Deno.mkdirSync(this.paths.sendDir);
    beginStore(this.database, { origin: "first", nowMs: this.clock.nowMs() });
  }

  /** One run. */
  takeIn({ paths = this.paths } = {}): Intake {
    const { clock, database } = this;
    this.#inbox.close();
    this.#inbox = new Inbox(paths);
    const log = (...entry: [Severity, string]) => void this.logged.push(entry);
    const intake = new Intake({ database, inbox: this.#inbox, paths, clock, log });
    for (const _ of [1, 2]) while (intake.takeIn() || intake.takeInDamaged());
    return intake;
  }

  spool(uuid: string): void {
    Deno.writeTextFileSync(`${this.paths.spoolDir}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
  }

  insert(uuid: string, folder = this.paths.databaseDir): void {
    insertEvent(`${folder}/session_events.db`, sessionEvent({ uuid }));
  }

  /** A queue database that was set aside, with these events. */
  setAside(name: string, ...uuids: string[]): string {
    const folder = `${this.paths.queueDir}/${name}`;
    Deno.mkdirSync(folder);
    for (const uuid of uuids) this.insert(uuid, folder);
    return folder;
  }

  uuids(): string[] {
    return unjudged(this.database, 10_000).map(({ uuid }) => uuid).sort();
  }

  [Symbol.dispose](): void {
    this.#inbox.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const [A, B, C] = ["a", "b", "c"].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`) as [
  string,
  string,
  string,
];

Deno.test("takeIn() reads an event once if it is in both the database and the spool, whichever comes first", () => {
  using queue = new Queue();
  queue.insert(A);
  queue.spool(A);
  queue.spool(B);
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B]);
  // A hook has moved it into the database.
  queue.insert(B);
  Deno.removeSync(`${queue.paths.spoolDir}/${B}.json`);
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B]);
});

Deno.test("takeIn() reads the spool if the database is missing, damaged or a folder, and reports which", () => {
  const broken: Record<string, (path: string) => void> = {
    missing: () => {},
    damaged: (path) => Deno.writeFileSync(path, crypto.getRandomValues(new Uint8Array(8_192))),
    folder: (path) => Deno.mkdirSync(path),
  };
  for (const [what, make] of Object.entries(broken)) {
    using queue = new Queue();
    make(queue.paths.queueDatabase);
    queue.spool(A);
    const intake = queue.takeIn();
    assert.deepEqual(queue.uuids(), [A], what);
    assert.equal(intake.fault === undefined, what === "missing", what);
    assert.equal(queue.logged.filter(([severity]) => severity === "error").length, what === "missing" ? 0 : 1, what);
  }
});

Deno.test("takeIn() reports unreadable files of a spool once per run, and counts each once over all runs", () => {
  using queue = new Queue();
  Deno.mkdirSync(queue.paths.runSpoolDir, { recursive: true });
  const untold = () => announceQueueProblems(queue.database, [], queue.clock.nowMs()).unreadable;
  for (const folder of [queue.paths.spoolDir, queue.paths.runSpoolDir]) {
    queue.logged.length = 0;
    Deno.writeTextFileSync(`${folder}/odd.json`, "{}");
    queue.takeIn();
    assert.deepEqual(queue.logged.filter(([, message]) => message.includes(`"${folder}"`)), [
      ["error", `cannot read 1 file in "${folder}", kept: "odd.json"`],
    ]);
    queue.takeIn();
    assert.deepEqual(queue.uuids(), []);
    queue.clock.pass(2 * 60 * 60 * 1000);
    assert.equal(untold(), 1);
  }
  Deno.writeTextFileSync(`${queue.paths.spoolDir}/more.json`, "{}");
  queue.takeIn();
  assert.equal(untold(), 0, "at most one notice in an hour");
  queue.clock.pass(2 * 60 * 60 * 1000);
  queue.takeIn();
  assert.equal(untold(), 1);
  // After one file was removed, another one may be counted.
  Deno.removeSync(`${queue.paths.spoolDir}/more.json`);
  Deno.removeSync(`${queue.paths.spoolDir}/odd.json`);
  queue.takeIn();
  Deno.writeTextFileSync(`${queue.paths.spoolDir}/other.json`, "{}");
  queue.takeIn();
  queue.clock.pass(2 * 60 * 60 * 1000);
  assert.equal(untold(), 1);
});

Deno.test("takeIn() reports once per pass how many events are too old to be sent", () => {
  using queue = new Queue();
  for (let row = 0; row < 250; row++) {
    insertEvent(queue.paths.queueDatabase, sessionEvent({ uuid: `${row}`, occurredAtMs: row }));
  }
  queue.takeIn();
  assert.deepEqual(queue.logged.map(([severity, message]) => [severity, message.slice(0, 25)]), [
    ["warning", "250 unknown events are so"],
    ["info", "read 250 new events"],
  ]);
});

Deno.test("takeIn() reads the spool in /run like the other one, each event once", () => {
  using queue = new Queue();
  Deno.mkdirSync(queue.paths.runSpoolDir, { recursive: true });
  queue.spool(A);
  for (const uuid of [A, B]) {
    Deno.writeTextFileSync(`${queue.paths.runSpoolDir}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
  }
  queue.takeIn();
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B]);
});

Deno.test("takeIn() copies the queue database once per pass, and ends even if events keep arriving", () => {
  using queue = new Queue();
  queueLogins(queue.paths.queueDatabase, 1_200);
  let passes = 0;
  const intake = new Intake({ ...queue, inbox: new Inbox(queue.paths), log: () => {} });
  // A writer that is faster than each step.
  for (let first = 2_000; intake.takeIn(); first += 1_000) {
    queueLogins(queue.paths.queueDatabase, 600, { first });
    assert.ok(++passes < 10, "it does not end");
  }
  assert.equal(queue.uuids().length, 1_200);
});

Deno.test("takeIn() counts unreadable rows, creates no event from them, and reads the following rows", () => {
  using queue = new Queue();
  queue.insert(A);
  const database = openDatabase(queue.paths.queueDatabase, { busyTimeoutMs: 1_000 });
  const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, 0, '{}')");
  database.exec("BEGIN");
  for (let row = 0; row < 1_000; row++) insert.run(`bad ${row}`);
  database.exec("COMMIT");
  database.close();
  queue.insert(B);
  queue.takeIn();
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B]);
  assert.equal(announceQueueProblems(queue.database, [], queue.clock.nowMs()).unreadable, 1_000);
});

Deno.test("takeIn() reads the database even if a spool cannot be read", () => {
  using queue = new Queue();
  queue.insert(A);
  Deno.removeSync(queue.paths.spoolDir);
  Deno.symlinkSync("/etc", queue.paths.spoolDir);
  const intake = queue.takeIn();
  assert.deepEqual(queue.uuids(), [A]);
  assert.match(intake.fault?.message ?? "", /Cannot read the spool/);
});

Deno.test("takeInDamaged() reads a database that was set aside, once, without events that it already knows", () => {
  using queue = new Queue();
  queue.insert(A);
  queue.takeIn();
  const folder = queue.setAside("damaged-20261123T000000Z", A, B);
  const writtenAtMs = Deno.statSync(`${folder}/session_events.db-wal`).mtime?.getTime() ?? 0;
  queue.clock.jump(writtenAtMs - queue.clock.nowMs());
  assert.ok(queue.takeIn().isWaiting);
  assert.deepEqual(queue.uuids(), [A], "a hook may still be writing to it");
  queue.clock.pass(11_000);
  assert.ok(!queue.takeIn().isWaiting);
  assert.deepEqual(queue.uuids(), [A, B]);
  assert.match(queue.logged.join(), /recovered 1 new event from the damaged/);
  queue.logged.length = 0;
  queue.takeIn();
  assert.deepEqual(queue.logged, []);
  // A later hook than is possible.
  queue.insert(C, folder);
  queue.clock.pass(60_000);
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B, C]);
});

Deno.test("takeInDamaged() reads one database per run", () => {
  using queue = new Queue();
  queue.setAside("damaged-20261123T000000Z", A);
  queue.setAside("damaged-20261123T000001Z", B);
  queue.clock.jump(Date.now() + 60_000 - queue.clock.nowMs());
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A]);
  queue.takeIn();
  assert.deepEqual(queue.uuids(), [A, B]);
});

Deno.test("takeInDamaged() ignores folders with other names, and those without a database", () => {
  using queue = new Queue();
  queue.setAside("damaged-20261123T000000Z.other", A);
  Deno.mkdirSync(`${queue.directory}/elsewhere`);
  queue.insert(B, `${queue.directory}/elsewhere`);
  Deno.symlinkSync(`${queue.directory}/elsewhere`, `${queue.paths.queueDir}/damaged-link`);
  Deno.mkdirSync(`${queue.paths.queueDir}/damaged-fifo`);
  new Deno.Command("mkfifo", { args: [`${queue.paths.queueDir}/damaged-fifo/session_events.db`] }).outputSync();
  queue.clock.jump(Date.now() + 60_000 - queue.clock.nowMs());
  queue.takeIn();
  assert.deepEqual(queue.uuids(), []);
});

Deno.test("takeInDamaged() notes a database that it cannot read, and tries again only if it changes", () => {
  using queue = new Queue();
  const folder = queue.setAside("damaged-20261123T000000Z", A);
  queue.clock.jump(Date.now() + 60_000 - queue.clock.nowMs());
  // In the place of the copy.
  Deno.mkdirSync(`${queue.paths.sendDir}/damaged_copy.db/x`, { recursive: true });
  queue.takeIn();
  assert.match(queue.logged.join(), /cannot read the damaged queue database in ".*not empty.*if it changes$/);
  const noted = unreadQueuesOf(queue.database);
  assert.deepEqual(noted.map((unread) => unread.folder), [folder]);
  assert.match(noted[0]?.fault ?? "", /not empty/);
  queue.logged.length = 0;
  Deno.removeSync(`${queue.paths.sendDir}/damaged_copy.db`, { recursive: true });
  queue.takeIn();
  assert.deepEqual([queue.logged, queue.uuids()], [[], []]);
  Deno.utimeSync(`${folder}/session_events.db`, 1, 1);
  queue.takeIn();
  assert.deepEqual([queue.uuids(), unreadQueuesOf(queue.database)], [[A], []]);
});

Deno.test("takeInDamaged() tries again in the next run after a temporary error, and notes it meanwhile", () => {
  using queue = new Queue();
  const folder = queue.setAside("damaged-20261123T000000Z", A);
  queue.clock.jump(Date.now() + 60_000 - queue.clock.nowMs());
  // Stands for a full disk: this error is not one that only a person can fix, either.
  const sendDir = `${queue.directory}/${"x".repeat(300)}`;
  queue.takeIn({ paths: { ...queue.paths, sendDir } });
  assert.match(queue.logged.join(), /cannot read the damaged queue database in .*; the next run tries again$/);
  assert.deepEqual(unreadQueuesOf(queue.database).map((unread) => unread.folder), [folder]);
  queue.takeIn();
  assert.deepEqual([queue.uuids(), unreadQueuesOf(queue.database)], [[A], []]);
});

Deno.test("takeInDamaged() notes what is wrong with a database of which it could not read all", () => {
  using queue = new Queue();
  const folder = queue.setAside("damaged-20261123T000000Z", A);
  Deno.truncateSync(`${folder}/session_events.db`, 300 * 1024 ** 2);
  queue.clock.jump(Date.now() + 60_000 - queue.clock.nowMs());
  queue.takeIn();
  const [noted] = unreadQueuesOf(queue.database);
  assert.equal(noted?.folder, folder);
  assert.match(noted.fault, /larger than/);
  queue.logged.length = 0;
  queue.takeIn();
  assert.deepEqual(queue.logged, []);
});

Deno.test("takeIn() treats every event after an empty queue as new, whatever the clock says", () => {
  using queue = new Queue();
  queue.takeIn();
  // A machine without a hardware clock boots with a date years in the past.
  insertEvent(queue.paths.queueDatabase, sessionEvent({ uuid: A, occurredAtMs: 0 }));
  queue.takeIn();
  const taken = queue.database.prepare("SELECT uuid, is_history, is_repeat FROM event").all();
  assert.deepEqual(taken.map((row) => ({ ...row })), [{ uuid: A, is_history: 0, is_repeat: 0 }]);
});
