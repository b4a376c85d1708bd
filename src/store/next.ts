// Selects what to send next on a route.

import type { Database } from "../sqlite/open.ts";
import { prepared, query } from "../sqlite/prepared.ts";
import type { Batch, NoticeBatch } from "./batch.ts";
import { JUDGED_EVENT, judgedEventOf } from "./events.ts";
import { nextNotice, nextProbe, type Notice } from "./notices.ts";
import { needsProbe } from "./refusals.ts";
import { believedRest, routeState } from "./routes.ts";

/**
 * After this many failed attempts in a row, batches take turns. Otherwise a batch that makes the service fail, or that a
 * firewall drops, would block all others indefinitely.
 */
const TURNS_FROM = 2;

/** Among this many of the oldest routine events, those of one user and address are taken together, to share a line. */
export const NEAREST = 2_048;

/** Reading so many costs time, so it is done only if users and addresses repeat among this many of the oldest. */
const SAMPLE = 512;

const HAS_PENDING = `SELECT 1 FROM delivery WHERE route = :route AND state = 'pending'
                     UNION ALL SELECT 1 FROM notice WHERE route = :route LIMIT 1`;

/** When the next delivery or notice of a route is due, now or later; undefined if nothing is pending. */
export function nextDueAtMs(
  database: Database,
  { route, nowMs }: { route: string; nowMs: number },
): number | undefined {
  if (prepared(database, HAS_PENDING).get({ route }) === undefined) return undefined;
  return Math.max(nowMs, believedRest(routeState(database, route), nowMs));
}

/**
 * Selects what to send next on a route: urgent events first, grouped by user, with the users taking turns; then
 * notices; then the other events, oldest first; if there are many, each is followed by those of the same user and
 * address. Messages that were refused since the last delivery go last, because another message shows whether the route
 * works. Returns undefined while the route is paused.
 *
 * @param options.limit the most events that are returned if they are not in a batch yet
 */
export function next(
  database: Database,
  options: { readonly route: string; readonly nowMs: number; readonly limit: number },
): Batch | undefined {
  const { route, nowMs } = options;
  const state = routeState(database, route);
  if (believedRest(state, nowMs) > 0) return undefined;
  const isProbing = needsProbe(state);
  const probe = isProbing ? nextProbe(database, route, state.delivered) : undefined;
  if (probe !== undefined) return noticeBatch(route, probe);
  const takeTurns = state.failures >= TURNS_FROM;
  // Messages whose `refused_at` is at least this go last; undefined if refused messages keep their place.
  const refusedLastFrom = state.refusals > 0 && !isProbing ? state.delivered : undefined;
  const head = headOf(database, route, { takeTurns, refusedLastFrom });
  const notice = nextNotice(database, {
    route,
    fewestAttempts: takeTurns,
    refusedLastFrom,
    withRefusals: head === undefined || head.isRefused === 1 || isProbing,
  });
  if (notice !== undefined && !(head !== undefined && goesBefore(head, notice, { takeTurns, refusedLastFrom }))) {
    return noticeBatch(route, notice);
  }
  if (head === undefined) return undefined;
  const [first, ...more] = pendingWith(database, { ...options, head });
  if (first === undefined) return undefined;
  const { batch, attempts } = head;
  return {
    kind: "events",
    route,
    id: batch ?? crypto.randomUUID(),
    events: [judgedEventOf(first), ...more.map(judgedEventOf)],
    isNew: batch === undefined,
    attempts,
  };
}

function noticeBatch(route: string, notice: Notice): NoticeBatch {
  return { kind: "notice", route, id: notice.uuid, notice, attempts: notice.attempts };
}

/** The events that are sent together with the head, the head included. */
function pendingWith(database: Database, { route, limit, head }: { route: string; limit: number; head: Head }) {
  const { urgent, user, eventId, batch } = head;
  if (batch !== undefined) {
    return prepared(database, `${selectPending()} AND delivery.urgent = ? AND batch = ? ORDER BY event_id`)
      .all(route, urgent, batch);
  }
  if (urgent === 1) {
    const ofUser = `${selectPending("INDEXED BY delivery_turn")} AND delivery.urgent = 1 AND turn_of = ?`;
    return prepared(database, `${ofUser} AND batch IS NULL ORDER BY turn, event_id LIMIT ?`).all(route, user, limit);
  }
  const sample = prepared(database, REPEATS).get(route, eventId);
  return prepared(database, sample?.["repeats"] === 1 ? TOGETHER : OLDEST_FIRST).all(route, eventId, limit);
}

const ROUTINE = `FROM delivery CROSS JOIN event ON event.id = delivery.event_id
  WHERE route = ? AND state = 'pending' AND delivery.urgent = 0 AND turn = 0 AND event_id >= ? AND batch IS NULL
  ORDER BY event_id`;

const OLDEST_FIRST = `SELECT ${JUDGED_EVENT} ${ROUTINE} LIMIT ?`;

const REPEATS = `SELECT 4 * count(DISTINCT user || ' ' || address) <= 3 * count(*) AS repeats
  FROM (SELECT user, address ${ROUTINE} LIMIT ${SAMPLE})`;

/** Reads the user and address of the nearest events, but the other columns only of those that it returns. */
const TOGETHER = `
  WITH taken AS (
    SELECT event_id, min(event_id) OVER (PARTITION BY user, address) AS first
    FROM (SELECT event_id, user, address ${ROUTINE} LIMIT ${NEAREST}) ORDER BY first, event_id LIMIT ?
  )
  SELECT ${JUDGED_EVENT} FROM taken CROSS JOIN event ON event.id = taken.event_id CROSS JOIN (SELECT 0 AS urgent) AS delivery
  ORDER BY first, event_id`;

/** CROSS JOIN fixes the order of the tables, so SQLite reads no more of the index than the limit allows. */
function selectPending(index = ""): string {
  return `SELECT ${JUDGED_EVENT} FROM delivery ${index} CROSS JOIN event ON event.id = delivery.event_id
          WHERE route = ? AND state = 'pending'`;
}

/** The first delivery in the queue, which decides what is sent. */
interface Head {
  readonly eventId: number;
  readonly urgent: number;
  /** The user of the event, if it is urgent. */
  readonly user: string;
  readonly batch?: string;
  readonly attempts: number;
  /** Whether it was refused since the last delivery on the route: 0 or 1. */
  readonly isRefused: number;
}

interface Order {
  readonly takeTurns: boolean;
  readonly refusedLastFrom: number | undefined;
}

function headOf(database: Database, route: string, { takeTurns, refusedLastFrom }: Order): Head | undefined {
  // Without a refusal, the order is that of the index.
  const first = `${refusedLastFrom === undefined ? "" : "isRefused, "}${takeTurns ? "attempts, " : ""}`;
  const [head] = query<Head>(
    database,
    `SELECT event_id AS eventId, urgent, turn_of AS user, batch, attempts, coalesce(refused_at >= :from, 0) AS isRefused
     FROM delivery WHERE route = :route AND state = 'pending' ORDER BY ${first}urgent DESC, turn, event_id LIMIT 1`,
    { route, from: refusedLastFrom ?? null },
  );
  return head;
}

function goesBefore(head: Head, notice: Notice, { takeTurns, refusedLastFrom = Infinity }: Order): boolean {
  const isNoticeRefused = Number((notice.refusedAt ?? -1) >= refusedLastFrom);
  if (head.isRefused !== isNoticeRefused) return head.isRefused < isNoticeRefused;
  if (takeTurns && head.attempts !== notice.attempts) return head.attempts < notice.attempts;
  return head.urgent === 1;
}

/** The number of pending deliveries and notices on all routes. */
export function pendingCount(database: Database): number {
  const [{ count } = { count: 0 }] = query<{ count: number }>(
    database,
    "SELECT (SELECT count(*) FROM delivery WHERE state = 'pending') + (SELECT count(*) FROM notice) AS count",
  );
  return count;
}
