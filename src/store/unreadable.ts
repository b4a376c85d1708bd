// Counts the records of the queue that can't be parsed as an event, and the events that it dropped, and adds notices about
// problems of the queue itself: these, and logins that may be missing.

import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { announce, QUEUE, QUEUE_DATABASE } from "./notices.ts";

/** Minimum time between two notices, in milliseconds: the user of `queue` can write any number of such records. */
const TELL_EVERY_MS = 60 * 60 * 1000;

/** Counts records from a source that is read only once. */
export function countUnreadable(database: Database, count: number): void {
  if (count > 0) prepared(database, "UPDATE unreadable SET untold = untold + ?").run(count);
}

/** Counts events that the hook deleted from the queue, because it was full, before they were read. */
export function countDropped(database: Database, count: number): void {
  if (count > 0) prepared(database, "UPDATE unreadable SET dropped = dropped + ?").run(count);
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
 * @returns how many records the notices report as unreadable, how many events as dropped, and whether they report that the
 *   record of logins for which the hook could not run is full
 */
export function announceQueueProblems(
  database: Database,
  routes: readonly string[],
  nowMs: number,
): { unreadable: number; dropped: number; isFull: boolean } {
  const due = prepared(
    database,
    `SELECT untold AS unreadable, dropped FROM unreadable
     WHERE untold + dropped > 0 AND (told_at_ms IS NULL OR abs(? - told_at_ms) >= ?)`,
  ).get(nowMs, TELL_EVERY_MS);
  const [unreadable, dropped] = [Number(due?.["unreadable"] ?? 0), Number(due?.["dropped"] ?? 0)];
  const isFull = prepared(database, "SELECT 1 FROM unrecorded WHERE is_full = 'untold'").get() !== undefined;
  // Most runs have nothing to report: avoid a write.
  if (due === undefined && !isFull) return { unreadable, dropped, isFull };
  const incident = { about: QUEUE, reason: "", occurredAtMs: nowMs };
  transaction(database, () => {
    if (due !== undefined) {
      prepared(database, "UPDATE unreadable SET untold = 0, dropped = 0, told_at_ms = ?").run(nowMs);
    }
    if (unreadable > 0) announce(database, routes, { ...incident, kind: "unreadable", count: unreadable });
    if (dropped > 0) announce(database, routes, { ...incident, about: QUEUE_DATABASE, kind: "full", count: dropped });
    if (isFull) {
      prepared(database, "UPDATE unrecorded SET is_full = 'told'").run();
      announce(database, routes, { ...incident, kind: "full", count: 0 });
    }
  });
  return { unreadable, dropped, isFull };
}
