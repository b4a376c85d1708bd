// Deletes events past the retention period, a limited number in each run. Never deletes an event with a pending or dead
// delivery, or an open event whose close is still in the store. Age is measured in the time that the store has been in
// use, not by the clock, so a jump of the clock deletes nothing.

import { DAY_MS } from "../text.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { countElapsed } from "./read_again.ts";

/** The most events that one run deletes, which limits its duration. Far more than are recorded between two runs. */
const PRUNE_AT_MOST = 5_000;

/** Deletes the events that are older than `retentionDays`, and returns how many. */
export function prune(
  database: Database,
  { retentionDays, nowMs }: { retentionDays: number; nowMs: number },
): number {
  const retentionMs = retentionDays * DAY_MS;
  return transaction(database, () => {
    const elapsedMs = countElapsed(database, nowMs);
    const doomed = database.prepare(DOOMED).all(elapsedMs - retentionMs, PRUNE_AT_MOST);
    // An unknown event from before this time may be one that was deleted. The clock may have been ahead when an event was
    // recorded, so the time is limited to the start of the retention period.
    const newestMs = doomed.reduce((newest, { at }) => Math.max(newest, Number(at)), -Infinity);
    if (doomed.length === 0) return 0;
    database.prepare("UPDATE store SET pruned_before_ms = max(pruned_before_ms, ?)")
      .run(Math.min(newestMs + 1, nowMs - retentionMs));
    for (const { id } of doomed) {
      database.prepare("DELETE FROM delivery WHERE event_id = ?").run(Number(id));
      database.prepare("DELETE FROM event WHERE id = ?").run(Number(id));
    }
    return doomed.length;
  });
}

const DOOMED = `
  SELECT id, occurred_at_ms AS at FROM event
  WHERE taken_in_ms < ? AND verdict IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE event_id = event.id AND state <> 'delivered')
    AND NOT EXISTS (SELECT 1 FROM event AS closing WHERE closing.opened_by = event.id)
  ORDER BY taken_in_ms LIMIT ?`;
