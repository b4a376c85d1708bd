// Opens SQLite databases.

import { DatabaseSync } from "node:sqlite";

/** An open database. Prefer its prepared statements: only their errors carry an `errcode`. */
export type Database = DatabaseSync;

/** Opens a database, and creates it if it does not exist (unless `readOnly`). Its errors have no `errcode`. */
export function openDatabase(
  path: string,
  { readOnly = false, busyTimeoutMs }: { readOnly?: boolean; busyTimeoutMs: number },
): Database {
  return new DatabaseSync(path, {
    readOnly,
    timeout: busyTimeoutMs,
    // No extensions, and no strings in double quotes: a mistyped column name in these would become a string.
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
  });
}

/** Reads or sets a pragma, and returns its value. Uses a prepared statement, whose errors have an `errcode`. */
export function pragma(database: Database, assignment: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${assignment}`).get() ?? {})[0];
}

/** Runs `work` in the open transaction, or in a new one: takes the write lock at its start, rolls back if `work` throws. */
export function transaction<T>(database: Database, work: () => T): T {
  if (database.isTransaction) return work();
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    const result = work();
    database.prepare("COMMIT").run();
    return result;
  } catch (error) {
    // Some errors, such as a full disk, roll it back themselves.
    if (database.isTransaction) database.prepare("ROLLBACK").run();
    throw error;
  }
}
