// Checks that a database has exactly the schema that it must have. An attacker who can write one of our files can put a
// view, a trigger or a computed column into it, which runs inside the process that reads it.

import { NotPlainError, statIfThere } from "./files.ts";
import type { Database } from "./open.ts";
import { faultOfQueueTable } from "./queue_table.ts";

/** A database that this program did not make, or that was changed since. */
export class ForeignSchemaError extends Error {
  override readonly name = "ForeignSchemaError";
}

/** Limits: more objects than any of our databases has, and longer than the text of each. */
const MAX_OBJECTS = 100;
const MAX_TEXT = 10_000;

/** The whole schema as one text. Reading it runs nothing of it. */
export function schemaOf(database: Database): string {
  const rows = database.prepare(
    `SELECT type, name, tbl_name, substr(sql, 1, ${MAX_TEXT}) AS sql FROM sqlite_schema
     ORDER BY type, name LIMIT ${MAX_OBJECTS}`,
  ).all();
  return JSON.stringify(rows.map(({ type, name, tbl_name, sql }) => [type, name, tbl_name, sql]));
}

/**
 * Refuses a queue database with anything but its one table.
 *
 * @throws {ForeignSchemaError}
 */
export function assertQueueSchema(database: Database): void {
  const fault = faultOfQueueTable(database);
  if (fault !== undefined) throw new ForeignSchemaError(fault);
}

/**
 * Refuses a table that is a view or has computed columns: reading it may never end. For a database whose schema is not
 * ours.
 *
 * @throws {ForeignSchemaError}
 */
export function assertPlainTable(database: Database, name: string): void {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name);
  const computed = database.prepare("SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden <> 0").get(name);
  if (table === undefined || computed !== undefined) throw new ForeignSchemaError(`"${name}" is not a plain table`);
}

/** The files that SQLite opens along with a database. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

/**
 * Refuses a database if one of its files is not a plain file: SQLite would wait for a FIFO, and follow a link.
 *
 * @throws {NotPlainError}
 */
export function assertPlainFiles(path: string): void {
  for (const file of SUFFIXES.map((suffix) => `${path}${suffix}`)) {
    if (statIfThere(file)?.isFile === false) throw new NotPlainError(`"${file}" is not a plain file`);
  }
}
