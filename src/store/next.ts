// Selects what to send next on a route.

import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import type { Batch, Events, NoticeBatch } from "./batch.ts";
import { judgedEventOf } from "./events.ts";
import { nextNotice, nextProbe, type Notice } from "./notices.ts";
import { needsProbe, type Refusals, refusalsOf } from "./refusals.ts";
import { failuresOf, restsUntilMs } from "./routes.ts";

/**
 * After this many failed attempts in a row, batches take turns. Otherwise a batch that makes the service fail, or that a
 * firewall drops, would block all others indefinitely.
 */
const TURNS_FROM = 2;

const HAS_PENDING = `SELECT 1 FROM delivery WHERE route = :route AND state = 'pending'
                     UNION ALL SELECT 1 FROM notice WHERE route = :route LIMIT 1`;

/** When the next delivery or notice of a route is due, now or later; undefined if nothing is pending. */
export function nextDueAtMs(
  database: Database,
  { route, nowMs }: { route: string; nowMs: number },
): number | undefined {
  if (prepared(database, HAS_PENDING).get({ route }) === undefined) return undefined;
  return Math.max(nowMs, restsUntilMs(database, { route, nowMs }));
}

/**
 * Selects what to send next on a route: urgent events first, grouped by user, with the users taking turns; then
 * notices; then the other events, oldest first. Messages that were refused since the last delivery go last, because
 * another message shows whether the route works. Returns undefined while the route is paused.
 *
 * @param options.limit the most events that are returned if they are not in a batch yet
 */
export function next(
  database: Database,
  options: { readonly route: string; readonly nowMs: number; readonly limit: number },
): Batch | undefined {
  const { route } = options;
  if (restsUntilMs(database, options) > 0) return undefined;
  const refusals = refusalsOf(database, route);
  const probe = needsProbe(refusals) ? nextProbe(database, { route, delivered: refusals.delivered }) : undefined;
  if (probe !== undefined) return noticeBatch(route, probe);
  const order = { takeTurns: failuresOf(database, route) >= TURNS_FROM, refusals };
  const head = headOf(database, route, order);
  const notice = nextNotice(database, {
    route,
    fewestAttempts: order.takeTurns,
    refusedLastFrom: refusedLastFrom(refusals),
    withRefusals: head === undefined || head.isRefused === 1 || needsProbe(refusals),
  });
  if (notice !== undefined && !(head !== undefined && goesBefore(head, notice, order))) {
    return noticeBatch(route, notice);
  }
  if (head === undefined) return undefined;
  const [first, ...more] = pendingWith(database, { ...options, head });
  if (first === undefined) return undefined;
  const { batch, attempts } = head;
  const events: Events = [judgedEventOf(first), ...more.map(judgedEventOf)];
  return { kind: "events", route, id: batch ?? crypto.randomUUID(), events, isNew: batch === null, attempts };
}

function noticeBatch(route: string, notice: Notice): NoticeBatch {
  return { kind: "notice", route, id: notice.uuid, notice, attempts: notice.attempts };
}

/** The events that are sent together with the head, the head included. */
function pendingWith(database: Database, { route, limit, head }: { route: string; limit: number; head: Head }) {
  const { urgent, user, eventId, batch } = head;
  if (batch !== null) {
    return prepared(database, `${selectPending()} AND delivery.urgent = ? AND batch = ? ORDER BY turn, event_id`)
      .all(route, urgent, batch);
  }
  if (urgent === 1) {
    const ofUser = `${selectPending("INDEXED BY delivery_turn")} AND delivery.urgent = 1 AND turn_of = ?`;
    return prepared(database, `${ofUser} AND batch IS NULL ORDER BY turn, event_id LIMIT ?`).all(route, user, limit);
  }
  const routine = `${selectPending()} AND delivery.urgent = 0 AND turn = 0 AND event_id >= ?`;
  return prepared(database, `${routine} AND batch IS NULL ORDER BY event_id LIMIT ?`).all(route, eventId, limit);
}

/** CROSS JOIN fixes the order of the tables, so SQLite reads no more of the index than the limit allows. */
function selectPending(index = ""): string {
  return `SELECT event.*, delivery.urgent FROM delivery ${index} CROSS JOIN event ON event.id = delivery.event_id
          WHERE route = ? AND state = 'pending'`;
}

/** The first delivery in the queue, which decides what is sent. */
interface Head {
  readonly eventId: number;
  readonly urgent: number;
  /** The user of the event, if it is urgent. */
  readonly user: string;
  readonly batch: string | null;
  readonly attempts: number;
  /** Whether it was refused since the last delivery on the route: 0 or 1. */
  readonly isRefused: number;
}

/** The parts of the state of a route that change the order. */
interface Order {
  readonly takeTurns: boolean;
  readonly refusals: Refusals;
}

/** Messages whose `refused_at` is at least this go last; undefined if refused messages keep their place. */
function refusedLastFrom(refusals: Refusals): number | undefined {
  return refusals.inARow > 0 && !needsProbe(refusals) ? refusals.delivered : undefined;
}

function headOf(database: Database, route: string, { takeTurns, refusals }: Order): Head | undefined {
  const lastFrom = refusedLastFrom(refusals);
  // Without a refusal, the order is that of the index.
  const order = `${lastFrom === undefined ? "" : "isRefused, "}${
    takeTurns ? "attempts, " : ""
  }urgent DESC, turn, event_id`;
  return prepared(
    database,
    `SELECT event_id AS eventId, urgent, turn_of AS user, batch, attempts, coalesce(refused_at >= ?, 0) AS isRefused
     FROM delivery WHERE route = ? AND state = 'pending' ORDER BY ${order} LIMIT 1`,
  ).get(lastFrom ?? null, route) as Head | undefined;
}

function goesBefore(head: Head, notice: Notice, { takeTurns, refusals }: Order): boolean {
  const isNoticeRefused = Number((notice.refusedAt ?? -1) >= (refusedLastFrom(refusals) ?? Infinity));
  if (head.isRefused !== isNoticeRefused) return head.isRefused < isNoticeRefused;
  if (takeTurns && head.attempts !== notice.attempts) return head.attempts < notice.attempts;
  return head.urgent === 1;
}

/** The number of pending deliveries and notices on all routes. */
export function pendingCount(database: Database): number {
  const row = prepared(
    database,
    `SELECT (SELECT count(*) FROM delivery WHERE state = 'pending') + (SELECT count(*) FROM notice) AS n`,
  ).get();
  return Number(row?.["n"]);
}
