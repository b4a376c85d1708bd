// Checks whether `queue` can use its database: it is ours, intact, and accepts an event. Changes nothing in it.

import { ExitCode, Failure } from "../../failure.ts";
import type { StatePaths } from "../../paths.ts";
import { databaseFiles, MAX_FOLDER_BYTES, statIfThere } from "../../sqlite/files.ts";
import { faultOfNumbers } from "../../intake/inbox.ts";
import { type Database, openDatabase, pragma } from "../../sqlite/open.ts";
import { faultOfQueueTable } from "../../sqlite/queue_table.ts";
import { isSqliteError, SQLITE_BUSY, SQLITE_FULL, SQLITE_LOCKED, sqliteCode } from "../../sqlite/sqlite_error.ts";

/** How long to wait for locks that hooks hold, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Connections that stay open until the process ends. Closing the last one checkpoints the log and deletes it by name,
 * so `send` could not read the database, or a new database with the same name would lose its log.
 */
const held: Database[] = [];

/** Opens the queue database, which must be intact, and keeps it open (see `held`). */
export function openHeld({ queueDatabase }: Pick<StatePaths, "queueDatabase">): Database {
  const database = openDatabase(queueDatabase, { busyTimeoutMs: BUSY_TIMEOUT_MS });
  held.push(database);
  return database;
}

/**
 * Describes damage to the queue database that only a new database can fix.
 *
 * @returns undefined if there is no damage, or no database
 * @throws {Failure} if it cannot be checked now: it is locked, or the disk is full
 */
export function faultOfDatabase({ databaseDir, queueDatabase }: StatePaths): string | undefined {
  const directory = statIfThere(databaseDir);
  if (directory?.isDirectory !== true) return `"${databaseDir}" is not a directory`;
  if (directory.size > MAX_FOLDER_BYTES) return `"${databaseDir}" has, or had, too many files to list`;
  for (const path of databaseFiles(queueDatabase)) {
    const info = statIfThere(path);
    if (info === undefined) continue;
    if (!info.isFile) return `"${path}" is not a plain file`;
    if (info.uid !== Deno.uid()) return `"${path}" belongs to another user (${info.uid})`;
  }
  const size = statIfThere(queueDatabase)?.size;
  const logSize = statIfThere(`${queueDatabase}-wal`)?.size ?? 0;
  if (size === undefined) return logSize > 0 ? "the database does not exist, but its log does" : undefined;
  // SQLite would delete the log, and the events in it.
  if (size === 0 && logSize > 0) return "the database is empty, but its log is not";
  try {
    return faultOf(openHeld({ queueDatabase }));
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    if ([SQLITE_BUSY, SQLITE_LOCKED].includes(sqliteCode(error))) {
      throw new Failure(`Cannot examine "${queueDatabase}": another process has locked it`, {
        code: "repair.queue-locked",
        exitCode: ExitCode.tempFail,
        hint:
          `find the process (fuser -v ${queueDatabase}), end it, then run repair again; until then, events are spooled`,
        cause: error,
      });
    }
    if (sqliteCode(error) === SQLITE_FULL) {
      throw new Failure(`Cannot write "${queueDatabase}": the disk is full`, {
        code: "repair.disk-full",
        exitCode: ExitCode.tempFail,
        hint: "free space on the disk; the database itself needs no repair",
        cause: error,
      });
    }
    return error.message;
  }
}

function faultOf(database: Database): string | undefined {
  // Must be first: a planted trigger or generated column would run in the other statements and might never end.
  const schema = faultOfQueueTable(database);
  if (schema !== undefined) return schema;
  const found = pragma(database, "integrity_check(1)");
  if (found !== "ok") return String(found);
  const numbers = faultOfNumbers(database);
  if (numbers !== undefined) return numbers;
  // Writes like the hook, because some damage shows only then.
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, 0, '{}')").run(crypto.randomUUID());
  } finally {
    if (database.isTransaction) database.prepare("ROLLBACK").run();
  }
  return undefined;
}
