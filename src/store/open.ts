// Opens SQLite databases. The only file that names the SQLite module.

import { DatabaseSync } from "node:sqlite";

/** An open database. Prefer its prepared statements: only their errors carry an `errcode`. */
export type Database = DatabaseSync;

/** How to open a database. */
export interface OpenOptions {
  /** Whether SQLite refuses to write. Default: false. */
  readonly readOnly?: boolean;
  /** How long a statement waits for a lock, in milliseconds. */
  readonly busyTimeoutMs: number;
}

/** Opens a database, made where there is none (unless `readOnly`). What it throws has no `errcode`. */
export function openDatabase(path: string, options: OpenOptions): Database {
  return new DatabaseSync(path, {
    readOnly: options.readOnly ?? false,
    timeout: options.busyTimeoutMs,
    // Neither extensions nor quotes that turn a mistyped name into a text.
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
  });
}

/** Sets a pragma and answers its new value. A prepared statement, so that a refusal carries its `errcode`. */
export function pragma(database: Database, assignment: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${assignment}`).get() ?? {})[0];
}

/** Runs statements as one transaction that holds the write lock from its start; rolled back where `work` throws. */
export function transaction<T>(database: Database, work: () => T): T {
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    const result = work();
    database.prepare("COMMIT").run();
    return result;
  } catch (error) {
    // Some errors (a full disk) have rolled it back already.
    if (database.isTransaction) database.prepare("ROLLBACK").run();
    throw error;
  }
}
