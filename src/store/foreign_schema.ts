// Whether a database has the schema that it must have. Whoever can write a file of ours can put a view, a trigger or a
// computed column into it, which runs inside the process that reads it.

import { NotPlainError, statIfThere } from "./files.ts";
import type { Database } from "./open.ts";

/** A database that is not of our making, or was changed since. */
export class ForeignSchemaError extends Error {
  override readonly name = "ForeignSchemaError";
}

/** More objects than any database of ours has, and longer than the text of each. */
const MAX_OBJECTS = 100;
const MAX_TEXT = 10_000;

/** All that a schema holds, as one text. Reading it runs nothing that stands in it. */
export function schemaOf(database: Database): string {
  const rows = database.prepare(
    `SELECT type, name, tbl_name, substr(sql, 1, ${MAX_TEXT}) AS sql FROM sqlite_schema
     ORDER BY type, name LIMIT ${MAX_OBJECTS}`,
  ).all();
  return JSON.stringify(rows.map(({ type, name, tbl_name, sql }) => [type, name, tbl_name, sql]));
}

/** The only table of the queue database, as hook/insert.ts makes it. It is fixed for good. */
const QUEUE_SCHEMA = JSON.stringify([
  ["index", "sqlite_autoindex_event_1", "event", null],
  [
    "table",
    "event",
    "event",
    "CREATE TABLE event (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, occurred_at_ms INTEGER, record TEXT) STRICT",
  ],
]);

/**
 * Refuses a queue database with anything but its one table.
 *
 * @throws {ForeignSchemaError}
 */
export function assertQueueSchema(database: Database): void {
  if (schemaOf(database) !== QUEUE_SCHEMA) {
    throw new ForeignSchemaError("it holds something else than the table that queue makes");
  }
}

/**
 * Refuses a table that is a view, or has columns that are computed: reading it may never end. For a database whose schema
 * is not ours.
 *
 * @throws {ForeignSchemaError}
 */
export function assertPlainTable(database: Database, name: string): void {
  const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name);
  const computed = database.prepare("SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden <> 0").get(name);
  if (table === undefined || computed !== undefined) throw new ForeignSchemaError(`"${name}" is no plain table`);
}

/** The files that SQLite opens along with a database. */
const SUFFIXES = ["", "-wal", "-shm", "-journal"];

/**
 * Refuses a database of which a file is anything but a plain file: SQLite would wait for a FIFO, and follow a link.
 *
 * @throws {NotPlainError}
 */
export function assertPlainFiles(path: string): void {
  for (const file of SUFFIXES.map((suffix) => `${path}${suffix}`)) {
    if (statIfThere(file)?.isFile === false) throw new NotPlainError(`"${file}" is not a plain file`);
  }
}
