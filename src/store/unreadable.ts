// Counts the records that can't be parsed as an event: one notice reports all of them.
// Every function is part of the caller's transaction.

import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";

/** Minimum time between two notices, in milliseconds: the user of `queue` can write any number of such records. */
const TELL_EVERY_MS = 60 * 60 * 1000;

/** Counts records from a source that is read only once. */
export function countUnreadable(database: Database, count: number): void {
  if (count > 0) prepared(database, "UPDATE unreadable SET untold = untold + ?").run(count);
}

/** The columns that count the unreadable files of each spool. */
export type SpoolColumn = "spool_files" | "run_spool_files";

/** Records how many files of a spool can't be read. The files stay there, so only an increase counts. */
export function noteUnreadableFiles(database: Database, column: SpoolColumn, files: number): void {
  prepared(
    database,
    `UPDATE unreadable SET untold = untold + max(0, :files - ${column}), ${column} = :files WHERE ${column} <> :files`,
  ).run({ files });
}

/** Returns how many records to report now, and marks them as reported; 0 if there are none or the next notice is not due. */
export function takeUntold(database: Database, nowMs: number): number {
  const row = prepared(
    database,
    "SELECT untold FROM unreadable WHERE untold > 0 AND (told_at_ms IS NULL OR abs(? - told_at_ms) >= ?)",
  ).get(nowMs, TELL_EVERY_MS);
  if (row === undefined) return 0;
  prepared(database, "UPDATE unreadable SET untold = 0, told_at_ms = ?").run(nowMs);
  return Number(row["untold"]);
}
