// Notices that are still to be sent on a route. About another route: deliveries were given up there, or it is broken.
// About itself: its service refuses a message. About the queue: records in it can't be read, or logins may be missing.
// A notice makes no notice: what becomes of it is written down nowhere but in the log. Every function is a part of the
// caller's transaction.

import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";
import { RETRIED_FROM_MS } from "./routes.ts";

/** What `about` is of an incident that is not about a route. No route can have this name, which has a space. */
export const QUEUE = "the queue";

const KINDS = ["dead", "broken", "refused", "unreadable", "full"] as const;

/** What happened on a route, or to the queue. */
export interface RouteIncident {
  /** The route that it happened on, or {@link QUEUE}. */
  readonly about: string;
  /**
   * `dead`: deliveries were given up. `broken`: nothing gets through until a person fixes it. `refused`: the service
   * refuses a message, and it is not known yet whether that or the route is at fault. Of the queue: `unreadable`: records
   * can't be read; `full`: the file of the last resort is full.
   */
  readonly kind: typeof KINDS[number];
  /** How many deliveries were given up or are refused, or how many records can't be read; else 0. */
  readonly count: number;
  /** What the service said, the last time. */
  readonly reason: string;
  readonly occurredAtMs: number;
}

/** An incident that a route has yet to tell. */
export interface Notice extends RouteIncident {
  readonly id: number;
  /** The same over all tries, as the id of a batch. */
  readonly uuid: string;
  readonly attempts: number;
  /** How many messages had got through on the route when it was refused; undefined if it was not. */
  readonly refusedAt?: number;
}

/** Has an incident told on some routes. What they have not begun to tell of the same kind is told with it. */
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

/** Makes a notice on a route that its own service refuses a message; one for all refusals until that is sent. */
export function addRefusal(database: Database, incident: Omit<RouteIncident, "kind">): void {
  const { about } = incident;
  const isThere = prepared(database, "SELECT 1 FROM notice WHERE route = ?1 AND about = ?1 AND attempts > 0").get(
    about,
  );
  if (isThere === undefined) addNotices(database, [about], { ...incident, kind: "refused" });
}

/** Drops the notice of a refusal, since another notice reports its result. */
export function dropRefusal(database: Database, route: string): void {
  prepared(database, "DELETE FROM notice WHERE route = ?1 AND about = ?1 AND kind = 'refused' AND attempts = 0")
    .run(route);
}

/** Which notice is wanted. */
export interface NextNoticeOptions {
  readonly route: string;
  /** Whether the one with the fewest attempts goes before the oldest. */
  readonly fewestAttempts: boolean;
  /** A notice that was refused at this count of deliveries goes last. */
  readonly refusedLastFrom?: number | undefined;
  /** Whether the notice of a refusal is wanted too: it is only sent if nothing else is left to try. */
  readonly withRefusals: boolean;
}

/** The next notice to send on a route: the oldest. */
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

/** Counts an attempt to tell a notice. */
export function beginNotice(database: Database, { id }: Notice): void {
  prepared(database, "UPDATE notice SET attempts = attempts + 1 WHERE id = ?").run(id);
}

/** Forgets a notice, which has been told, or never will be. */
export function endNotice(database: Database, { id }: Notice): void {
  prepared(database, "DELETE FROM notice WHERE id = ?").run(id);
}

/** Forgets the notices of routes that nothing is told on any more. */
export function keepNoticesOf(database: Database, routes: readonly string[]): void {
  prepared(database, "DELETE FROM notice WHERE route NOT IN (SELECT value FROM json_each(?))")
    .run(JSON.stringify(routes));
}
