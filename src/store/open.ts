// Opens the store of `send`, deliveries.db: to write, or to read while `send` may be running.

import { statIfThere } from "../sqlite/files.ts";
import { assertPlainFiles } from "../sqlite/foreign_schema.ts";
import { type Database, openDatabase, pragma } from "../sqlite/open.ts";
import { assertSchema, migrate, SCHEMA_VERSION } from "./schema.ts";

/** How long a writer waits for a lock, such as that of an administrator's SQLite tool, and how long a reader does. */
const WRITE_TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 5_000;

/**
 * Opens a store, creates it if it does not exist, and migrates it. Closing it checkpoints and deletes the log, so only one
 * file remains between runs.
 *
 * @param path a file, or `:memory:`
 * @throws {NewerSchemaError} if it is newer than this program; {ForeignSchemaError} or {NotPlainError} if this program did
 *   not create it; and errors of SQLite
 */
export function openToWrite(path: string): Database {
  if (path !== ":memory:") assertPlainFiles(path);
  // Closes it now after an error. The garbage collector would do so later, and delete the log by name, perhaps that of a
  // new store.
  using opened = new DisposableStack();
  const database = opened.use(openDatabase(path, { busyTimeoutMs: WRITE_TIMEOUT_MS }));
  assertSchema(database);
  pragma(database, "journal_mode = WAL");
  pragma(database, "synchronous = FULL");
  pragma(database, "foreign_keys = ON");
  migrate(database);
  opened.move();
  return database;
}

/**
 * Opens a store read-only.
 *
 * @returns undefined if `send` has not created it yet, or has not migrated it to this release
 * @throws the errors of {@link openToWrite}
 */
export function openToRead(path: string): Database | undefined {
  if (statIfThere(path) === undefined) return undefined;
  assertPlainFiles(path);
  using opened = new DisposableStack();
  const database = opened.use(openDatabase(path, { readOnly: true, busyTimeoutMs: READ_TIMEOUT_MS }));
  if (assertSchema(database) !== SCHEMA_VERSION) return undefined;
  opened.move();
  return database;
}
