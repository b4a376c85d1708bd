// Which reports were made, and since when the alarm has worked without a problem.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";

/** A time at which a report is due. */
export interface ReportSlot {
  /** The local date: `2026-11-23`. */
  readonly date: string;
  /** In milliseconds since the epoch. */
  readonly atMs: number;
}

/** The slot of the latest report; undefined before the first one. */
export function latestReport(database: Database): ReportSlot | undefined {
  return query<ReportSlot>(database, "SELECT date, at_ms AS atMs FROM report")[0];
}

/** Records the slot of a report. */
export function recordReport(database: Database, { date, atMs }: ReportSlot): void {
  database.prepare("INSERT OR REPLACE INTO report (one, date, at_ms) VALUES (1, ?, ?)").run(date, atMs);
}

/** After a gap of this length between two runs of `send`, in milliseconds, nothing is known about the time between. */
const GAP_MS = 60 * 60 * 1000;

/**
 * Notes whether the alarm works, at the end of a run. Writes only if that has changed, after a long gap between runs, or
 * after the clock was set back. Must run before prune(), which records the time of this run.
 */
export function noteHealth(database: Database, { isWell, nowMs }: { isWell: boolean; nowMs: number }): void {
  if (!isWell) {
    database.prepare("UPDATE store SET well_since_ms = NULL WHERE well_since_ms IS NOT NULL").run();
    return;
  }
  database.prepare(
    `UPDATE store SET well_since_ms = :now
     WHERE well_since_ms IS NULL OR well_since_ms > :now OR :now - last_run_at_ms > ${GAP_MS}`,
  ).run({ now: nowMs });
}

/** Since when every run found that the alarm works; undefined if the last one did not. */
export function wellSinceMs(database: Database): number | undefined {
  return query<{ sinceMs?: number }>(database, "SELECT well_since_ms AS sinceMs FROM store")[0]?.sinceMs;
}
