// Limits the rate of heartbeat pings: `send` may run every second, and heartbeat services have rate limits.

import type { Database } from "../sqlite/open.ts";

/** Minimum time between two pings, in milliseconds: healthchecks.io accepts 5 a minute. */
const PING_GAP_MS = 15_000;

/**
 * Records a ping before it is sent, so that a ping interrupted by a crash counts too. A clock that was set back delays
 * no ping.
 *
 * @returns whether the ping may be sent
 */
export function countPing(database: Database, nowMs: number): boolean {
  const { changes } = database.prepare(
    `INSERT INTO heartbeat (one, pinged_at_ms) VALUES (1, :now)
     ON CONFLICT (one) DO UPDATE SET pinged_at_ms = :now
     WHERE :now - pinged_at_ms >= ${PING_GAP_MS} OR pinged_at_ms > :now`,
  ).run({ now: nowMs });
  return Number(changes) > 0;
}
