// Counts the records that can't be read as an event, so that any number of them makes one notice.
// Every function is a part of the caller's transaction.

import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";

/** At most one notice in this time, in milliseconds: the user of `queue` can write any number of such records. */
const TELL_EVERY_MS = 60 * 60 * 1000;

/** Counts records of a place that is read once. */
export function countUnreadable(database: Database, count: number): void {
  if (count > 0) prepared(database, "UPDATE unreadable SET untold = untold + ?").run(count);
}

/** The column that belongs to a spool. */
export type SpoolColumn = "spool_files" | "run_spool_files";

/**
 * Records how many files of a spool can't be read. They stay there, so only an increase since the last time counts.
 */
export function noteUnreadableFiles(database: Database, column: SpoolColumn, files: number): void {
  prepared(
    database,
    `UPDATE unreadable SET untold = untold + max(0, :files - ${column}), ${column} = :files WHERE ${column} <> :files`,
  ).run({ files });
}

/** The number of records to report now, which count as reported from then on; 0 if nothing is to be reported yet. */
export function takeUntold(database: Database, nowMs: number): number {
  const row = prepared(
    database,
    "SELECT untold FROM unreadable WHERE untold > 0 AND (told_at_ms IS NULL OR abs(? - told_at_ms) >= ?)",
  ).get(nowMs, TELL_EVERY_MS);
  if (row === undefined) return 0;
  prepared(database, "UPDATE unreadable SET untold = 0, told_at_ms = ?").run(nowMs);
  return Number(row["untold"]);
}
