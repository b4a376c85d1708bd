// Puts one event into the queue database, durably: when this returns, a power loss does not undo it.
// The table is fixed for good, so the hook never migrates.

import type { SessionEvent } from "../event.ts";
import { type Database, openDatabase, pragma, transaction } from "../store/open.ts";

/** The whole wait for locks that a login may cost, in milliseconds. */
const BUSY_BUDGET_MS = 500;

/** From this size on the write-ahead log is folded into the database, in bytes. */
const WAL_LIMIT = 1024 * 1024;

/** How long an event stays in the queue: `send` has long read it. In milliseconds. */
const KEEP_MS = 90 * 24 * 60 * 60 * 1000;

/** The most events that one hook drops, so that no login pays for many. */
const DROP_AT_MOST = 500;

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY,
  uuid TEXT UNIQUE,
  occurred_at_ms INTEGER,
  record TEXT
) STRICT`;

/**
 * Inserts an event, waiting for other writers up to half a second in all.
 *
 * The database stays open: closing the last connection would fold the log into the database (5 fsyncs instead of 2)
 * and delete the `-wal` and `-shm` files, without which `send`, which may only read, can't read.
 *
 * @param path the queue database; made where there is none
 * @throws what SQLite says, with its `errcode` but for what the opening itself refuses
 */
export function insertEvent(path: string, event: SessionEvent): void {
  createReadable(path);
  const deadlineMs = performance.now() + BUSY_BUDGET_MS;
  const database = openDatabase(path, { busyTimeoutMs: BUSY_BUDGET_MS });
  pragma(database, "synchronous = FULL");
  pragma(database, "wal_autocheckpoint = 0");
  switchToWal(database, deadlineMs);
  waitUntil(database, deadlineMs);
  transaction(database, () => {
    database.prepare(CREATE_TABLE).run();
    database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?)")
      .run(event.uuid, event.occurredAtMs, JSON.stringify(event));
  });
  keepSmall(database, { path, now: event.occurredAtMs });
}

/**
 * Makes an empty database file that the group can read, whatever umask sshd left us; SQLite gives its `-wal` and `-shm`
 * the same mode. Under another name first: another hook must not find it with another mode, and none is overwritten.
 */
function createReadable(path: string): void {
  try {
    Deno.lstatSync(path);
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const unfinished = `${path}.${crypto.randomUUID()}`;
  Deno.openSync(unfinished, { createNew: true, write: true }).close();
  Deno.chmodSync(unfinished, 0o640);
  try {
    Deno.linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    Deno.removeSync(unfinished);
  }
}

/**
 * Switches a database that is new to the write-ahead log. SQLite does not wait for that lock, whatever the busy
 * timeout is, where two processes make the database at once; so we do.
 */
function switchToWal(database: Database, deadlineMs: number): void {
  for (;;) {
    try {
      waitUntil(database, deadlineMs);
      pragma(database, "journal_mode = WAL");
      return;
    } catch (error) {
      // A database that is damaged stays so: a login does not wait for it.
      if (!isBusy(error) || performance.now() >= deadlineMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Lets the next statement wait for a lock no longer than until then. */
function waitUntil(database: Database, deadlineMs: number): void {
  pragma(database, `busy_timeout = ${Math.max(0, Math.round(deadlineMs - performance.now()))}`);
}

/** Whether SQLite refused for a lock: SQLITE_BUSY, 5, with whatever reason in the higher bytes. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
}

/**
 * Drops old events and folds a long log into the database. The event is safe by then, so being refused (by a reader,
 * by a full disk) is no fault: the next hook tries again.
 */
function keepSmall(
  database: Database,
  { path, now }: { path: string; now: number },
): void {
  try {
    if (Deno.statSync(`${path}-wal`).size < WAL_LIMIT) return;
    pragma(database, "busy_timeout = 0");
    // The event before this one is a second witness of the time: one wrong reading of the clock drops nothing.
    const before = database.prepare("SELECT occurred_at_ms AS at FROM event ORDER BY id DESC LIMIT 1 OFFSET 1").get();
    const keepFrom = Math.min(now, Number(before?.["at"] ?? 0)) - KEEP_MS;
    database.prepare(
      `DELETE FROM event WHERE id IN (
         SELECT id FROM (SELECT id, occurred_at_ms FROM event ORDER BY id LIMIT ${DROP_AT_MOST})
         WHERE occurred_at_ms < ?)`,
    ).run(keepFrom);
    pragma(database, "wal_checkpoint(TRUNCATE)");
  } catch {
    // See above.
  }
}
