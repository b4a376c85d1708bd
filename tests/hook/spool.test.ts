// The spool: whole files that send can read, or none; and the way from there into the database.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { insertEvent } from "../../src/hook/insert.ts";
import { moveIntoDatabase, writeToSpool } from "../../src/hook/spool.ts";
import { openDatabase } from "../../src/store/open.ts";
import { evaluate } from "../helpers/checkout.ts";
import { HOSTILE_TEXTS, sessionEvent } from "../helpers/fixtures.ts";
import { shortestMs } from "../helpers/shortest.ts";

class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "spool-test-" });
  readonly spool = `${this.directory}/spool`;
  readonly path = `${this.directory}/session_events.db`;
  #moves = 0;

  files(): string[] {
    return [...Deno.readDirSync(this.spool)].map(({ name }) => name).sort();
  }

  /** Moves what is in the spool, as a hook does once its own event is safe. */
  move(): void {
    const database = insertEvent(this.path, sessionEvent({ uuid: `mover ${this.#moves++}` }));
    moveIntoDatabase(this.spool, database);
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

Deno.test("writeToSpool() leaves one file with the whole event, which the group can read, and makes the folder", async () => {
  using queue = new Queue();
  // In the folder that it makes itself, and in one that is there.
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

Deno.test("writeToSpool() goes through no link, and takes nothing but a folder for the spool", () => {
  using queue = new Queue();
  Deno.mkdirSync(`${queue.directory}/elsewhere`);
  Deno.symlinkSync(`${queue.directory}/elsewhere`, queue.spool);
  assert.throws(() => writeToSpool(queue.spool, sessionEvent()), /is not a directory/);
  assert.deepEqual([...Deno.readDirSync(`${queue.directory}/elsewhere`)], []);
  Deno.removeSync(queue.spool);
  Deno.writeTextFileSync(queue.spool, "");
  assert.throws(() => writeToSpool(queue.spool, sessionEvent()), /is not a directory/);
});

Deno.test("a hook that can write the database moves the spool there, each event once, however often it was begun", () => {
  using queue = new Queue();
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  writeToSpool(queue.spool, sessionEvent({ uuid: "two" }));
  queue.move();
  assert.deepEqual(queue.files(), []);
  // A hook that was killed between the two steps leaves an event in both.
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  queue.move();
  assert.deepEqual(queue.files(), []);
  assert.deepEqual(queue.uuids(), ["one", "two"]);
});

Deno.test("what is moved is the record as it stands in the file, whatever it says", () => {
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

Deno.test("what is no event of ours stays in the spool, and holds nothing up", () => {
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

Deno.test("one hook moves 50 files at most, and the next ones the rest", () => {
  using queue = new Queue();
  for (let index = 0; index < 120; index++) writeToSpool(queue.spool, sessionEvent({ uuid: `${index}` }));
  for (const left of [70, 20, 0]) {
    queue.move();
    assert.equal(queue.files().length, left);
  }
  assert.equal(queue.uuids().length, 120);
});

Deno.test("one hook reads 200 files at most, however many there are that it can't move", () => {
  for (const bytes of [0, 250_000]) {
    using queue = new Queue();
    Deno.mkdirSync(queue.spool);
    for (let index = 0; index < 300; index++) {
      const path = `${queue.spool}/${index}.json`;
      Deno.writeTextFileSync(path, "{}");
      if (bytes > 0) Deno.truncateSync(path, bytes);
    }
    const opened = new Set<string>();
    const { readTextFileSync } = Deno;
    Deno.readTextFileSync = (path) => {
      opened.add(String(path));
      return readTextFileSync(path);
    };
    try {
      queue.move();
    } finally {
      Deno.readTextFileSync = readTextFileSync;
    }
    assert.equal(opened.size, 200);
    assert.equal(queue.files().length, 300);
  }
});

Deno.test("what the database refuses to take from the spool stays there, and is not tried file by file", () => {
  using queue = new Queue();
  for (const uuid of ["one", "two", "three"]) writeToSpool(queue.spool, sessionEvent({ uuid }));
  const database = insertEvent(queue.path, sessionEvent({ uuid: "mover" }));
  database.exec("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END");
  assert.throws(() => moveIntoDatabase(queue.spool, database), /the disk is full/);
  assert.equal(queue.files().length, 3);
  database.exec("DROP TRIGGER full");
  moveIntoDatabase(queue.spool, database);
  database.close();
  assert.deepEqual(queue.files(), []);
  assert.deepEqual(queue.uuids(), ["mover", "one", "three", "two"]);
});

Deno.test("moving the spool waits for no lock: the login may have waited for its own event already", () => {
  using queue = new Queue();
  writeToSpool(queue.spool, sessionEvent({ uuid: "one" }));
  const database = insertEvent(queue.path, sessionEvent({ uuid: "mover" }));
  const other = openDatabase(queue.path, { busyTimeoutMs: 0 });
  other.exec("BEGIN IMMEDIATE");
  const waitedMs = shortestMs(() => assert.throws(() => moveIntoDatabase(queue.spool, database), /locked/));
  assert.ok(waitedMs < 300, `${waitedMs} ms`);
  other.close();
  database.close();
  assert.deepEqual(queue.files(), ["one.json"]);
});
