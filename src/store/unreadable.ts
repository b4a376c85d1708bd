// Counts the records of the queue that can't be parsed as an event, and adds notices about problems of the queue itself:
// such records, and logins that may be missing.

import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { announce, QUEUE } from "./notices.ts";

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

/**
 * Adds the notices about the queue that are due now to some routes.
 *
 * @returns how many records the notices report as unreadable, and whether they report that the record of logins for which
 *   the hook could not run is full
 */
export function announceQueueProblems(
  database: Database,
  routes: readonly string[],
  nowMs: number,
): { unreadable: number; isFull: boolean } {
  const unreadable = Number(
    prepared(
      database,
      "SELECT untold FROM unreadable WHERE untold > 0 AND (told_at_ms IS NULL OR abs(? - told_at_ms) >= ?)",
    ).get(nowMs, TELL_EVERY_MS)?.["untold"] ?? 0,
  );
  const isFull = prepared(database, "SELECT 1 FROM unrecorded WHERE is_full = 'untold'").get() !== undefined;
  // Most runs have nothing to report: avoid a write.
  if (unreadable === 0 && !isFull) return { unreadable, isFull };
  const incident = { about: QUEUE, reason: "", occurredAtMs: nowMs };
  transaction(database, () => {
    if (unreadable > 0) {
      prepared(database, "UPDATE unreadable SET untold = 0, told_at_ms = ?").run(nowMs);
      announce(database, routes, { ...incident, kind: "unreadable", count: unreadable });
    }
    if (isFull) {
      prepared(database, "UPDATE unrecorded SET is_full = 'told'").run();
      announce(database, routes, { ...incident, kind: "full", count: 0 });
    }
  });
  return { unreadable, isFull };
}
