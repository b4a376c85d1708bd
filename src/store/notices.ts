// Notices to be sent on a route. About another route: deliveries were given up there, or it is broken. About itself: its
// service refuses a message. About the queue: records in it can't be read, or logins may be missing. A report is a notice
// too. The outcome of a notice is only logged, and causes no other notice.

import { type Database, transaction } from "../sqlite/open.ts";
import { prepared, query } from "../sqlite/prepared.ts";
import { RETRIED_FROM_MS, tellBroken } from "./routes.ts";

/** The value of `about` for an incident of the queue. Not a valid route name, because it has a space. */
export const QUEUE = "the queue";

/** Like {@link QUEUE}, for an incident of its database. */
export const QUEUE_DATABASE = "the queue database";

/** A problem of a route or of the queue. */
export interface Incident {
  /** The name of the route, {@link QUEUE} or {@link QUEUE_DATABASE}. */
  readonly about: string;
  /**
   * `dead`: deliveries were given up. `broken`: no delivery succeeds until the administrator fixes the route. `refused`: the
   * service refuses a message, and it is not known yet whether the message or the route is at fault. Of the queue:
   * `unreadable`: records can't be read; `full`: the file of the last resort is full. Of the queue
   * database: `full`: events were dropped. `report`: a report of the logins.
   */
  readonly kind: "dead" | "broken" | "refused" | "unreadable" | "full" | "report";
  /** How many deliveries were given up or are refused, records can't be read, or events were dropped; else 0. */
  readonly count: number;
  /** The latest error; of a report, its content as JSON. */
  readonly reason: string;
  readonly occurredAtMs: number;
}

/** An incident that is to be sent on a route. */
export interface Notice extends Incident {
  /** The same for all attempts, like the id of a batch. */
  readonly uuid: string;
  readonly attempts: number;
  /** The route's count of delivered messages when the notice was refused; undefined if it was not. */
  readonly refusedAt?: number;
}

/**
 * Adds a notice to some routes. Merges it with one of the same kind that was not attempted yet, except a report, which is
 * about a time of its own. That a route is broken is announced once, until an event is delivered there.
 */
export function announce(database: Database, routes: readonly string[], incident: Incident): void {
  const { about, kind, count, reason, occurredAtMs } = incident;
  transaction(database, () => {
    if (kind === "broken" && !tellBroken(database, about, true)) return;
    // The new notice reports that the message was given up, so a notice of its refusal is no longer needed.
    if (kind === "dead" && routes.includes(about)) {
      prepared(database, "DELETE FROM notice WHERE route = ?1 AND about = ?1 AND kind = 'refused' AND attempts = 0")
        .run(about);
    }
    for (const route of routes) {
      const { changes } = prepared(
        database,
        `UPDATE notice SET count = count + ?, reason = ?, occurred_at_ms = ?
         WHERE route = ? AND about = ? AND kind = ? AND kind <> 'report' AND attempts = 0`,
      ).run(count, reason, occurredAtMs, route, about, kind);
      if (Number(changes) > 0) continue;
      prepared(
        database,
        `INSERT INTO notice (uuid, route, about, kind, count, reason, occurred_at_ms, retried_from_ms)
         VALUES (:uuid, :route, :about, :kind, :count, :reason, :now, ${RETRIED_FROM_MS})`,
      ).run({ uuid: crypto.randomUUID(), route, about, kind, count, reason, now: occurredAtMs });
    }
  });
}

/** Adds a notice to a route about a refusal by its own service. One notice covers all refusals until it is sent. */
export function announceRefusal(
  database: Database,
  { route, reason, occurredAtMs }: { route: string; reason: string; occurredAtMs: number },
): void {
  const isThere = prepared(database, "SELECT 1 FROM notice WHERE route = ?1 AND about = ?1 AND attempts > 0").get(
    route,
  );
  if (isThere !== undefined) return;
  announce(database, [route], { about: route, kind: "refused", count: 1, reason, occurredAtMs });
}

const SELECT_NOTICE = `SELECT uuid, about, kind, count, reason, occurred_at_ms AS occurredAtMs, attempts,
  refused_at AS refusedAt FROM notice WHERE route = :route`;

/**
 * The next notice to send on a route: the oldest, unless the options set another order.
 *
 * @param options.fewestAttempts whether to prefer the notice with the fewest attempts to the oldest
 * @param options.refusedLastFrom a notice whose `refusedAt` is at least this goes last
 * @param options.withRefusals whether to include the notice of a refusal, which is only sent if nothing else is left
 */
export function nextNotice(
  database: Database,
  options: { route: string; fewestAttempts: boolean; refusedLastFrom: number | undefined; withRefusals: boolean },
): Notice | undefined {
  const { route, fewestAttempts, refusedLastFrom, withRefusals } = options;
  const [notice] = query<Notice>(
    database,
    `${SELECT_NOTICE} ${withRefusals ? "" : "AND kind <> 'refused'"}
     ORDER BY coalesce(refused_at >= :from, 0), ${fewestAttempts ? "attempts, " : ""}id LIMIT 1`,
    { route, from: refusedLastFrom ?? null },
  );
  return notice;
}

/** The notice of a route about itself, unless it was refused since the last delivery there. */
export function nextProbe(database: Database, route: string, delivered: number): Notice | undefined {
  const [notice] = query<Notice>(
    database,
    `${SELECT_NOTICE} AND about = :route AND (refused_at IS NULL OR refused_at < :delivered) ORDER BY id LIMIT 1`,
    { route, delivered },
  );
  return notice;
}

/** Deletes the notices of all routes but these. */
export function keepNoticesOf(database: Database, routes: readonly string[]): void {
  prepared(database, "DELETE FROM notice WHERE route NOT IN (SELECT value FROM json_each(?))")
    .run(JSON.stringify(routes));
}
