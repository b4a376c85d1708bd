// Opens the store of `send` for people who look into it, while `send` may be running. It is not changed.

import { statIfThere } from "./files.ts";
import { assertPlainFiles } from "./foreign_schema.ts";
import { type Database, openDatabase } from "./open.ts";
import { assertSchema, SCHEMA_VERSION } from "./schema.ts";

/** How long reading waits for a lock, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens a store to read in it.
 *
 * @param path `deliveries.db`
 * @returns undefined where `send` has not made it yet, or has not brought it up to this release
 * @throws {NewerSchemaError} where it is newer than this program, {ForeignSchemaError} and {NotPlainError} where it is not
 *   of our making, and what SQLite says
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
