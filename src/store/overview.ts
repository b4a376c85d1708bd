// Reads the state of `send` from its store, without changing it. `send` may be running.

import type { InboxPosition } from "../intake/inbox.ts";
import type { Database } from "../sqlite/open.ts";
import { openToRead } from "./open.ts";
import { inboxPosition } from "./take_in.ts";

/** A reason why deliveries were given up. */
export interface DeadReason {
  readonly reason: string;
  readonly count: number;
}

/** The most reasons to show. */
const MAX_REASONS = 5;

/** The state of one route. Times are in milliseconds since the epoch. */
export interface RouteOverview {
  readonly name: string;
  readonly pending: number;
  readonly dead: number;
  /** The most frequent reasons, at most {@link MAX_REASONS}. */
  readonly deadReasons: readonly DeadReason[];
  /** The number of notices to be sent on this route. */
  readonly notices: number;
  /** The latest outcome; `none` if there was no attempt yet. */
  readonly newest: "none" | "delivered" | "retry" | "broken" | "refused";
  /** Time of the oldest pending event. */
  readonly oldestPendingAtMs?: number;
  /** No request before this time, if it is plausible: see {@link believedRest} in routes.ts. */
  readonly restsUntilMs: number;
  /** When `restsUntilMs` was recorded. */
  readonly restsFromMs: number;
  /** Failed attempts since the last delivery, and the error of the latest one. */
  readonly failures: number;
  readonly lastError?: string;
  readonly lastDeliveredAtMs?: number;
  /** When a `test` last passed. */
  readonly lastTestedAtMs?: number;
}

/** The state of a route that the store does not know. */
export const IDLE: Omit<RouteOverview, "name"> = {
  pending: 0,
  dead: 0,
  deadReasons: [],
  notices: 0,
  newest: "none",
  restsFromMs: 0,
  restsUntilMs: 0,
  failures: 0,
};

/** The state of `send`. */
export interface Overview {
  /** The position up to which the queue was read. */
  readonly position: InboxPosition;
  /** Every route that the store knows, including those removed from the configuration. */
  readonly routes: readonly RouteOverview[];
  /** When the last run of `send` completed; undefined before the first one. */
  readonly lastRunAtMs?: number;
}

/**
 * Reads the overview.
 *
 * @returns undefined if {@link openToRead} returns undefined
 * @throws the errors of {@link openToRead}
 */
export function readOverview(path: string): Overview | undefined {
  const database = openToRead(path);
  if (database === undefined) return undefined;
  try {
    return { position: inboxPosition(database), routes: routesOf(database), ...lastRunOf(database) };
  } finally {
    database.close();
  }
}

/** A new store has not counted any time yet, so no run has completed: see read_again.ts. */
function lastRunOf(database: Database): { lastRunAtMs?: number } {
  const row = database.prepare("SELECT last_run_at_ms FROM store WHERE elapsed_ms > 0").get();
  return row === undefined ? {} : { lastRunAtMs: Number(row["last_run_at_ms"]) };
}

/** The state of each route in the store. */
export function routesOf(database: Database): RouteOverview[] {
  const rows = database.prepare(
    `SELECT names.name, rests_from_ms, rests_until_ms, failures, newest, route.last_error, last_delivered_at_ms,
       last_tested_at_ms,
       (SELECT count(*) FROM delivery WHERE route = names.name AND state = 'pending') AS pending,
       (SELECT count(*) FROM delivery WHERE route = names.name AND state = 'dead') AS dead,
       (SELECT count(*) FROM notice WHERE route = names.name) AS notices,
       (SELECT min(occurred_at_ms) FROM delivery JOIN event ON event.id = event_id
        WHERE route = names.name AND state = 'pending') AS oldest
     FROM (SELECT name FROM route UNION SELECT route FROM delivery WHERE state = 'pending'
           UNION SELECT route FROM delivery WHERE state = 'dead' UNION SELECT route FROM notice) AS names
     LEFT JOIN route ON route.name = names.name ORDER BY names.name`,
  ).all();
  const reasons = database.prepare(
    `SELECT coalesce(last_error, '') AS reason, count(*) AS count FROM delivery WHERE route = ? AND state = 'dead'
     GROUP BY last_error ORDER BY count DESC, max(event_id) DESC LIMIT ${MAX_REASONS}`,
  );
  return rows.map((row) => ({
    name: String(row["name"]),
    pending: Number(row["pending"]),
    dead: Number(row["dead"]),
    deadReasons: reasons.all(String(row["name"])).map(({ reason, count }) => (
      { reason: String(reason), count: Number(count) }
    )),
    notices: Number(row["notices"]),
    newest: newestOf(row["newest"]),
    restsFromMs: Number(row["rests_from_ms"] ?? 0),
    restsUntilMs: Number(row["rests_until_ms"] ?? 0),
    failures: Number(row["failures"] ?? 0),
    ...(row["oldest"] === null ? {} : { oldestPendingAtMs: Number(row["oldest"]) }),
    ...(row["last_error"] === null ? {} : { lastError: String(row["last_error"]) }),
    ...(row["last_delivered_at_ms"] === null ? {} : { lastDeliveredAtMs: Number(row["last_delivered_at_ms"]) }),
    ...(row["last_tested_at_ms"] === null ? {} : { lastTestedAtMs: Number(row["last_tested_at_ms"]) }),
  }));
}

function newestOf(value: unknown): RouteOverview["newest"] {
  return value === "delivered" || value === "retry" || value === "broken" || value === "refused" ? value : "none";
}
