// Checks that a database has exactly the expected schema. An attacker who can write a database file can add a view, a
// trigger or a computed column, which would run in the process that reads it.

import { databaseFiles, NotPlainError, statIfThere } from "./files.ts";
import type { Database } from "./open.ts";

/** The schema of a database is not the one that this program creates. */
export class ForeignSchemaError extends Error {
  override readonly name = "ForeignSchemaError";
}

/** Limits on what is read: more objects, and longer SQL texts, than any of our databases has. */
const MAX_OBJECTS = 100;
const MAX_TEXT = 10_000;

/** The schema as one text. Reading it executes none of it. */
export function schemaOf(database: Database): string {
  const rows = database.prepare(
    `SELECT type, name, tbl_name, substr(sql, 1, ${MAX_TEXT}) AS sql FROM sqlite_schema
     ORDER BY type, name LIMIT ${MAX_OBJECTS}`,
  ).all();
  return JSON.stringify(rows.map(({ type, name, tbl_name, sql }) => [type, name, tbl_name, sql]));
}

/** Throws a {@link ForeignSchemaError} for a table that is a view or has computed columns: reading it may never end. */
export function assertPlainTable(database: Database, name: string): void {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name);
  const computed = database.prepare("SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden <> 0").get(name);
  if (table === undefined || computed !== undefined) throw new ForeignSchemaError(`"${name}" is not a plain table`);
}

/** Throws a {@link NotPlainError} for a file of a database that SQLite would block on (a FIFO) or follow (a link). */
export function assertPlainFiles(path: string): void {
  for (const file of databaseFiles(path)) {
    if (statIfThere(file)?.isFile === false) throw new NotPlainError(`"${file}" is not a plain file`);
  }
}
