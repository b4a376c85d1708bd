// Opens the store of `send`. Replaces a damaged store with a new one made from what can be read, and a lost store with an
// empty one. If the run is killed, the next run completes the work.

import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { NotPlainError, statIfThere } from "../sqlite/files.ts";
import type { Database } from "../sqlite/open.ts";
import { ForeignSchemaError } from "../sqlite/foreign_schema.ts";
import { openToWrite } from "./open.ts";
import { beginStore, isBegun } from "./read_again.ts";
import { salvageStore } from "./salvage.ts";
import { finishReading, finishSettingAside, foldersToRead, setAside } from "./set_aside.ts";
import { isDamage, isSqliteError, SQLITE_CONSTRAINT, SQLITE_ERROR, sqliteCode } from "../sqlite/sqlite_error.ts";

/** Options of {@link openStore} and {@link previewStore}. */
export interface OpenStoreOptions {
  readonly paths: Pick<StatePaths, "sendDir" | "deliveriesDatabase">;
  readonly log: Log;
  readonly nowMs: number;
  /** Whether this host has had a store before: if so, a missing store was lost. */
  readonly hadStore: boolean;
  /** Time of the newest event in the queue, in milliseconds since the epoch; undefined if unknown. */
  readonly newestAtMs: () => number | undefined;
}

/**
 * Opens the store, and recovers it first if it is damaged or lost.
 *
 * @throws {NewerSchemaError} and errors of SQLite or the disk, such as a full or read-only one
 */
export function openStore(options: OpenStoreOptions): Database {
  const { paths, log, nowMs } = options;
  finishSettingAside(paths);
  makeWritable(paths.deliveriesDatabase);
  let database = tryToOpen(paths.deliveriesDatabase);
  if (typeof database === "string") {
    log("error", `${database}; creating a new one from what can be read`);
    setAside(paths, nowMs);
    database = openToWrite(paths.deliveriesDatabase);
  }
  const folders = foldersToRead(paths.sendDir);
  begin(database, { ...options, hadStore: options.hadStore || folders.length > 0 });
  for (const folder of folders) {
    salvage(database, `${folder}${paths.deliveriesDatabase.slice(paths.sendDir.length)}`, options);
    log("warning", `the damaged store is kept in "${finishReading(folder)}"; you can delete it`);
  }
  return database;
}

/**
 * Returns the store as {@link openStore} would open it, but makes a new store only in memory, and leaves a damaged one in
 * place. An older store is migrated on the disk.
 *
 * @throws the errors of {@link openStore}
 */
export function previewStore(options: OpenStoreOptions): Database {
  const { paths: { deliveriesDatabase: path }, log } = options;
  const found = statIfThere(path) === undefined ? openToWrite(":memory:") : tryToOpen(path);
  const isDamaged = typeof found === "string";
  const database = isDamaged ? openToWrite(":memory:") : found;
  if (isDamaged) log("warning", `${found}; the next run creates a new one from what can be read`);
  begin(database, { ...options, hadStore: options.hadStore || isDamaged });
  if (isDamaged) salvage(database, path, options);
  return database;
}

/**
 * Opens the store, or returns the permanent fault that prevents its use. Throws faults that may be gone at the next run:
 * a lock, a full disk, a file mode.
 */
function tryToOpen(path: string): Database | string {
  // SQLite would delete the log of an empty database, and with it the work of the last run.
  const isEmpty = (statIfThere(path)?.size ?? 0) === 0;
  if (isEmpty && (statIfThere(`${path}-wal`)?.size ?? 0) > 0) return `"${path}" is empty but its log is not`;
  try {
    return openToWrite(path);
  } catch (error) {
    if (error instanceof NotPlainError) return error.message;
    const isForeign = error instanceof ForeignSchemaError;
    if (!isForeign && !isDamage(error) && sqliteCode(error) !== SQLITE_ERROR) throw error;
    return `the store "${path}" is damaged: ${messageOf(error)}`;
  }
}

/** Fixes the file modes of a store that was copied or restored without read or write permission for its owner. */
function makeWritable(path: string): void {
  for (const file of ["", "-wal", "-shm"].map((suffix) => `${path}${suffix}`)) {
    const info = statIfThere(file);
    if (info?.isFile && info.uid === Deno.uid() && ((info.mode ?? 0) & 0o600) !== 0o600) Deno.chmodSync(file, 0o600);
  }
}

/** Initializes a new store. */
function begin(database: Database, { hadStore, nowMs, newestAtMs, log }: OpenStoreOptions): void {
  if (isBegun(database)) return;
  if (hadStore) {
    log(
      "warning",
      "the store of past deliveries was lost: events of the last 24 hours that are not known to be delivered are sent " +
        "again, as possible repeats; older events are kept as history",
    );
  }
  beginStore(database, { origin: hadStore ? "lost" : "first", nowMs, newestAtMs: newestAtMs() });
}

function salvage(database: Database, path: string, { log }: OpenStoreOptions): void {
  try {
    const { events, deliveries } = salvageStore(database, path);
    log("warning", `salvaged ${events} events and ${deliveries} deliveries from the damaged store`);
  } catch (error) {
    // A full disk may have room at the next run. An error of the salvage itself must not stop `send`.
    if (isSqliteError(error) && sqliteCode(error) !== SQLITE_ERROR && sqliteCode(error) !== SQLITE_CONSTRAINT) {
      throw error;
    }
    log("error", `cannot salvage anything from the damaged store: ${messageOf(error)}`);
  }
}
