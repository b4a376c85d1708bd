// Reads the queue databases that `repair` has set aside. They are in subdirectories of queue/, where `send` can only
// read, and may be forged: whatever they contain, reading them ends.

import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { assertPlainTable, ForeignSchemaError } from "../sqlite/foreign_schema.ts";
import { listFolder, removeDatabase, statIfThere } from "../sqlite/files.ts";
import { openDatabase } from "../sqlite/open.ts";
import { RowOrderError, rowsAroundDamage } from "../sqlite/rows_around_damage.ts";
import { isDamage, SQLITE_ERROR, sqliteCode } from "../sqlite/sqlite_error.ts";
import { copyDatabase, looksOf } from "./copy.ts";
import { EVENT_COLUMNS } from "./inbox.ts";
import { parseRow } from "./record.ts";

/** After this time, a hook that had the database open when it was moved has ended. In milliseconds. */
const SETTLED_AFTER_MS = 10_000;

/** The most directories that are looked at, the newest. Only the user of `queue`, which owns queue/, can create so many. */
const MAX_FOLDERS = 100;

/** The largest database that is read, in bytes: some 600,000 events. */
const MAX_BYTES = 256 * 1024 ** 2;

/** How long a database is read, in milliseconds. A forged one can have any number of rows. */
const MAX_READ_MS = 20_000;

const NAME = /^damaged-[0-9A-Za-z-]{1,64}$/;

/** A queue database that was set aside. */
export interface DamagedQueue {
  readonly folder: string;
  readonly database: string;
  /** Changes with every write to it. */
  readonly looks: string;
  /** Whether it was not written to in the last 10 seconds. */
  readonly isSettled: boolean;
}

/**
 * Lists the databases that were set aside, oldest first.
 *
 * @throws if the directory is too large to list
 */
export function findDamagedQueues({ queueDir, queueDatabase }: StatePaths, nowMs: number): DamagedQueue[] {
  // The code that reads the queue database reports that the directory does not exist.
  if (statIfThere(queueDir)?.isDirectory !== true) return [];
  return damagedFolders(queueDir).flatMap((folder) => {
    const database = `${folder}${queueDatabase.slice(queueDatabase.lastIndexOf("/"))}`;
    try {
      const files = [database, `${database}-wal`].map(statIfThere);
      // The absolute difference, because a time is in the future if the clock was set back since.
      const isSettled = files.every((info) => Math.abs(nowMs - (info?.mtime?.getTime() ?? 0)) > SETTLED_AFTER_MS);
      const isThere = files.some((info) => info !== undefined);
      return isThere ? [{ folder, database, looks: looksOf(database), isSettled }] : [];
    } catch {
      // The code that reads the database reports why the directory can't be searched.
      return [{ folder, database, looks: "", isSettled: true }];
    }
  });
}

/**
 * The directories in queue/ that `repair` moved aside, oldest first: databases, or spools that are too large for `send`.
 *
 * @throws as {@link listFolder}
 */
export function damagedFolders(queueDir: string): string[] {
  const names = listFolder(queueDir).filter(({ name, isDirectory }) => isDirectory && NAME.test(name));
  return names.map(({ name }) => `${queueDir}/${name}`).sort().slice(-MAX_FOLDERS);
}

/** Whether a path, which may be forged, is one of those directories. */
export function isSetAside({ queueDir }: Pick<StatePaths, "queueDir">, path: string): boolean {
  const isNamedSo = path.startsWith(`${queueDir}/`) && NAME.test(path.slice(queueDir.length + 1));
  return isNamedSo && statIfThere(path)?.isDirectory === true;
}

/**
 * Reads the events that SQLite can read; undefined for a row that is not an event.
 *
 * @param options.maxReadMs how long to read, in milliseconds. Default: 20 s
 * @param options.copy where to copy the database, because SQLite has to write to the index of its log
 * @returns why it is incomplete; undefined if it is complete
 * @throws errors of the disk, after all events that can be read: try again later
 */
export function* readDamagedQueue(
  path: string,
  { copy, maxReadMs = MAX_READ_MS }: { copy: string; maxReadMs?: number },
): Generator<SessionEvent | undefined, string | undefined> {
  for (const file of [path, `${path}-wal`]) {
    const info = statIfThere(file);
    if (info?.isFile === false) return `"${file}" is not a plain file`;
    if ((info?.size ?? 0) > MAX_BYTES) return `"${file}" is larger than ${MAX_BYTES} bytes`;
  }
  let unreadable: unknown;
  const isWhole = copyDatabase(path, copy, { maxTries: 1, onUnreadable: (error) => unreadable ??= error });
  if (!isWhole) throw new Error("it is being written to");
  const database = openDatabase(copy, { busyTimeoutMs: 0 });
  try {
    // Reading it runs no trigger, and uses no index but that of the row ids.
    assertPlainTable(database, "event");
    // A column with the name of the row id would hide it, and reading would not end.
    const columns = database.prepare("SELECT group_concat(name) AS names FROM pragma_table_info('event')").get();
    if (columns?.["names"] !== "id,uuid,occurred_at_ms,record") return "its table has other columns";
    let readMs = 0;
    const rows = rowsAroundDamage(database, { table: "event", columns: EVENT_COLUMNS });
    for (;;) {
      const startedAtMs = performance.now();
      const { done, value } = rows.next();
      if (done) break;
      readMs += performance.now() - startedAtMs;
      if (readMs > maxReadMs) return `reading it takes longer than ${maxReadMs / 1000} s`;
      yield parseRow(value);
    }
  } catch (error) {
    // SQLITE_ERROR: a column is missing.
    const isFault = error instanceof ForeignSchemaError || error instanceof RowOrderError;
    if (!isFault && !isDamage(error) && sqliteCode(error) !== SQLITE_ERROR) throw error;
    if (unreadable === undefined) return messageOf(error);
  } finally {
    database.close();
    removeDatabase(copy);
  }
  // The disk may be able to read it the next time.
  if (unreadable !== undefined) throw unreadable;
  return undefined;
}
