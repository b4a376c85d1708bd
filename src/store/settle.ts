// Counts an attempt to send a batch, and records its outcome.

import type { Outcome } from "../services/service.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import type { Batch, EventBatch } from "./batch.ts";
import { beginOnRoute, endOnRoute, tellBroken } from "./routes.ts";

/** Counts an attempt before it is made, because one that a crash ends counts too. Keeps its events together. */
export function begin(database: Database, batch: Batch, nowMs: number): void {
  const { route, id } = batch;
  transaction(database, () => {
    beginOnRoute(database, { route, nowMs });
    if (batch.kind === "notice") {
      prepared(database, "UPDATE notice SET attempts = attempts + 1 WHERE uuid = ?").run(id);
      return;
    }
    const write = prepared(
      database,
      "UPDATE delivery SET batch = ?, attempts = attempts + 1 WHERE event_id = ? AND route = ?",
    );
    for (const event of batch.events) write.run(id, event.id, route);
  });
}

/**
 * Records how an attempt ended, for the batch and for its route.
 *
 * @param options.waitMs how long no request is made on the route
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
    endOnRoute(database, route, { outcome, atMs, waitMs });
    if (batch.kind === "notice") {
      if (isDelivered || givesUp) prepared(database, "DELETE FROM notice WHERE uuid = ?").run(batch.id);
      return;
    }
    const write = prepared(
      database,
      "UPDATE delivery SET state = ?, last_error = ?, delivered_at_ms = ? WHERE event_id = ? AND route = ?",
    );
    const state = isDelivered ? "delivered" : givesUp ? "dead" : "pending";
    const error = isDelivered ? null : outcome.reason;
    for (const event of batch.events) write.run(state, error, isDelivered ? atMs : null, event.id, route);
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
