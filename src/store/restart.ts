// Finds out from the events when the host has restarted, since a session that was open then has ended.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";

/** Events per page. There can be millions. */
const PAGE = 1_000;

/** By how much the uptime must be lower to show a restart, in seconds: more than a hook takes between its two clocks. */
const RESTART_S = 60;

/**
 * The time of the newest login or logout after which the host has certainly restarted; -Infinity if there is none.
 * Only a restart makes the uptime smaller. An event from the spool can be taken in late, and a clock can be set, so an
 * event counts as the later one only by both its time and its id.
 */
export function restartedAfterMs(database: Database): number {
  let [laterId, laterUptimeS] = [0, Infinity];
  let before = { id: Number.MAX_SAFE_INTEGER, atMs: Number.MAX_SAFE_INTEGER };
  for (;;) {
    const rows = query<{ readonly id: number; readonly atMs: number; readonly uptimeS: number }>(
      database,
      // As in history.ts, SQLite uses the index only with the first bound.
      `SELECT id, occurred_at_ms AS atMs, uptime_s AS uptimeS FROM event
       WHERE uptime_s IS NOT NULL AND occurred_at_ms <= :atMs AND (occurred_at_ms, id) < (:atMs, :id)
       ORDER BY occurred_at_ms DESC, id DESC LIMIT ${PAGE}`,
      before,
    );
    for (const { id, atMs, uptimeS } of rows) {
      if (laterId > id && uptimeS > laterUptimeS + RESTART_S) return atMs;
      if (uptimeS < laterUptimeS) [laterId, laterUptimeS] = [id, uptimeS];
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return -Infinity;
    before = { id: last.id, atMs: last.atMs };
  }
}
