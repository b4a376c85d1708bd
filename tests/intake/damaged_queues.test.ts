// A queue database that was set aside gives all the events that SQLite can read, and reading it ends, whatever it is.

import assert from "node:assert/strict";
import type { SessionEvent } from "../../src/event.ts";
import { readDamagedQueue } from "../../src/intake/damaged_queues.ts";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";
import { garbagePage } from "../helpers/fixtures.ts";
import { queueLogins } from "../helpers/logins.ts";

const PAGE_BYTES = 4096;

class DamagedQueue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "damaged-test-" });
  readonly path = `${this.directory}/session_events.db`;

  /** Logins of `user1` and so on, all in the database itself. */
  constructor(logins: number) {
    queueLogins(this.path, logins);
    this.execute("SELECT 1");
  }

  execute(sql: string): void {
    const database = openDatabase(this.path, { busyTimeoutMs: 0 });
    database.exec(sql);
    pragma(database, "wal_checkpoint(TRUNCATE)");
    database.close();
  }

  /** The pages of the table with the rows, in order. */
  pages(): number[] {
    const database = openDatabase(this.path, { busyTimeoutMs: 0 });
    const rows = database.prepare("SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY path")
      .all();
    database.close();
    return rows.map(({ pageno }) => Number(pageno));
  }

  uuidOf(id: number): string {
    const database = openDatabase(this.path, { busyTimeoutMs: 0 });
    const row = database.prepare("SELECT uuid FROM event WHERE id = ?").get(id);
    database.close();
    return String(row?.["uuid"]);
  }

  spoil(page: number): void {
    using file = Deno.openSync(this.path, { write: true });
    file.seekSync((page - 1) * PAGE_BYTES, Deno.SeekMode.Start);
    file.writeSync(garbagePage());
  }

  read(options: { maxReadMs?: number } = {}): { users: string[]; fault: string | undefined } {
    const reader = readDamagedQueue(this.path, { copy: `${this.directory}/copy.db`, ...options });
    const events: (SessionEvent | undefined)[] = [];
    for (;;) {
      const { done, value } = reader.next();
      if (!done) events.push(value);
      else return { users: events.flatMap((event) => event?.user ?? []), fault: value };
    }
  }

  [Symbol.dispose](): void {
    const left = [...Deno.readDirSync(this.directory)].map(({ name }) => name);
    Deno.removeSync(this.directory, { recursive: true });
    assert.deepEqual(left.filter((name) => name.startsWith("copy")), []);
  }
}

const users = (count: number) => Array.from({ length: count }, (_, index) => `user${index + 1}`);

Deno.test("readDamagedQueue() reads every row, before and after a damaged page", () => {
  using queue = new DamagedQueue(300);
  assert.deepEqual(queue.read(), { users: users(300), fault: undefined });
  const pages = queue.pages();
  assert.ok(pages.length > 5, `${pages.length} pages`);
  queue.spoil(pages[Math.floor(pages.length / 2)] ?? 0);
  const { users: read, fault } = queue.read();
  assert.match(fault ?? "", /malformed/);
  assert.equal(new Set(read).size, read.length, "no row twice");
  const lost = users(300).filter((user) => !read.includes(user));
  assert.ok(lost.length > 0 && lost.length <= 2 * 300 / pages.length, `${lost.length} of 300 lost`);
  assert.ok(read.includes("user1") && read.includes("user300"));
});

Deno.test("readDamagedQueue() loses at most the row whose row id is damaged, though SQLite sees no error in it", () => {
  for (const rowid of [3, 127]) {
    using queue = new DamagedQueue(60);
    const bytes = Deno.readFileSync(queue.path);
    const uuid = new TextEncoder().encode(queue.uuidOf(40));
    const at = bytes.findIndex((_, index) => uuid.every((byte, offset) => bytes[index + offset] === byte));
    const place = bytes.slice(0, at).lastIndexOf(40);
    assert.ok(at > 0 && place > at - 20, `${at} ${place}`);
    bytes[place] = rowid;
    Deno.writeFileSync(queue.path, bytes);
    const { users: read } = queue.read();
    assert.deepEqual(users(60).filter((user) => user !== "user40" && !read.includes(user)), [], `row id ${rowid}`);
    assert.equal(new Set(read).size, read.length, `row id ${rowid}`);
  }
});

Deno.test("readDamagedQueue() reads nothing without the first page, and says so", () => {
  using queue = new DamagedQueue(10);
  queue.spoil(1);
  const { users: read, fault } = queue.read();
  assert.deepEqual(read, []);
  assert.match(fault ?? "", /not a database/);
});

Deno.test("readDamagedQueue() ends after its time, and does not read a huge file", () => {
  using queue = new DamagedQueue(2_000);
  const { users: read, fault } = queue.read({ maxReadMs: 0 });
  assert.ok(read.length < 2_000);
  assert.match(fault ?? "", /longer than 0 s/);
  Deno.truncateSync(queue.path, 300 * 1024 ** 2);
  assert.match(queue.read().fault ?? "", /is larger than/);
});

Deno.test("readDamagedQueue() runs no code that the database contains", () => {
  const endless = "SELECT (WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) FROM r)";
  using trigger = new DamagedQueue(3);
  trigger.execute(
    `CREATE TRIGGER t BEFORE INSERT ON event BEGIN ${endless}; END; CREATE INDEX i ON event (length(record))`,
  );
  assert.deepEqual(trigger.read(), { users: users(3), fault: undefined });
  const refused = [
    `DROP TABLE event; CREATE VIEW event AS ${endless} AS id, 'x' AS uuid, 1 AS occurred_at_ms, '{}' AS record`,
    "ALTER TABLE event ADD COLUMN more TEXT AS (upper(record))",
    "ALTER TABLE event ADD COLUMN rowid TEXT DEFAULT '1'",
  ];
  for (const sql of refused) {
    using queue = new DamagedQueue(3);
    queue.execute(sql);
    const { users: read, fault } = queue.read();
    assert.deepEqual(read, [], sql);
    assert.match(fault ?? "", /not a plain table|other columns/, sql);
  }
});
