// Counts an attempt to send a batch, and records its outcome.

import type { Outcome } from "../services/service.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import type { Batch, EventBatch } from "./batch.ts";
import { tellBroken, WAITED_MS } from "./routes.ts";

/** The deliveries of a route with these event ids, as JSON: one statement for a batch is faster than one per event. */
const OF_BATCH = "route = ? AND event_id IN (SELECT value FROM json_each(?))";

function idsOf({ events }: EventBatch): string {
  return JSON.stringify(events.map(({ id }) => id));
}

/** Counts an attempt before it is made, because one that a crash ends counts too. Keeps its events together. */
export function begin(database: Database, batch: Batch, nowMs: number): void {
  const { route, id } = batch;
  transaction(database, () => {
    prepared(database, "INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
    // Adds the wait that this attempt ends to the total of the route.
    prepared(
      database,
      `UPDATE route SET retried_ms = retried_ms + ${WAITED_MS}, waits_since_ms = :now
       WHERE name = :route AND waits_since_ms IS NOT NULL`,
    ).run({ route, now: nowMs });
    if (batch.kind === "notice") {
      prepared(database, "UPDATE notice SET attempts = attempts + 1 WHERE uuid = ?").run(id);
      return;
    }
    prepared(database, `UPDATE delivery SET batch = ?, attempts = attempts + 1 WHERE ${OF_BATCH}`)
      .run(id, route, idsOf(batch));
  });
}

/**
 * Records how an attempt ended, for the batch and for its route.
 *
 * @param options.waitMs how long no request is made on the route; 0 for no pause
 * @param options.givesUp whether to give up the batch instead of trying again
 */
export function settle(
  database: Database,
  batch: Batch,
  { outcome, atMs, waitMs, givesUp = false }: { outcome: Outcome; atMs: number; waitMs: number; givesUp?: boolean },
): void {
  const { route } = batch;
  const isDelivered = outcome.kind === "delivered";
  transaction(database, () => {
    const restsUntilMs = waitMs === 0 ? 0 : atMs + waitMs;
    if (isDelivered) {
      prepared(
        database,
        `UPDATE route SET newest = 'delivered', failures = 0, refusals = 0, delivered = delivered + 1, last_error = NULL,
           rests_until_ms = ?1, waits_since_ms = NULL, rests_from_ms = ?2, last_delivered_at_ms = ?2 WHERE name = ?3`,
      ).run(restsUntilMs, atMs, route);
    } else {
      // Only the wait after a `retry` counts toward giving up.
      prepared(
        database,
        `UPDATE route SET newest = ?, failures = failures + 1, last_error = ?, rests_until_ms = ?, rests_from_ms = ?,
           waits_since_ms = ? WHERE name = ?`,
      ).run(outcome.kind, outcome.reason, restsUntilMs, atMs, outcome.kind === "retry" ? atMs : null, route);
    }
    if (batch.kind === "notice") {
      if (isDelivered || givesUp) prepared(database, "DELETE FROM notice WHERE uuid = ?").run(batch.id);
      return;
    }
    const state = isDelivered ? "delivered" : givesUp ? "dead" : "pending";
    const error = isDelivered ? null : outcome.reason;
    prepared(database, `UPDATE delivery SET state = ?, last_error = ?, delivered_at_ms = ? WHERE ${OF_BATCH}`)
      .run(state, error, isDelivered ? atMs : null, route, idsOf(batch));
    // Only for events: if a notice did this, two routes could send notices about each other indefinitely.
    if (isDelivered) tellBroken(database, route, false);
  });
}

/**
 * Splits a batch into two, each with a new id.
 *
 * @param options.anew whether to reset their count of attempts
 */
export function split(
  database: Database,
  { events, route }: EventBatch,
  { error, anew }: { error: string; anew: boolean },
): void {
  const half = Math.ceil(events.length / 2);
  const write = prepared(
    database,
    `UPDATE delivery SET batch = ?, last_error = ?, attempts = ${anew ? "0" : "attempts"}
     WHERE event_id = ? AND route = ? AND state = 'pending'`,
  );
  transaction(database, () => {
    for (const part of [events.slice(0, half), events.slice(half)]) {
      const id = crypto.randomUUID();
      for (const event of part) write.run(id, error, event.id, route);
    }
  });
}

/**
 * Gives up the deliveries and notices of a route that were retried for too long. A batch is given up as a whole, once
 * its newest event was retried for that long.
 *
 * @param options.afterMs how long a delivery is retried before it is given up, in milliseconds
 * @returns how many deliveries and how many notices were given up
 */
export function giveUp(
  database: Database,
  { route, afterMs, error }: { route: string; afterMs: number; error: string },
): { deliveries: number; notices: number } {
  return transaction(database, () => {
    const row = prepared(database, "SELECT retried_ms - ? AS before FROM route WHERE name = ?").get(afterMs, route);
    const before = Number(row?.["before"] ?? -1);
    const { changes: deliveries } = prepared(
      database,
      `UPDATE delivery SET state = 'dead', last_error = :error
       WHERE route = :route AND state = 'pending' AND retried_from_ms <= :before
         AND (batch IS NULL OR batch NOT IN (
           SELECT batch FROM delivery
           WHERE route = :route AND state = 'pending' AND retried_from_ms > :before AND batch IS NOT NULL))`,
    ).run({ route, before, error });
    const { changes: notices } = prepared(database, "DELETE FROM notice WHERE route = ? AND retried_from_ms <= ?")
      .run(route, before);
    return { deliveries: Number(deliveries), notices: Number(notices) };
  });
}
