// The only table of the queue database. A database with anything else is refused: SQLite would run a trigger, for
// example, as a part of the hook.

import type { Database } from "./open.ts";

/** Never changes, not even its text: SQLite stores the text, and databases are compared with it. */
export const CREATE_QUEUE_TABLE =
  "CREATE TABLE event (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, occurred_at_ms INTEGER, record TEXT) STRICT";

/** Inserts a row; one that exists already is not changed. */
export const INSERT_EVENT = "INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";

/**
 * Returns what is wrong with the schema of a queue database, if anything is. Runs nothing that the database contains.
 *
 * @throws the error of SQLite if the schema can't be read
 */
export function faultOfQueueTable(database: Database): string | undefined {
  // The index of UNIQUE has no text.
  const rows = database.prepare("SELECT coalesce(sql, name) AS text FROM sqlite_schema ORDER BY sql LIMIT 3").all();
  if (rows.length === 0) return "it has no table";
  const found = rows.map(({ text }) => text).join("\n");
  return found === `sqlite_autoindex_event_1\n${CREATE_QUEUE_TABLE}` ? undefined : "its schema is not that of a queue";
}
