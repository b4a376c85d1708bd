// What a person brings back: deliveries that were given up, and those of a route that has gone.
// Every function is a part of the caller's transaction; `send` may be running.

import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";
import { forgetRefusals } from "./refusals.ts";
import { RETRIED_FROM_MS } from "./routes.ts";

/** How many deliveries there were, by what they were before. */
export interface Revived {
  readonly dead: number;
  readonly pending: number;
  /** How many notices of the route are due now too. */
  readonly notices: number;
}

/** Makes the deliveries of a route pending that were given up, and all of them due now, as if none had been tried. */
export function revive(database: Database, { route, nowMs }: { route: string; nowMs: number }): Revived {
  // Attempts are held against the failures of the route, which begin anew too.
  const { changes: pending } = prepared(
    database,
    "UPDATE delivery SET attempts = 0 WHERE route = ? AND state = 'pending'",
  ).run(route);
  const { changes: dead } = prepared(
    database,
    `UPDATE delivery SET state = 'pending', batch = NULL, attempts = 0, refused_at = NULL,
       retried_from_ms = ${RETRIED_FROM_MS} WHERE route = :route AND state = 'dead'`,
  ).run({ route, now: nowMs });
  forgetRefusals(database, route);
  prepared(database, "UPDATE route SET rests_until_ms = 0, failures = 0 WHERE name = ?").run(route);
  const notices = prepared(database, "SELECT count(*) AS count FROM notice WHERE route = ?").get(route)?.["count"];
  return { dead: Number(dead), pending: Number(pending), notices: Number(notices) };
}

/** What is moved from one route to another. */
export interface MoveOptions {
  readonly from: string;
  readonly to: string;
  readonly nowMs: number;
}

/**
 * Moves what a route has not delivered to another one, where it is pending. What the other one has of its own is left as
 * it is, but for what it had given up.
 *
 * @returns how many deliveries were moved, and how many were dropped as the other route has, or had, the same event
 */
export function move(database: Database, { from, to, nowMs }: MoveOptions): { moved: number; dropped: number } {
  const pendingNow =
    `state = 'pending', batch = NULL, attempts = 0, refused_at = NULL, retried_from_ms = ${RETRIED_FROM_MS}`;
  const { changes: again } = prepared(
    database,
    `UPDATE delivery SET ${pendingNow}
     WHERE route = :route AND state = 'dead'
       AND event_id IN (SELECT event_id FROM delivery WHERE route = :from AND state <> 'delivered')`,
  ).run({ route: to, from, now: nowMs });
  const { changes: moved } = prepared(
    database,
    `UPDATE OR IGNORE delivery SET route = :route, ${pendingNow} WHERE route = :from AND state <> 'delivered'`,
  ).run({ route: to, from, now: nowMs });
  const { changes: left } = prepared(database, "DELETE FROM delivery WHERE route = ? AND state <> 'delivered'")
    .run(from);
  return { moved: Number(moved) + Number(again), dropped: Number(left) - Number(again) };
}
