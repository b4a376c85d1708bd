// Which reports were made, and since when the alarm has worked without a problem.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";
import { hasStopped } from "./health.ts";

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

/**
 * Notes whether the alarm works, at the end of a run. Writes only if that has changed, if `send` had stopped before this
 * run, or after the clock was set back. Must run before prune(), which records the time of this run.
 */
export function noteHealth(
  database: Database,
  { isWell, nowMs, runDeadlineMs }: { isWell: boolean; nowMs: number; runDeadlineMs: number },
): void {
  if (!isWell) {
    database.prepare("UPDATE store SET well_since_ms = NULL WHERE well_since_ms IS NOT NULL").run();
    return;
  }
  const [{ lastRunAtMs } = { lastRunAtMs: nowMs }] = query<{ lastRunAtMs: number }>(
    database,
    "SELECT last_run_at_ms AS lastRunAtMs FROM store",
  );
  database.prepare(
    `UPDATE store SET well_since_ms = :now
     WHERE well_since_ms IS NULL OR well_since_ms > :now OR :hadStopped = 1`,
  ).run({ now: nowMs, hadStopped: Number(hasStopped({ nowMs, lastRunAtMs, runDeadlineMs })) });
}

/** Since when every run found that the alarm works; undefined if the last one did not. */
export function wellSinceMs(database: Database): number | undefined {
  return query<{ sinceMs?: number }>(database, "SELECT well_since_ms AS sinceMs FROM store")[0]?.sinceMs;
}
