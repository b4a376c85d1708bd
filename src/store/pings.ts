// When the heartbeat was pinged: `send` may run every second, and a service of heartbeats takes only so many pings.

import type { Database } from "./open.ts";

/** No ping within this time after another one, in milliseconds: healthchecks.io takes 5 a minute. */
const PING_GAP_MS = 15_000;

/**
 * Counts a ping, before it is made: one that a crash ends has been one. A clock that was set back holds none up.
 *
 * @returns whether it may be made
 */
export function countPing(database: Database, nowMs: number): boolean {
  const { changes } = database.prepare(
    `INSERT INTO heartbeat (one, pinged_at_ms) VALUES (1, :now)
     ON CONFLICT (one) DO UPDATE SET pinged_at_ms = :now
     WHERE :now - pinged_at_ms >= ${PING_GAP_MS} OR pinged_at_ms > :now`,
  ).run({ now: nowMs });
  return Number(changes) > 0;
}
