// Drops what was delivered long ago. Never what is undelivered or dead, never an open whose close still needs it; a bounded
// number in each run. How old an event is, is counted in the time that this store has been in use, not by the clock, so
// no jump of the clock drops anything.

import { DAY_MS } from "../duration.ts";
import { type Database, transaction } from "./open.ts";
import { countElapsed } from "./read_again.ts";

/** The most events that one run drops, so that none takes long. Far more than come in between two runs. */
const PRUNE_AT_MOST = 5_000;

/**
 * Drops what is older than the history is to be.
 *
 * @returns how many events
 */
export function prune(
  database: Database,
  { retentionDays, nowMs }: { retentionDays: number; nowMs: number },
): number {
  const retentionMs = retentionDays * DAY_MS;
  return transaction(database, () => {
    const elapsedMs = countElapsed(database, nowMs);
    const doomed = database.prepare(DOOMED).all(elapsedMs - retentionMs, PRUNE_AT_MOST);
    // From here on, an event that is not known and happened before may be one of these. The clock that it was recorded by
    // may have been ahead, so none is believed that is younger than what is kept.
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
