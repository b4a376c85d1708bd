// Inserts one event into the queue database, durably: the event survives a power loss once the insert returns.
// The schema never changes, so the hook never migrates.

import type { SessionEvent } from "../event.ts";
import { type Database, openDatabase, pragma, transaction } from "../sqlite/open.ts";
import { CREATE_QUEUE_TABLE, faultOfQueueTable, INSERT_EVENT } from "../sqlite/queue_table.ts";
import { listSmall } from "./listing.ts";

/** How long one login waits for locks in total, in milliseconds. */
const BUSY_BUDGET_MS = 500;

/** The size of the log that triggers a checkpoint, in bytes. Each hook reads the whole write-ahead log. */
const WAL_LIMIT = 256 * 1024;

/** How many of the newest events stay in the queue, so that `send` can read it quickly. */
const KEEP = 10_000;

/** How many events one login deletes at most, of the many that an older release may have left: this writes 0.5 MiB. */
const DELETE_AT_MOST = 100;

/**
 * Inserts an event durably, or throws. Creates the database if it does not exist. Waits at most half a second in total for
 * other writers.
 *
 * @returns the database, still open: closing the last connection would run a checkpoint, with 5 fsyncs instead of 2
 */
export function insertEvent(path: string, event: SessionEvent): Database {
  const startedAtMs = performance.now();
  const directory = path.slice(0, path.lastIndexOf("/"));
  const directoryInfo = Deno.lstatSync(directory);
  const files = filesOf(path, directoryInfo);
  const size = (file: string) => files.includes(file) ? lookAt(file)?.size ?? 0 : 0;
  const logSize = size(`${path}-wal`);
  // A new database would replay this log as its own, and SQLite deletes the log of a database truncated to 0 bytes.
  if (logSize > 0 && size(path) === 0) throw new Error("it is missing or empty, but its log is not");
  if (!files.includes(path)) createDatabase(path);
  if (!files.includes(`${path}-shm`)) createIndex(`${path}-shm`);
  const database = openDatabase(path, { busyTimeoutMs: BUSY_BUDGET_MS });
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  const waitedMs = Math.round(performance.now() - startedAtMs);
  if (waitedMs > 20) pragma(database, `busy_timeout = ${Math.max(0, BUSY_BUDGET_MS - waitedMs)}`);
  transaction(database, () => {
    // Checked under the write lock, so no other process can add a trigger before the insert.
    const fault = faultOfQueueTable(database);
    if (fault !== undefined) throw new Error(fault);
    const { changes } = database.prepare(INSERT_EVENT).run(event.uuid, event.occurredAtMs, JSON.stringify(event));
    if (changes !== 1) throw new Error("the insert has no effect");
    // If `repair` moved it before the log was opened, the log is that of a new database.
    if (Deno.lstatSync(directory).ino !== directoryInfo.ino) throw new Error("its directory was moved");
  });
  keepSmall(database, logSize);
  return database;
}

/** The existing files of a database. Rejects a FIFO: opening one could block the login indefinitely. */
function filesOf(path: string, directoryInfo?: Deno.FileInfo): string[] {
  const directory = path.slice(0, path.lastIndexOf("/"));
  const listed = listSmall(directory, directoryInfo);
  return ["", "-wal", "-shm", "-journal"].map((suffix) => path + suffix).filter((file) => {
    // Prefer the listing: the first error that a process throws takes 0.25 ms, more than the listing.
    const found = listed === undefined ? lookAt(file) : listed.find(({ name }) => `${directory}/${name}` === file);
    if (found?.isFile === false) throw new Error(`"${file}" is not a plain file`);
    return found !== undefined;
  });
}

function lookAt(file: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Creates a database that its group can read, whatever umask sshd set. SQLite gives `-wal` the same mode. */
export function createDatabase(path: string): void {
  createWhole(path, 0o640, (unfinished) => {
    const database = openDatabase(unfinished, { busyTimeoutMs: BUSY_BUDGET_MS });
    // Before WAL mode: closing a WAL database runs a checkpoint, and hides its failure on a full disk.
    database.prepare(CREATE_QUEUE_TABLE).run();
    pragma(database, "journal_mode = WAL");
    database.close();
  });
}

/**
 * Creates the WAL index (`-shm`), which holds SQLite's locks, with access for our user only. A process that can open it
 * could lock one byte and delay each login by 10 s, whatever the busy timeout (walTryBeginRead in wal.c). It must not
 * be empty, because SQLite would give an empty file the mode of the database (robust_open in os_unix.c).
 */
export function createIndex(path: string): void {
  createWhole(path, 0o600, (unfinished) => Deno.writeTextFileSync(unfinished, "new"));
}

/** Fills a file under a temporary name, then links it: other hooks see it complete, and no file is overwritten. */
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
    // A failure leaves a log, which must be removed: one more at each login would fill the disk.
    for (const file of filesOf(unfinished)) Deno.removeSync(file);
  }
}

/** Deletes the oldest events and checkpoints a long log. Failure (a reader, a full disk) is harmless: the event is safe. */
function keepSmall(database: Database, logSize: number): void {
  if (logSize > 0 && logSize < WAL_LIMIT) return;
  try {
    pragma(database, "busy_timeout = 0");
    if (logSize === 0) {
      // The last login ran a checkpoint, or another tool has disabled WAL mode.
      pragma(database, "journal_mode = WAL");
      return;
    }
    // IDs, because counting 10,000 rows would read them, and a wrong clock must not delete any.
    database.prepare(
      `DELETE FROM event WHERE id IN (
         SELECT id FROM event WHERE id <= (SELECT max(id) FROM event) - ${KEEP} ORDER BY id LIMIT ${DELETE_AT_MOST})`,
    ).run();
    pragma(database, "wal_checkpoint(TRUNCATE)");
  } catch {
    // The next login tries again.
  }
}
