// Opens the store of `send` read-only, for the commands that show it. `send` may be running.

import { statIfThere } from "../sqlite/files.ts";
import { assertPlainFiles } from "../sqlite/foreign_schema.ts";
import { type Database, openDatabase } from "../sqlite/open.ts";
import { assertSchema, SCHEMA_VERSION } from "./schema.ts";

/** How long a read waits for a lock, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens a store read-only.
 *
 * @param path `deliveries.db`
 * @returns undefined if `send` has not created it yet, or has not migrated it to this release
 * @throws {NewerSchemaError} if it is newer than this program; {ForeignSchemaError} or {NotPlainError} if this program did
 *   not create it; and errors of SQLite
 */
export function openToRead(path: string): Database | undefined {
  if (statIfThere(path) === undefined) return undefined;
  assertPlainFiles(path);
  const database = openDatabase(path, { readOnly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    if (assertSchema(database) === SCHEMA_VERSION) return database;
  } catch (error) {
    database.close();
    throw error;
  }
  database.close();
  return undefined;
}
