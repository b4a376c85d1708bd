// The state of each route. Pauses and failures apply to the whole route, because what fails for one event fails for the
// next.

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
export const WAITED_MS = `coalesce(min(max(:now - waits_since_ms, 0), ${MAX_WAIT_MS}), 0)`;

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

/** Records whether the other routes were notified that this route is broken, and returns whether that changed. */
export function tellBroken(database: Database, route: string, isBroken: boolean): boolean {
  const { changes } = prepared(database, "UPDATE route SET told_broken = ?1 WHERE name = ?2 AND told_broken <> ?1")
    .run(Number(isBroken), route);
  return Number(changes) > 0;
}
