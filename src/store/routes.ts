// The state of each route. Pauses and failures apply to the whole route, because what fails for one event fails for the
// next. Every function is part of the caller's transaction.

import type { Outcome } from "../services/service.ts";
import type { Database } from "../sqlite/open.ts";
import { prepared, query } from "../sqlite/prepared.ts";

/**
 * The longest pause, in milliseconds. A pause that ends later than this from now is ignored: the clock was wrong when it
 * was recorded, or was set back since. One wait also counts for at most this much.
 */
export const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/** A correction of the clock by up to this does not end a pause, in milliseconds. */
const CORRECTION_MS = 60_000;

/**
 * SQL for the duration of the current wait: by the clock, but at most {@link MAX_WAIT_MS}, so that a jump of the clock
 * does not give up a delivery after few attempts.
 */
const WAITED_MS = `coalesce(min(max(:now - waits_since_ms, 0), ${MAX_WAIT_MS}), 0)`;

/** SQL for `retried_from_ms` of a delivery created now, with the parameters `:route` and `:now`. */
export const RETRIED_FROM_MS = `coalesce((SELECT retried_ms + ${WAITED_MS} FROM route WHERE name = :route), 0)`;

/** What decides when and what to send on a route. */
export interface RouteState {
  /** No request before this time, if {@link believedRest} believes it, and when that was recorded. */
  readonly restsUntilMs: number;
  readonly restsFromMs: number;
  /** Failed attempts since the last delivery. */
  readonly failures: number;
  /** Messages refused in a row since the last delivery, tests included; see refusals.ts. */
  readonly refusals: number;
  /** How many messages were delivered, tests included. */
  readonly delivered: number;
  /** A digest of the settings that the attempts were made with. */
  readonly settings: string;
}

const NEW_ROUTE: RouteState = {
  restsUntilMs: 0,
  restsFromMs: 0,
  failures: 0,
  refusals: 0,
  delivered: 0,
  settings: "",
};

/** Reads the state of a route. */
export function routeState(database: Database, route: string): RouteState {
  const [state = NEW_ROUTE] = query<RouteState>(
    database,
    `SELECT rests_until_ms AS restsUntilMs, rests_from_ms AS restsFromMs, failures, refusals, delivered, settings
     FROM route WHERE name = :route`,
    { route },
  );
  return state;
}

/**
 * When a pause ends; 0 if it is over or not plausible. A pause that begins in the future is ignored: the clock was set
 * back since, for example because it was ahead at boot, and the pause would be longer by that difference.
 */
export function believedRest(
  { restsFromMs, restsUntilMs }: Pick<RouteState, "restsFromMs" | "restsUntilMs">,
  nowMs: number,
): number {
  const isBelieved = restsFromMs <= nowMs + CORRECTION_MS && restsUntilMs <= nowMs + MAX_WAIT_MS;
  return isBelieved && restsUntilMs > nowMs ? restsUntilMs : 0;
}

/** Adds the wait that a new attempt ends to the total of the route. */
export function beginOnRoute(database: Database, { route, nowMs }: { route: string; nowMs: number }): void {
  prepared(database, "INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
  prepared(
    database,
    `UPDATE route SET retried_ms = retried_ms + ${WAITED_MS}, waits_since_ms = :now
     WHERE name = :route AND waits_since_ms IS NOT NULL`,
  ).run({ route, now: nowMs });
}

/**
 * Records the state of a route after an attempt. Only the wait after a `retry` counts toward giving up.
 *
 * @param options.waitMs how long no request is made; 0 for no pause
 */
export function endOnRoute(
  database: Database,
  route: string,
  { outcome, atMs, waitMs }: { outcome: Outcome; atMs: number; waitMs: number },
): void {
  const restsUntilMs = waitMs === 0 ? 0 : atMs + waitMs;
  if (outcome.kind === "delivered") {
    prepared(
      database,
      `UPDATE route SET newest = 'delivered', failures = 0, refusals = 0, delivered = delivered + 1, last_error = NULL,
         rests_until_ms = ?1, waits_since_ms = NULL, rests_from_ms = ?2, last_delivered_at_ms = ?2 WHERE name = ?3`,
    ).run(restsUntilMs, atMs, route);
  } else {
    prepared(
      database,
      `UPDATE route SET newest = ?, failures = failures + 1, last_error = ?, rests_until_ms = ?, rests_from_ms = ?,
         waits_since_ms = ? WHERE name = ?`,
    ).run(outcome.kind, outcome.reason, restsUntilMs, atMs, outcome.kind === "retry" ? atMs : null, route);
  }
}

/**
 * Records whether the other routes were notified that this route is broken.
 *
 * @returns whether that changed
 */
export function tellBroken(database: Database, route: string, isBroken: boolean): boolean {
  const { changes } = prepared(database, "UPDATE route SET told_broken = ?1 WHERE name = ?2 AND told_broken <> ?1")
    .run(Number(isBroken), route);
  return Number(changes) > 0;
}
