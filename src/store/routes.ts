// How each route is doing: a route rests and fails as a whole, since what fails for one event fails for the next.
// Every function is a part of the caller's transaction.

import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";

/**
 * No rest is believed that ends further ahead than this: no service makes us wait longer, so the clock was wrong when it
 * was written, or has been set back since. Nor does one wait count for more. In milliseconds.
 */
export const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/** A clock that is set right by no more than that ends no rest, in milliseconds. */
const CORRECTION_MS = 60_000;

/**
 * How long the wait that is under way has been, as SQL: what the clock says it was, but never more than a service may ask
 * for, so that a clock that jumps can't end what has hardly been tried.
 */
const WAITED_MS = `coalesce(min(max(:now - waits_since_ms, 0), ${MAX_WAIT_MS}), 0)`;

/** What `retried_from_ms` of a delivery that comes up now is, as SQL with the parameters `:route` and `:now`. */
export const RETRIED_FROM_MS = `coalesce((SELECT retried_ms + ${WAITED_MS} FROM route WHERE name = :route), 0)`;

/** How an attempt left its route. `restsUntilMs`: no request before that; 0 if it may go on. */
export type RouteEnd =
  | { readonly kind: "delivered"; readonly atMs: number; readonly restsUntilMs: number }
  /** The wait counts for giving up only where it is `retry`. */
  | {
    readonly kind: "retry" | "broken" | "refused";
    readonly atMs: number;
    readonly restsUntilMs: number;
    readonly error: string;
  };

/** Until when a route rests, as far as that is believed; 0 if it does not. */
export function restsUntilMs(database: Database, { route, nowMs }: { route: string; nowMs: number }): number {
  const row = prepared(database, "SELECT rests_from_ms, rests_until_ms FROM route WHERE name = ?").get(route);
  const restsFromMs = Number(row?.["rests_from_ms"] ?? 0);
  return believedRest({ restsFromMs, restsUntilMs: Number(row?.["rests_until_ms"] ?? 0) }, nowMs);
}

/** A rest, as it was written down. */
export interface Rest {
  readonly restsFromMs: number;
  readonly restsUntilMs: number;
}

/**
 * Until when a rest lasts, as far as that is believed; 0 if it is over. Not where it has not even begun: then the clock
 * was set back since, as at a boot where it was ahead, and the route would rest for as long as that and longer.
 */
export function believedRest({ restsFromMs, restsUntilMs }: Rest, nowMs: number): number {
  const isBelieved = restsFromMs <= nowMs + CORRECTION_MS && restsUntilMs <= nowMs + MAX_WAIT_MS;
  return isBelieved && restsUntilMs > nowMs ? restsUntilMs : 0;
}

/** How many attempts on a route have failed since its last delivery. */
export function failuresOf(database: Database, route: string): number {
  const row = prepared(database, "SELECT failures FROM route WHERE name = ?").get(route);
  return Number(row?.["failures"] ?? 0);
}

/** Counts the wait that an attempt ends. */
export function beginOnRoute(database: Database, { route, nowMs }: { route: string; nowMs: number }): void {
  prepared(database, "INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
  prepared(
    database,
    `UPDATE route SET retried_ms = retried_ms + ${WAITED_MS}, waits_since_ms = :now
     WHERE name = :route AND waits_since_ms IS NOT NULL`,
  ).run({ route, now: nowMs });
}

/** Writes down how an attempt left its route. */
export function endOnRoute(database: Database, route: string, end: RouteEnd): void {
  if (end.kind === "delivered") {
    prepared(
      database,
      `UPDATE route SET newest = 'delivered', failures = 0, refusals = 0, delivered = delivered + 1, last_error = NULL,
         rests_until_ms = ?1, waits_since_ms = NULL, rests_from_ms = ?2, last_delivered_at_ms = ?2 WHERE name = ?3`,
    ).run(end.restsUntilMs, end.atMs, route);
  } else {
    prepared(
      database,
      `UPDATE route SET newest = ?, failures = failures + 1, last_error = ?, rests_until_ms = ?, rests_from_ms = ?,
         waits_since_ms = ? WHERE name = ?`,
    ).run(end.kind, end.error, end.restsUntilMs, end.atMs, end.kind === "retry" ? end.atMs : null, route);
  }
}

/**
 * Remembers whether the other routes know that this one is broken.
 *
 * @returns whether that is new
 */
export function tellBroken(database: Database, route: string, isBroken: boolean): boolean {
  const { changes } = prepared(database, "UPDATE route SET told_broken = ?1 WHERE name = ?2 AND told_broken <> ?1")
    .run(Number(isBroken), route);
  return Number(changes) > 0;
}
