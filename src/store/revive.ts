// Retries deliveries that were given up, and moves the deliveries of a removed route to another one.
// `send` may be running.

import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { forgetRefusals } from "./refusals.ts";
import { RETRIED_FROM_MS } from "./routes.ts";

/** SQL that makes a delivery pending as if just created on `:route` at `:now`. */
const PENDING_NOW =
  `state = 'pending', batch = NULL, attempts = 0, refused_at = NULL, retried_from_ms = ${RETRIED_FROM_MS}`;

/**
 * Makes the dead deliveries of a route pending again, as if just created, and all its deliveries due now. A delivery that
 * was already pending keeps its batch and the time for which it was retried.
 *
 * @returns how many deliveries were dead, and how many deliveries and notices were pending
 */
export function revive(
  database: Database,
  { route, nowMs }: { route: string; nowMs: number },
): { dead: number; pending: number; notices: number } {
  return transaction(database, () => {
    // `send` compares attempts with the failures of the route, which are reset too.
    const { changes: pending } = prepared(
      database,
      "UPDATE delivery SET attempts = 0 WHERE route = ? AND state = 'pending'",
    ).run(route);
    const { changes: dead } = prepared(
      database,
      `UPDATE delivery SET ${PENDING_NOW} WHERE route = :route AND state = 'dead'`,
    ).run({ route, now: nowMs });
    forgetRefusals(database, route);
    prepared(database, "UPDATE route SET rests_until_ms = 0, failures = 0 WHERE name = ?").run(route);
    const notices = prepared(database, "SELECT count(*) AS count FROM notice WHERE route = ?").get(route)?.["count"];
    return { dead: Number(dead), pending: Number(pending), notices: Number(notices) };
  });
}

/**
 * Moves the pending and dead deliveries of a route to another route, as pending. If the target has a dead delivery of the
 * same event, that one becomes pending instead. The target's other deliveries do not change.
 *
 * @returns how many deliveries were moved, and how many were dropped because the target has or had the same event
 */
export function move(
  database: Database,
  { from, to, nowMs }: { from: string; to: string; nowMs: number },
): { moved: number; dropped: number } {
  return transaction(database, () => {
    const { changes: again } = prepared(
      database,
      `UPDATE delivery SET ${PENDING_NOW}
       WHERE route = :route AND state = 'dead'
         AND event_id IN (SELECT event_id FROM delivery WHERE route = :from AND state <> 'delivered')`,
    ).run({ route: to, from, now: nowMs });
    const { changes: moved } = prepared(
      database,
      `UPDATE OR IGNORE delivery SET route = :route, ${PENDING_NOW} WHERE route = :from AND state <> 'delivered'`,
    ).run({ route: to, from, now: nowMs });
    const { changes: left } = prepared(database, "DELETE FROM delivery WHERE route = ? AND state <> 'delivered'")
      .run(from);
    return { moved: Number(moved) + Number(again), dropped: Number(left) - Number(again) };
  });
}
