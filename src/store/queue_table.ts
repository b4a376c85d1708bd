// The one table of the queue database. Whatever else a database holds, such as a trigger, is somebody's program, which
// SQLite would run: so it is refused.

import type { Database } from "./open.ts";

/** Fixed for good, the text too: SQLite keeps it, and a database is compared with it. */
export const CREATE_QUEUE_TABLE =
  "CREATE TABLE event (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, occurred_at_ms INTEGER, record TEXT) STRICT";

/** Puts a row in; what is there already stays as it is. */
export const INSERT_EVENT = "INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";

/**
 * Says what is wrong with the schema of a queue database, if anything is. Runs nothing that the database holds.
 *
 * @throws the error of SQLite where the schema can't be read
 */
export function faultOfQueueTable(database: Database): string | undefined {
  // The index behind UNIQUE has no text.
  const rows = database.prepare("SELECT coalesce(sql, name) AS text FROM sqlite_schema ORDER BY sql LIMIT 3").all();
  if (rows.length === 0) return "it has no table";
  const found = rows.map(({ text }) => text).join("\n");
  return found === `sqlite_autoindex_event_1\n${CREATE_QUEUE_TABLE}` ? undefined : "its schema is not that of a queue";
}
