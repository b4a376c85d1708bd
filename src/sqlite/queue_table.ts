// The only table of the queue database. A database with anything else is rejected: SQLite would run a trigger, for
// example, in the hook.

import type { Database } from "./open.ts";

/** Must never change, not even its whitespace: SQLite stores this text, and databases are compared with it. */
export const CREATE_QUEUE_TABLE =
  "CREATE TABLE event (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, occurred_at_ms INTEGER, record TEXT) STRICT";

/** Inserts a row; leaves an existing row unchanged. */
export const INSERT_EVENT = "INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";

/**
 * Returns what is wrong with the schema of a queue database; undefined if nothing is. Executes nothing of the schema.
 *
 * @throws the error of SQLite if the schema can't be read
 */
export function faultOfQueueTable(database: Database): string | undefined {
  // The index of the UNIQUE constraint has no SQL text.
  const rows = database.prepare("SELECT coalesce(sql, name) AS text FROM sqlite_schema ORDER BY sql LIMIT 3").all();
  if (rows.length === 0) return "it has no table";
  const found = rows.map(({ text }) => text).join("\n");
  return found === `sqlite_autoindex_event_1\n${CREATE_QUEUE_TABLE}` ? undefined : "its schema is not that of a queue";
}
