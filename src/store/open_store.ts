// Opens the store of `send` and keeps it whole: one that is damaged is set aside and made anew of what can be read, one
// that was lost is begun again. A run that is killed meanwhile is completed by the next one.

import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { Deliveries } from "./deliveries.ts";
import { NotPlainError, statIfThere } from "./files.ts";
import { ForeignSchemaError } from "./foreign_schema.ts";
import { beginStore, isBegun } from "./read_again.ts";
import { salvageStore } from "./salvage.ts";
import { finishReading, finishSettingAside, foldersToRead, setAside } from "./set_aside.ts";
import { isDamage, isSqliteError, SQLITE_CONSTRAINT, SQLITE_ERROR, sqliteCode } from "./sqlite_error.ts";

/** What opening needs to know. */
export interface OpenStoreOptions {
  readonly paths: Pick<StatePaths, "sendDir" | "deliveriesDatabase">;
  readonly log: Log;
  readonly nowMs: number;
  /** Whether there was a store on this host before: then one that is not there was lost. */
  readonly hadStore: boolean;
  /** When the newest event in the queue happened, if that can be told. */
  readonly newestAtMs: () => number | undefined;
}

/**
 * Opens the store, as whole as it can be made.
 *
 * @throws {NewerSchemaError}, and what SQLite or the disk says: it is full, or may not be written
 */
export function openStore(options: OpenStoreOptions): Deliveries {
  const { paths, log, nowMs } = options;
  finishSettingAside(paths);
  makeWritable(paths.deliveriesDatabase);
  let deliveries = tryToOpen(paths.deliveriesDatabase);
  if (typeof deliveries === "string") {
    log("error", `${deliveries}; making a new one of what can be read`);
    setAside(paths, nowMs);
    deliveries = new Deliveries(paths.deliveriesDatabase);
  }
  const folders = foldersToRead(paths.sendDir);
  begin(deliveries, { ...options, hadStore: options.hadStore || folders.length > 0 });
  for (const folder of folders) {
    salvage(deliveries, `${folder}${paths.deliveriesDatabase.slice(paths.sendDir.length)}`, options);
    log("warning", `the damaged store is kept in "${finishReading(folder)}", which can be removed`);
  }
  return deliveries;
}

/**
 * The store as {@link openStore} would make it. Where it would be a new one, it is made in memory, and nothing on the
 * disk changes.
 *
 * @throws as {@link openStore} does
 */
export function previewStore(options: OpenStoreOptions): Deliveries {
  const { paths: { deliveriesDatabase: path }, log } = options;
  const found = statIfThere(path) === undefined ? new Deliveries(":memory:") : tryToOpen(path);
  const isDamaged = typeof found === "string";
  const deliveries = isDamaged ? new Deliveries(":memory:") : found;
  if (isDamaged) log("warning", `${found}; the next run makes a new one of what can be read`);
  begin(deliveries, { ...options, hadStore: options.hadStore || isDamaged });
  if (isDamaged) salvage(deliveries, path, options);
  return deliveries;
}

/**
 * Opens the store, or says what keeps it from being used, and would for ever. What the next run may find mended is
 * thrown: a lock, a disk that is full, a mode.
 */
function tryToOpen(path: string): Deliveries | string {
  // SQLite would take such a log away, and with it all that the last run has done.
  const isEmpty = (statIfThere(path)?.size ?? 0) === 0;
  if (isEmpty && (statIfThere(`${path}-wal`)?.size ?? 0) > 0) return `"${path}" is empty, and its log is not`;
  try {
    return new Deliveries(path);
  } catch (error) {
    if (error instanceof NotPlainError) return error.message;
    const isForeign = error instanceof ForeignSchemaError;
    if (!isForeign && !isDamage(error) && sqliteCode(error) !== SQLITE_ERROR) throw error;
    return `the store "${path}" is damaged: ${messageOf(error)}`;
  }
}

/** A store that may not be written is one that somebody has copied or restored: its folder is nobody else's. */
function makeWritable(path: string): void {
  for (const file of ["", "-wal", "-shm"].map((suffix) => `${path}${suffix}`)) {
    const info = statIfThere(file);
    if (info?.isFile && info.uid === Deno.uid() && ((info.mode ?? 0) & 0o600) !== 0o600) Deno.chmodSync(file, 0o600);
  }
}

/** Begins the life of a store that is new. */
function begin({ database }: Deliveries, { hadStore, nowMs, newestAtMs, log }: OpenStoreOptions): void {
  if (isBegun(database)) return;
  if (hadStore) {
    log(
      "warning",
      "the store that knew what was delivered is gone: what has happened in the last 24 hours and is not known as " +
        "delivered is sent once more, as a possible repeat; what is older is kept as history",
    );
  }
  beginStore(database, { origin: hadStore ? "lost" : "first", nowMs, newestAtMs: newestAtMs() });
}

function salvage({ database }: Deliveries, path: string, { log }: OpenStoreOptions): void {
  try {
    const { events, deliveries } = salvageStore(database, path);
    log("warning", `salvaged ${events} events and ${deliveries} deliveries of the damaged store`);
  } catch (error) {
    // A disk that is full may have room for it in the next run. What salvaging itself can't cope with must not stop that.
    if (isSqliteError(error) && sqliteCode(error) !== SQLITE_ERROR && sqliteCode(error) !== SQLITE_CONSTRAINT) {
      throw error;
    }
    log("error", `nothing can be salvaged of the damaged store: ${messageOf(error)}`);
  }
}
