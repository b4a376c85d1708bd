// Opens the store of `send`. Replaces a damaged or lost store with its daily backup, or with an empty one. If the run is
// killed, the next run completes the work.

import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { databaseFiles, NotPlainError, statIfThere } from "../sqlite/files.ts";
import type { Database } from "../sqlite/open.ts";
import { ForeignSchemaError } from "../sqlite/foreign_schema.ts";
import { isDamage, SQLITE_ERROR, SQLITE_FULL, sqliteCode } from "../sqlite/sqlite_error.ts";
import { systemCode } from "../system_error.ts";
import { restoreStore } from "./backup.ts";
import { openToWrite } from "./open.ts";
import { beginStore, isBegun } from "./read_again.ts";
import { finishSettingAside, setAside } from "./set_aside.ts";

/** Options of {@link openStore} and {@link previewStore}. */
export interface OpenStoreOptions {
  readonly paths: Pick<StatePaths, "sendDir" | "deliveriesDatabase" | "deliveriesBackup">;
  readonly log: Log;
  readonly nowMs: number;
  /** Whether this host has had a store before: if so, a missing store was lost. */
  readonly hadStore: boolean;
  /** Time of the newest event in the queue, in milliseconds since the epoch; undefined if unknown. */
  readonly newestAtMs: () => number | undefined;
}

/**
 * Opens the store, and replaces it first if it is damaged or lost.
 *
 * @throws {NewerSchemaError} and errors of SQLite or the disk, such as a full or read-only one
 */
export function openStore(options: OpenStoreOptions): Database {
  const { paths, log, nowMs } = options;
  const path = paths.deliveriesDatabase;
  finishSettingAside(paths);
  makeWritable(path);
  const info = statIfThere(path);
  const isMissing = info === undefined || (info.isFile && info.size === 0 && !hasLog(path));
  const found = isMissing ? "missing" : tryToOpen(path);
  if (typeof found !== "string") {
    begin(found, options);
    return found;
  }
  if (!isMissing) log("error", `${found}; moved to "${setAside(paths, nowMs)}", you can delete it`);
  const hadStore = options.hadStore || !isMissing;
  if (hadStore) restore(options);
  const database = openToWrite(path);
  begin(database, { ...options, hadStore });
  return database;
}

/** Restores the backup. A backup that cannot be used must not stop `send`. */
function restore({ paths, log, nowMs, newestAtMs }: OpenStoreOptions): void {
  try {
    const madeAt = statIfThere(paths.deliveriesBackup)?.mtime ?? new Date(nowMs);
    if (!restoreStore({ paths, nowMs, newestAtMs: newestAtMs() })) return;
    log("warning", `restored the store from its backup of ${madeAt.toISOString()}: ${SENT_AGAIN}`);
  } catch (error) {
    // It may have room at the next run, and a new store would keep the backup from ever being restored.
    if (sqliteCode(error) === SQLITE_FULL || ["ENOSPC", "EDQUOT"].includes(systemCode(error))) throw error;
    log("error", `cannot restore the store from "${paths.deliveriesBackup}": ${messageOf(error)}`);
  }
}

const SENT_AGAIN =
  "events of the last 24 hours that are not known to be delivered are sent again, as possible repeats; older events " +
  "are kept as history";

/**
 * Returns the store as {@link openStore} would open it, but creates a new store only in memory. An older store is
 * migrated on the disk.
 *
 * @throws the errors of {@link openStore}, and the fault of a damaged store
 */
export function previewStore(options: OpenStoreOptions): Database {
  const { deliveriesDatabase: path } = options.paths;
  const database = openToWrite(statIfThere(path) === undefined ? ":memory:" : path);
  begin(database, options);
  return database;
}

/**
 * Opens the store, or returns the permanent fault that prevents its use. Throws faults that may be gone at the next run:
 * a lock, a full disk, a file mode.
 */
function tryToOpen(path: string): Database | string {
  // SQLite would delete the log of an empty database, and with it the work of the last run.
  if (statIfThere(path)?.size === 0 && hasLog(path)) return `"${path}" is empty but its log is not`;
  try {
    return openToWrite(path);
  } catch (error) {
    if (error instanceof NotPlainError) return error.message;
    const isFault = error instanceof ForeignSchemaError || isDamage(error) || sqliteCode(error) === SQLITE_ERROR;
    if (!isFault) throw error;
    return `the store "${path}" is damaged: ${messageOf(error)}`;
  }
}

function hasLog(path: string): boolean {
  return (statIfThere(`${path}-wal`)?.size ?? 0) > 0;
}

/** Fixes the file modes of a store that was copied or restored without read or write permission for its owner. */
function makeWritable(path: string): void {
  for (const file of databaseFiles(path)) {
    const info = statIfThere(file);
    if (info?.isFile && info.uid === Deno.uid() && ((info.mode ?? 0) & 0o600) !== 0o600) Deno.chmodSync(file, 0o600);
  }
}

/** Initializes a new store. */
function begin(database: Database, { hadStore, nowMs, newestAtMs, log }: OpenStoreOptions): void {
  if (isBegun(database)) return;
  if (hadStore) log("warning", `the store of past deliveries was lost: ${SENT_AGAIN}`);
  beginStore(database, { origin: hadStore ? "lost" : "first", nowMs, newestAtMs: newestAtMs() });
}
