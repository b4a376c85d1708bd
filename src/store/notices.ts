// Notices to be sent on a route. About another route: deliveries were given up there, or it is broken. About itself: its
// service refuses a message. About the queue: records in it can't be read, or logins may be missing. The outcome of a
// notice is only logged, and causes no other notice. Every function is part of the caller's transaction.

import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { RETRIED_FROM_MS } from "./routes.ts";

/** The value of `about` for an incident of the queue. Not a valid route name, because it has a space. */
export const QUEUE = "the queue";

const KINDS = ["dead", "broken", "refused", "unreadable", "full"] as const;

/** A problem of a route or of the queue. */
export interface RouteIncident {
  /** The name of the route, or {@link QUEUE}. */
  readonly about: string;
  /**
   * `dead`: deliveries were given up. `broken`: no delivery succeeds until the administrator fixes the route. `refused`: the
   * service refuses a message, and it is not known yet whether the message or the route is at fault. Of the queue:
   * `unreadable`: records can't be read; `full`: the file of the last resort is full.
   */
  readonly kind: typeof KINDS[number];
  /** How many deliveries were given up or are refused, or how many records can't be read; else 0. */
  readonly count: number;
  /** The latest error. */
  readonly reason: string;
  readonly occurredAtMs: number;
}

/** An incident that is to be sent on a route. */
export interface Notice extends RouteIncident {
  readonly id: number;
  /** The same for all attempts, like the id of a batch. */
  readonly uuid: string;
  readonly attempts: number;
  /** The route's count of delivered messages when the notice was refused; undefined if it was not. */
  readonly refusedAt?: number;
}

/** Adds a notice to some routes. Merges it with one of the same kind that was not attempted yet. */
export function addNotices(database: Database, routes: readonly string[], incident: RouteIncident): void {
  const { about, kind, count, reason, occurredAtMs } = incident;
  for (const route of routes) {
    const { changes } = prepared(
      database,
      `UPDATE notice SET count = count + ?, reason = ?, occurred_at_ms = ?
       WHERE route = ? AND about = ? AND kind = ? AND attempts = 0`,
    ).run(count, reason, occurredAtMs, route, about, kind);
    if (Number(changes) > 0) continue;
    prepared(
      database,
      `INSERT INTO notice (uuid, route, about, kind, count, reason, occurred_at_ms, retried_from_ms)
       VALUES (:uuid, :route, :about, :kind, :count, :reason, :now, ${RETRIED_FROM_MS})`,
    ).run({ uuid: crypto.randomUUID(), route, about, kind, count, reason, now: occurredAtMs });
  }
}

/** Adds a notice to a route about a refusal by its own service. One notice covers all refusals until it is sent. */
export function addRefusal(database: Database, incident: Omit<RouteIncident, "kind">): void {
  const { about } = incident;
  const isThere = prepared(database, "SELECT 1 FROM notice WHERE route = ?1 AND about = ?1 AND attempts > 0").get(
    about,
  );
  if (isThere === undefined) addNotices(database, [about], { ...incident, kind: "refused" });
}

/** Drops the notice of a refusal if it was not attempted yet: another notice reports that the message was given up. */
export function dropRefusal(database: Database, route: string): void {
  prepared(database, "DELETE FROM notice WHERE route = ?1 AND about = ?1 AND kind = 'refused' AND attempts = 0")
    .run(route);
}

/** Options of {@link nextNotice}. */
export interface NextNoticeOptions {
  readonly route: string;
  /** Whether to prefer the notice with the fewest attempts to the oldest. */
  readonly fewestAttempts: boolean;
  /** A notice whose `refusedAt` is at least this goes last. */
  readonly refusedLastFrom?: number | undefined;
  /** Whether to include the notice of a refusal, which is only sent if nothing else is left to try. */
  readonly withRefusals: boolean;
}

/** The next notice to send on a route: the oldest, unless the options set another order. */
export function nextNotice(
  database: Database,
  { route, fewestAttempts, refusedLastFrom, withRefusals }: NextNoticeOptions,
): Notice | undefined {
  return noticeOf(
    prepared(
      database,
      `SELECT * FROM notice WHERE route = ?1 ${withRefusals ? "" : "AND kind <> 'refused'"}
       ORDER BY coalesce(refused_at >= ?2, 0), ${fewestAttempts ? "attempts, " : ""}id LIMIT 1`,
    ).get(route, refusedLastFrom ?? null),
  );
}

/** The notice of a route about itself, unless it was refused since the last delivery there. */
export function nextProbe(
  database: Database,
  { route, delivered }: { route: string; delivered: number },
): Notice | undefined {
  return noticeOf(
    prepared(
      database,
      `SELECT * FROM notice WHERE route = ?1 AND about = ?1 AND (refused_at IS NULL OR refused_at < ?2)
       ORDER BY id LIMIT 1`,
    ).get(route, delivered),
  );
}

function noticeOf(row: Readonly<Record<string, unknown>> | undefined): Notice | undefined {
  return row === undefined ? undefined : {
    id: Number(row["id"]),
    uuid: String(row["uuid"]),
    about: String(row["about"]),
    kind: KINDS.find((kind) => kind === row["kind"]) ?? "broken",
    count: Number(row["count"]),
    reason: String(row["reason"]),
    occurredAtMs: Number(row["occurred_at_ms"]),
    attempts: Number(row["attempts"]),
    ...(row["refused_at"] === null ? {} : { refusedAt: Number(row["refused_at"]) }),
  };
}

/** Counts an attempt to send a notice. */
export function beginNotice(database: Database, { id }: Notice): void {
  prepared(database, "UPDATE notice SET attempts = attempts + 1 WHERE id = ?").run(id);
}

/** Deletes a notice that was sent or given up. */
export function endNotice(database: Database, { id }: Notice): void {
  prepared(database, "DELETE FROM notice WHERE id = ?").run(id);
}

/** Deletes the notices of all routes but these. */
export function keepNoticesOf(database: Database, routes: readonly string[]): void {
  prepared(database, "DELETE FROM notice WHERE route NOT IN (SELECT value FROM json_each(?))")
    .run(JSON.stringify(routes));
}
