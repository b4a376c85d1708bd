// Puts one event into the queue database, durably: when this returns, a power loss does not undo it.
// The table is fixed for good, so the hook never migrates.

import type { SessionEvent } from "../event.ts";
import { type Database, openDatabase, pragma, transaction } from "../store/open.ts";
import { CREATE_QUEUE_TABLE, faultOfQueueTable, INSERT_EVENT } from "../store/queue_table.ts";

/** The whole wait for locks that a login may cost, in milliseconds. */
const BUSY_BUDGET_MS = 500;

/** From this size on the write-ahead log is folded into the database, in bytes. Each hook has to read all of it. */
const WAL_LIMIT = 256 * 1024;

/** A larger folder is not listed: 3,500 names on ext4, some 5 ms. Deno reads all names, even a million of them. */
const MAX_FOLDER_BYTES = 256 * 1024;

/** How long an event stays in the queue: `send` has long read it. In milliseconds. */
const KEEP_MS = 90 * 24 * 60 * 60 * 1000;
/** So many events stay however old they seem: what `send` has not read must not go where the clock runs ahead. */
const KEEP_AT_LEAST = 10_000;

/**
 * Inserts an event, waiting for other writers up to half a second in all.
 *
 * The database stays open: closing the last connection would fold the log into the database, 5 fsyncs instead of 2.
 *
 * @param path the queue database; made where there is none
 * @returns the open database
 * @throws whatever keeps the event from being safe
 */
export function insertEvent(path: string, event: SessionEvent): Database {
  const startedAtMs = performance.now();
  const sizes = sizesOf(path);
  // A new database would take the log for its own, and SQLite takes it away beside one that was cut to nothing.
  if (!sizes.get(path) && sizes.get(`${path}-wal`)) throw new Error("it is missing or empty, but its log is not");
  if (!sizes.has(path)) createDatabase(path);
  if (!sizes.has(`${path}-shm`)) createIndex(`${path}-shm`);
  const database = openDatabase(path, { busyTimeoutMs: BUSY_BUDGET_MS });
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  // What this has waited for locks until now is gone from the budget.
  const waitedMs = Math.round(performance.now() - startedAtMs);
  if (waitedMs > 20) pragma(database, `busy_timeout = ${Math.max(0, BUSY_BUDGET_MS - waitedMs)}`);
  transaction(database, () => {
    // Under the write lock, so that no other process can add a trigger before the insert.
    const fault = faultOfQueueTable(database);
    if (fault !== undefined) throw new Error(fault);
    const { changes } = database.prepare(INSERT_EVENT).run(event.uuid, event.occurredAtMs, JSON.stringify(event));
    if (changes !== 1) throw new Error("the insert has no effect");
  });
  keepSmall(database, { path, now: event.occurredAtMs });
  return database;
}

/** The files of a database that exist, with their sizes. Opening a FIFO could block the login indefinitely. */
function sizesOf(path: string): ReadonlyMap<string, number> {
  const directory = path.slice(0, path.lastIndexOf("/"));
  const listed = listSmall(directory)?.map(({ name }) => `${directory}/${name}`);
  return new Map(
    ["", "-wal", "-shm", "-journal"].map((suffix) => path + suffix).flatMap((file) => {
      // Listed first, since the first error of a process costs more than a listing: 0.25 ms.
      if (listed?.includes(file) === false) return [];
      try {
        const { isFile, size } = Deno.lstatSync(file);
        if (isFile) return [[file, size]];
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
      throw new Error(`"${file}" is not a plain file`);
    }),
  );
}

/** The entries of a folder; undefined for a link, or if listing the folder could delay the login. */
export function listSmall(directory: string): Deno.DirEntry[] | undefined {
  const { isDirectory, size } = Deno.lstatSync(directory);
  return isDirectory && size <= MAX_FOLDER_BYTES ? [...Deno.readDirSync(directory)] : undefined;
}

/** Its group can read it, whatever umask sshd left us; SQLite gives `-wal` its mode. */
function createDatabase(path: string): void {
  createWhole(path, 0o640, (unfinished) => {
    const database = openDatabase(unfinished, { busyTimeoutMs: BUSY_BUDGET_MS });
    // In this order, since closing folds a log up, and does not say where a full disk has kept it from that.
    database.prepare(CREATE_QUEUE_TABLE).run();
    pragma(database, "journal_mode = WAL");
    database.close();
  });
}

/**
 * The index of the log, where SQLite has its locks, is for nobody but us: whoever can open it can hold one byte of it,
 * for which SQLite waits ten seconds, whatever the busy timeout (walTryBeginRead of wal.c). Not empty, or SQLite would
 * give it the mode of the database (robust_open of os_unix.c).
 */
function createIndex(path: string): void {
  createWhole(path, 0o600, (unfinished) => Deno.writeTextFileSync(unfinished, "new"));
}

/** Fills a file under another name, then gives it its own: another hook finds all or none, and none is overwritten. */
function createWhole(path: string, mode: number, fill: (unfinished: string) => void): void {
  const unfinished = `${path}.${crypto.randomUUID()}`;
  Deno.openSync(unfinished, { createNew: true, write: true }).close();
  try {
    Deno.chmodSync(unfinished, mode);
    fill(unfinished);
    Deno.linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    // A failure leaves its log, too, which would fill a full disk up further at each login.
    for (const file of sizesOf(unfinished).keys()) Deno.removeSync(file);
  }
}

/** Drops old events and folds a long log. The event is safe: being refused (a reader, a full disk) is no fault. */
function keepSmall(database: Database, { path, now }: { path: string; now: number }): void {
  try {
    if (Deno.statSync(`${path}-wal`).size < WAL_LIMIT) return;
    pragma(database, "busy_timeout = 0");
    // The event before this one is a second witness of the time: one wrong reading of the clock drops nothing.
    const before = database.prepare("SELECT occurred_at_ms AS at FROM event ORDER BY id DESC LIMIT 1 OFFSET 1").get();
    const keepFrom = Math.min(now, Number(before?.["at"] ?? 0)) - KEEP_MS;
    database.prepare(
      `DELETE FROM event WHERE id IN (
         SELECT id FROM (SELECT id, occurred_at_ms FROM event ORDER BY id LIMIT 500)
         WHERE occurred_at_ms < ? AND id <= (SELECT max(id) FROM event) - ${KEEP_AT_LEAST})`,
    ).run(keepFrom);
    pragma(database, "wal_checkpoint(TRUNCATE)");
  } catch (error) {
    // No log: somebody has switched it off with another tool.
    if (error instanceof Deno.errors.NotFound) database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = WAL");
  }
}
