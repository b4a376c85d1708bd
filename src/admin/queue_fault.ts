// Whether `queue` can use its database: it is what it should be, whole, and takes an event. Changes nothing in it.

import { ExitCode, Failure } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { statIfThere } from "../store/files.ts";
import { faultOfNumbers } from "../store/inbox.ts";
import { type Database, openDatabase, pragma } from "../store/open.ts";
import { faultOfQueueTable } from "../store/queue_table.ts";
import { isSqliteError, SQLITE_BUSY, SQLITE_FULL, SQLITE_LOCKED, sqliteCode } from "../store/sqlite_error.ts";

/** How long to wait for the hooks of logins that happen meanwhile, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/** What belongs to the database. */
export const SUFFIXES = ["", "-wal", "-shm"] as const;

/**
 * Connections that stay open until the process ends. To close the last one folds the log up and takes it away, by its
 * name: from `send`, which can't read without it, or from a new database that has got that name since.
 */
const held: Database[] = [];

/** Opens the queue database, which must be sound. It stays open, as above. */
export function openHeld({ queueDatabase }: Pick<StatePaths, "queueDatabase">): Database {
  const database = openDatabase(queueDatabase, { busyTimeoutMs: BUSY_TIMEOUT_MS });
  held.push(database);
  return database;
}

/**
 * What is wrong with the queue database, so that only another one helps.
 *
 * @returns undefined where nothing is, or there is none
 * @throws {Failure} where that can't be told now: it is locked, or the disk is full
 */
export function faultOfDatabase({ queueDatabase }: Pick<StatePaths, "queueDatabase">): string | undefined {
  for (const suffix of SUFFIXES) {
    const info = statIfThere(`${queueDatabase}${suffix}`);
    if (info === undefined) continue;
    if (!info.isFile) return `"${queueDatabase}${suffix}" is not a plain file`;
    if (info.uid !== Deno.uid()) return `"${queueDatabase}${suffix}" belongs to somebody else (${info.uid})`;
  }
  const size = statIfThere(queueDatabase)?.size;
  const logSize = statIfThere(`${queueDatabase}-wal`)?.size ?? 0;
  if (size === undefined) return logSize > 0 ? "its log is there, and it is not" : undefined;
  // SQLite would take the log away, and the events in it.
  if (size === 0 && logSize > 0) return "it is empty, and its log is not";
  try {
    return faultOf(openHeld({ queueDatabase }));
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    if ([SQLITE_BUSY, SQLITE_LOCKED].includes(sqliteCode(error))) {
      throw new Failure(`Cannot look at "${queueDatabase}": another process holds a lock on it`, {
        code: "repair.queue-locked",
        exitCode: ExitCode.tempFail,
        hint:
          `see who it is (fuser -v ${queueDatabase}), end it, and run repair again; events go to the spool meanwhile`,
        cause: error,
      });
    }
    if (sqliteCode(error) === SQLITE_FULL) {
      throw new Failure(`Cannot write "${queueDatabase}": the disk is full`, {
        code: "repair.disk-full",
        exitCode: ExitCode.tempFail,
        hint: "make room; the database itself needs no repair",
        cause: error,
      });
    }
    return error.message;
  }
}

function faultOf(database: Database): string | undefined {
  // Comes first, since the other statements would run a trigger or a generated column, which may never end.
  const schema = faultOfQueueTable(database);
  if (schema !== undefined) return schema;
  const found = pragma(database, "integrity_check(1)");
  if (found !== "ok") return String(found);
  const numbers = faultOfNumbers(database);
  if (numbers !== undefined) return numbers;
  // Writes as the hook does: some damage shows only here.
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, 0, '{}')").run(crypto.randomUUID());
  } finally {
    if (database.isTransaction) database.prepare("ROLLBACK").run();
  }
  return undefined;
}
