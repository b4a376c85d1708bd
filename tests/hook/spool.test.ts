// The spool contains only complete files that send can read; a hook moves them into the database.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { insertEvent } from "../../src/hook/insert.ts";
import { capAuthInfo } from "../../src/event.ts";
import { spooledFiles } from "../../src/hook/listing.ts";
import { moveIntoDatabase, writeToRunSpool, writeToSpool } from "../../src/hook/spool.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { evaluate } from "../../.ci/checkout.ts";
import { HOSTILE_TEXTS, sessionEvent } from "../helpers/fixtures.ts";
import { shortestMs } from "../helpers/shortest.ts";

class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "spool-test-" });
  readonly spool = `${this.directory}/spool`;
  readonly runSpool = `${this.directory}/run`;
  readonly path = `${this.directory}/session_events.db`;
  #moves = 0;

  files(spool = this.spool): string[] {
    return [...Deno.readDirSync(spool)].map(({ name }) => name).sort();
  }

  /** Moves the spooled events, as a hook does once its own event is durable. */
  move(): void {
    const database = insertEvent(this.path, sessionEvent({ uuid: `mover ${this.#moves++}` }));
    moveIntoDatabase(spooledFiles([this.spool, this.runSpool]), database);
    database.close();
  }

  uuids(): string[] {
    const database = openDatabase(this.path, { readOnly: true, busyTimeoutMs: 0 });
    const rows = database.prepare("SELECT uuid FROM event WHERE uuid NOT LIKE 'mover %' ORDER BY uuid").all();
    database.close();
    return rows.map(({ uuid }) => String(uuid));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** The paths that a Deno function is called with while `work` runs. */
function argumentsOf(name: "readTextFileSync" | "readDirSync", work: () => void): string[] {
  const called: string[] = [];
  const original = Deno[name];
  const spy = (path: string | URL) => {
    called.push(String(path));
    return original(path);
  };
  Object.assign(Deno, { [name]: spy });
  try {
    work();
  } finally {
    Object.assign(Deno, { [name]: original });
  }
  return called;
}

Deno.test("writeToSpool() writes one file with the whole event, readable by the group, and creates the folder", async () => {
  using queue = new Queue();
  // In a new folder, and in an existing one.
  const events = [sessionEvent({ uuid: "one" }), sessionEvent({ uuid: "two", user: "bob" })];
  const module = JSON.stringify(import.meta.resolve("../../src/hook/spool.ts"));
  await evaluate(`import { writeToSpool } from ${module};
    Deno.umask(0o777);
    for (const event of ${JSON.stringify(events)}) writeToSpool(${JSON.stringify(queue.spool)}, event);`);
  assert.deepEqual(queue.files(), ["one.json", "two.json"]);
  assert.equal((Deno.statSync(queue.spool).mode ?? 0) & 0o7777, 0o2750);
  for (const event of events) {
    const path = `${queue.spool}/${event.uuid}.json`;
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(path)), event);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o7777, 0o640);
  }
});

Deno.test("writeToSpool() follows no symbolic link, and accepts only a folder as the spool", () => {
  using queue = new Queue();
  Deno.mkdirSync(`${queue.directory}/elsewhere`);
  Deno.symlinkSync(`${queue.directory}/elsewhere`, queue.spool);
  assert.throws(() => writeToSpool(queue.spool, sessionEvent()), /is not a directory/);
  assert.deepEqual([...Deno.readDirSync(`${queue.directory}/elsewhere`)], []);
  Deno.removeSync(queue.spool);
  Deno.writeTextFileSync(queue.spool, "");
  assert.throws(() => writeToSpool(queue.spool, sessionEvent()), /is not a directory/);
});

Deno.test("a hook that can write the database moves each spooled event there once, even after interruptions", () => {
  using queue = new Queue();
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  writeToSpool(queue.spool, sessionEvent({ uuid: "two" }));
  queue.move();
  assert.deepEqual(queue.files(), []);
  // A hook that was killed between the two steps leaves the event in both places.
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  queue.move();
  assert.deepEqual(queue.files(), []);
  assert.deepEqual(queue.uuids(), ["one", "two"]);
});

Deno.test("a moved record is identical to the content of the file", () => {
  using queue = new Queue();
  fc.assert(
    fc.property(fc.uuid(), fc.constantFrom(...HOSTILE_TEXTS), (uuid, text) => {
      const event = sessionEvent({ uuid, user: text.slice(0, 256), authInfo: text.slice(0, 16_384) });
      writeToSpool(queue.spool, event);
      queue.move();
      const database = openDatabase(queue.path, { readOnly: true, busyTimeoutMs: 0 });
      const row = database.prepare("SELECT * FROM event WHERE uuid = ?").get(uuid);
      database.close();
      assert.equal(row?.["record"], JSON.stringify(event));
      assert.equal(row?.["occurred_at_ms"], event.occurredAtMs);
    }),
    { numRuns: 40 },
  );
  assert.deepEqual(queue.files(), []);
});

Deno.test("a file that is not a valid event stays in the spool, and blocks no other", () => {
  using queue = new Queue();
  writeToSpool(queue.spool, sessionEvent({ uuid: "good" }));
  const at = (name: string) => `${queue.spool}/${name}`;
  Deno.writeTextFileSync(at("garbage.json"), "\0garbage");
  Deno.writeTextFileSync(at("empty.json"), "");
  Deno.writeTextFileSync(at("other.json"), JSON.stringify(sessionEvent({ uuid: "not other" })));
  Deno.writeTextFileSync(
    at("timeless.json"),
    JSON.stringify({ ...sessionEvent({ uuid: "timeless" }), occurredAtMs: "x" }),
  );
  Deno.writeTextFileSync(at("huge.json"), JSON.stringify(sessionEvent({ uuid: "huge", user: "x".repeat(300_000) })));
  for (const text of ["null", "1", '"text"', "[]", "{}"]) Deno.writeTextFileSync(at(`${text}.json`), text);
  for (const atMs of [1.5, null, 2 ** 70, {}]) {
    Deno.writeTextFileSync(at(`at ${atMs}.json`), JSON.stringify({ uuid: `at ${atMs}`, occurredAtMs: atMs }));
  }
  Deno.writeTextFileSync(at("half.unfinished"), "{");
  Deno.mkdirSync(at("folder.json"));
  Deno.symlinkSync(at("good.json"), at("link.json"));
  assert.ok(new Deno.Command("mkfifo", { args: [at("fifo.json")] }).outputSync().success);
  const stays = queue.files().filter((name) => name !== "good.json");
  queue.move();
  assert.deepEqual(queue.files(), stays);
  assert.deepEqual(queue.uuids(), ["good"]);
});

Deno.test("one hook moves at most 100 files of both spools, and later hooks the rest", () => {
  using queue = new Queue();
  Deno.mkdirSync(queue.runSpool);
  for (let index = 0; index < 130; index++) writeToSpool(queue.spool, sessionEvent({ uuid: `disk ${index}` }));
  for (let index = 0; index < 120; index++) writeToRunSpool(queue.runSpool, sessionEvent({ uuid: `run ${index}` }));
  for (const left of [[30, 120], [0, 50], [0, 0]]) {
    queue.move();
    assert.deepEqual([queue.files().length, queue.files(queue.runSpool).length], left);
  }
  assert.equal(queue.uuids().length, 250);
});

Deno.test("one hook reads at most 100 files, even if it cannot move them", () => {
  for (const bytes of [0, 250_000]) {
    using queue = new Queue();
    Deno.mkdirSync(queue.spool);
    for (let index = 0; index < 300; index++) {
      const path = `${queue.spool}/${index}.json`;
      Deno.writeTextFileSync(path, "{}");
      if (bytes > 0) Deno.truncateSync(path, bytes);
    }
    const opened = argumentsOf("readTextFileSync", () => queue.move());
    assert.equal(new Set(opened).size, 100);
    assert.equal(queue.files().length, 300);
  }
});

Deno.test("a very large spool is not listed, but still accepts events", () => {
  using queue = new Queue();
  for (const spool of [queue.spool, queue.runSpool]) {
    Deno.mkdirSync(spool);
    for (let index = 0; index < 20_000; index++) Deno.createSync(`${spool}/${crypto.randomUUID()}.json`).close();
  }
  const listed = argumentsOf("readDirSync", () => {
    queue.move();
    writeToSpool(queue.spool, sessionEvent({ uuid: "one more" }));
    assert.throws(() => writeToRunSpool(queue.runSpool, sessionEvent({ uuid: "another" })), /is full/);
  });
  assert.deepEqual(listed.filter((path) => [queue.spool, queue.runSpool].includes(path)), []);
  assert.ok(Deno.statSync(`${queue.spool}/one more.json`).isFile);
});

Deno.test("a spool that cannot be listed does not block the other one", () => {
  for (const spools of [["spool", "runSpool"], ["runSpool", "spool"]] as const) {
    using queue = new Queue();
    const [broken, good] = spools;
    Deno.symlinkSync("/etc", queue[broken]);
    Deno.mkdirSync(queue[good]);
    writeToSpool(queue[good], sessionEvent({ uuid: "one" }));
    queue.move();
    assert.deepEqual(queue.files(queue[good]), []);
    assert.deepEqual(queue.uuids(), ["one"]);
  }
});

Deno.test("a file that cannot be read does not block the others", () => {
  using queue = new Queue();
  for (const uuid of ["good", "bad"]) writeToSpool(queue.spool, sessionEvent({ uuid }));
  const { readTextFileSync } = Deno;
  // Root can read any file, so a mode would have no effect here.
  Deno.readTextFileSync = (path) => {
    if (String(path).endsWith("bad.json")) throw new Deno.errors.PermissionDenied("permission denied");
    return readTextFileSync(path);
  };
  try {
    queue.move();
  } finally {
    Deno.readTextFileSync = readTextFileSync;
  }
  assert.deepEqual(queue.files(), ["bad.json"]);
  assert.deepEqual(queue.uuids(), ["good"]);
});

Deno.test("writeToRunSpool() creates no folder, and follows no symbolic link", () => {
  using queue = new Queue();
  assert.throws(() => writeToRunSpool(queue.runSpool, sessionEvent()), Deno.errors.NotFound);
  Deno.mkdirSync(`${queue.directory}/elsewhere`);
  Deno.symlinkSync(`${queue.directory}/elsewhere`, queue.runSpool);
  assert.throws(() => writeToRunSpool(queue.runSpool, sessionEvent()), /not a directory/);
  assert.deepEqual([...Deno.readDirSync(`${queue.directory}/elsewhere`)], []);
});

Deno.test("writeToRunSpool() allows at most 1,000 files of any kind, and keeps events whole", () => {
  using queue = new Queue();
  Deno.mkdirSync(queue.runSpool);
  // The longest JSON: a control character becomes six bytes, and a quotation mark two.
  const name = "\0".repeat(256);
  const names = { user: name, remoteHost: name, terminal: name, service: name, connection: name };
  const long = sessionEvent({ uuid: "long", ...names, authInfo: capAuthInfo(`${'"'.repeat(8_000)}\n`.repeat(9)) });
  writeToRunSpool(queue.runSpool, long);
  assert.ok(Deno.statSync(`${queue.runSpool}/long.json`).size < 40_000);
  // Whole, because a logout whose values differ from those of its login counts as tampered with.
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(`${queue.runSpool}/long.json`)), long);

  for (let index = 0; index < 998; index++) Deno.createSync(`${queue.runSpool}/${index}.unfinished`).close();
  const honest = sessionEvent({ uuid: "honest" });
  writeToRunSpool(queue.runSpool, honest);
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(`${queue.runSpool}/honest.json`)), honest);
  assert.equal((Deno.statSync(`${queue.runSpool}/honest.json`).mode ?? 0) & 0o7777, 0o640);
  assert.throws(() => writeToRunSpool(queue.runSpool, sessionEvent({ uuid: "late" })), /is full/);
  assert.equal(queue.files(queue.runSpool).length, 1_000);
});

Deno.test("events that the database rejects stay in the spool, and are not tried one by one", () => {
  using queue = new Queue();
  for (const uuid of ["one", "two", "three"]) writeToSpool(queue.spool, sessionEvent({ uuid }));
  const database = insertEvent(queue.path, sessionEvent({ uuid: "mover" }));
  database.exec("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END");
  const read = argumentsOf("readTextFileSync", () => moveIntoDatabase(spooledFiles([queue.spool]), database));
  assert.equal(read.length, 1);
  assert.equal(queue.files().length, 3);
  database.exec("DROP TRIGGER full");
  moveIntoDatabase(spooledFiles([queue.spool]), database);
  database.close();
  assert.deepEqual(queue.files(), []);
  assert.deepEqual(queue.uuids(), ["mover", "one", "three", "two"]);
});

Deno.test("moving the spool waits for no lock, because the login may already have waited for its own event", () => {
  using queue = new Queue();
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  const database = insertEvent(queue.path, sessionEvent({ uuid: "mover" }));
  const other = openDatabase(queue.path, { busyTimeoutMs: 0 });
  other.exec("BEGIN IMMEDIATE");
  const waitedMs = shortestMs(() => moveIntoDatabase(spooledFiles([queue.spool]), database));
  assert.ok(waitedMs < 300, `${waitedMs} ms`);
  other.close();
  database.close();
  assert.deepEqual(queue.files(), ["one.json"]);
});
