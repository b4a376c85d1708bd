// Reads the state of `send` from its store, without changing it. `send` may be running.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";
import { openToRead } from "./open.ts";
import { type QueueState, queueStateOf, type UnreadQueue, unreadQueuesOf } from "./sources.ts";

/** The most reasons to show. */
const MAX_REASONS = 5;

/** The state of one route. Times are in milliseconds since the epoch. */
export interface RouteOverview {
  readonly name: string;
  readonly pending: number;
  readonly dead: number;
  /** The most frequent reasons, at most {@link MAX_REASONS}. */
  readonly deadReasons: readonly { readonly reason: string; readonly count: number }[];
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
  readonly queue: QueueState;
  /** Every route that the store knows, including those removed from the configuration. */
  readonly routes: readonly RouteOverview[];
  /** Absent if there are none. */
  readonly unreadQueues?: readonly UnreadQueue[];
  /** Why the last run could not make the daily backup; absent if it could, or if none was due. */
  readonly backupFault?: string;
  /** When the last run of `send` completed; undefined before the first one. */
  readonly lastRunAtMs?: number;
}

/** Reads the overview from the store, as {@link openToRead} opens it. */
export function readOverview(path: string): Overview | undefined {
  using database = openToRead(path);
  if (database === undefined) return undefined;
  // A new store has not counted any time yet, so no run has completed: see read_again.ts.
  const [run] = query<Pick<Overview, "lastRunAtMs">>(
    database,
    "SELECT last_run_at_ms AS lastRunAtMs FROM store WHERE elapsed_ms > 0",
  );
  const [fault] = query<Pick<Overview, "backupFault">>(
    database,
    "SELECT backup_fault AS backupFault FROM store WHERE backup_fault <> ''",
  );
  const unreadQueues = unreadQueuesOf(database);
  return {
    queue: queueStateOf(database),
    routes: routesOf(database),
    ...run,
    ...unreadQueues.length === 0 ? {} : { unreadQueues },
    ...fault,
  };
}

/** The state of each route in the store. */
export function routesOf(database: Database): RouteOverview[] {
  const rows = query<Omit<RouteOverview, "deadReasons">>(
    database,
    `SELECT names.name, rests_from_ms AS restsFromMs, rests_until_ms AS restsUntilMs, failures, newest,
       route.last_error AS lastError, last_delivered_at_ms AS lastDeliveredAtMs, last_tested_at_ms AS lastTestedAtMs,
       (SELECT count(*) FROM delivery WHERE route = names.name AND state = 'pending') AS pending,
       (SELECT count(*) FROM delivery WHERE route = names.name AND state = 'dead') AS dead,
       (SELECT count(*) FROM notice WHERE route = names.name) AS notices,
       (SELECT min(occurred_at_ms) FROM delivery JOIN event ON event.id = event_id
        WHERE route = names.name AND state = 'pending') AS oldestPendingAtMs
     FROM (SELECT name FROM route UNION SELECT route FROM delivery WHERE state = 'pending'
           UNION SELECT route FROM delivery WHERE state = 'dead' UNION SELECT route FROM notice) AS names
     LEFT JOIN route ON route.name = names.name ORDER BY names.name`,
  );
  const reasons = `SELECT coalesce(last_error, '') AS reason, count(*) AS count
    FROM delivery WHERE route = :route AND state = 'dead'
    GROUP BY last_error ORDER BY count DESC, max(event_id) DESC LIMIT ${MAX_REASONS}`;
  return rows.map((row) => ({ ...IDLE, ...row, deadReasons: query(database, reasons, { route: row.name }) }));
}
