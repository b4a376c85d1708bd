// The queue of deliveries: selects what to send next on a route, and records the outcome. The events of one request are a
// batch, which keeps its id and its events across retries and crashes.
// Every function is part of the caller's transaction.

import { beginNotice, endNotice, nextNotice, nextProbe, type Notice } from "./notices.ts";
import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { needsProbe, type Refusals, refusalsOf } from "./refusals.ts";
import { beginOnRoute, failuresOf, restsUntilMs } from "./routes.ts";
import { type JudgedEvent, judgedEventOf } from "./stored_event.ts";

/**
 * After this many failed attempts in a row, batches take turns. Otherwise a batch that makes the service fail, or that a
 * firewall drops, would block all others indefinitely.
 */
const TURNS_FROM = 2;

/** At least one event. */
export type Events = readonly [JudgedEvent, ...JudgedEvent[]];

/** Events to send on a route. */
interface RouteEvents {
  readonly kind: "events";
  readonly route: string;
  readonly events: Events;
  /** How many attempts were made to send them. */
  readonly attempts: number;
}

/** A notice to send on a route. */
interface RouteNotice {
  readonly kind: "notice";
  readonly route: string;
  readonly notice: Notice;
}

/**
 * What to send next on a route. `batch`: the id of the earlier attempts with exactly these events; undefined if there were
 * none, so that the caller may send fewer of them.
 */
export type Due = (RouteEvents & { readonly batch: string | undefined }) | RouteNotice;

/** The content of one request on a route. `id`: the same for all attempts. */
export type Outgoing = (RouteEvents | RouteNotice) & { readonly id: string };

/** A batch of events to send. */
export type OutgoingEvents = RouteEvents & { readonly id: string };

/** A route, and the current time. */
export interface DueOptions {
  readonly route: string;
  readonly nowMs: number;
}

const HAS_PENDING = `SELECT 1 FROM delivery WHERE route = :route AND state = 'pending'
                     UNION ALL SELECT 1 FROM notice WHERE route = :route LIMIT 1`;

/** When the next delivery or notice of a route is due, now or later; undefined if nothing is pending. */
export function nextDueAtMs(database: Database, { route, nowMs }: DueOptions): number | undefined {
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
export function nextDue(database: Database, options: DueOptions & { readonly limit: number }): Due | undefined {
  const { route } = options;
  if (restsUntilMs(database, options) > 0) return undefined;
  const refusals = refusalsOf(database, route);
  const probe = needsProbe(refusals) ? nextProbe(database, { route, delivered: refusals.delivered }) : undefined;
  if (probe !== undefined) return { kind: "notice", route, notice: probe };
  const order = { takeTurns: failuresOf(database, route) >= TURNS_FROM, refusals };
  const head = headOf(database, route, order);
  const notice = nextNotice(database, {
    route,
    fewestAttempts: order.takeTurns,
    refusedLastFrom: refusedLastFrom(refusals),
    withRefusals: head === undefined || head.isRefused === 1 || needsProbe(refusals),
  });
  if (notice !== undefined && !(head !== undefined && goesBefore(head, notice, order))) {
    return { kind: "notice", route, notice };
  }
  if (head === undefined) return undefined;
  const batch = head.batch ?? undefined;
  const [first, ...more] = pendingWith(database, { ...options, head });
  if (first === undefined) return undefined;
  const events: Events = [judgedEventOf(first), ...more.map(judgedEventOf)];
  return { kind: "events", route, batch, events, attempts: head.attempts };
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

/** Counts an attempt before it is made, because one that a crash ends counts too. Makes its events a batch. */
export function beginAttempt(database: Database, outgoing: Outgoing, nowMs: number): void {
  const { route, id } = outgoing;
  beginOnRoute(database, { route, nowMs });
  if (outgoing.kind === "notice") return beginNotice(database, outgoing.notice);
  const begin = prepared(
    database,
    "UPDATE delivery SET batch = ?, attempts = attempts + 1 WHERE event_id = ? AND route = ?",
  );
  for (const event of outgoing.events) begin.run(id, event.id, route);
}

/** The outcome of an attempt. */
export type BatchEnd =
  | { readonly state: "delivered"; readonly atMs: number }
  | { readonly state: "pending" | "dead"; readonly error: string };

/** Records the outcome of an attempt. Deletes a notice that is no longer pending. */
export function endBatch(database: Database, outgoing: Outgoing, end: BatchEnd): void {
  if (outgoing.kind === "notice") {
    if (end.state !== "pending") endNotice(database, outgoing.notice);
    return;
  }
  const write = prepared(
    database,
    "UPDATE delivery SET state = ?, last_error = ?, delivered_at_ms = ? WHERE event_id = ? AND route = ?",
  );
  const error = end.state === "delivered" ? null : end.error;
  const atMs = end.state === "delivered" ? end.atMs : null;
  for (const event of outgoing.events) write.run(end.state, error, atMs, event.id, outgoing.route);
}

/**
 * Splits a batch into two, each with a new id.
 *
 * @param options.anew whether to reset their count of attempts
 */
export function splitBatch(
  database: Database,
  { events, route }: OutgoingEvents,
  { error, anew }: { error: string; anew: boolean },
): void {
  const half = Math.ceil(events.length / 2);
  const write = prepared(
    database,
    `UPDATE delivery SET batch = ?, last_error = ?, attempts = ${anew ? "0" : "attempts"}
     WHERE event_id = ? AND route = ? AND state = 'pending'`,
  );
  for (const part of [events.slice(0, half), events.slice(half)]) {
    const id = crypto.randomUUID();
    for (const event of part) write.run(id, error, event.id, route);
  }
}

/** What to give up, and why. */
export interface GiveUpOptions {
  readonly route: string;
  /** How long a delivery is retried before it is given up, in milliseconds. */
  readonly afterMs: number;
  readonly error: string;
}

/**
 * Gives up the deliveries and notices of a route that were retried for too long. A batch is given up as a whole, once
 * its newest event was retried for that long.
 *
 * @returns how many deliveries and how many notices were given up
 */
export function giveUp(database: Database, options: GiveUpOptions): { deliveries: number; notices: number } {
  const { route, afterMs, error } = options;
  const row = prepared(database, "SELECT retried_ms - ? AS before FROM route WHERE name = ?").get(afterMs, route);
  const before = Number(row?.["before"] ?? -1);
  const { changes: deliveries } = prepared(
    database,
    `UPDATE delivery SET state = 'dead', last_error = :error
     WHERE route = :route AND state = 'pending' AND retried_from_ms <= :before
       AND (batch IS NULL OR batch NOT IN (
         SELECT batch FROM delivery
         WHERE route = :route AND state = 'pending' AND retried_from_ms > :before AND batch IS NOT NULL))`,
  ).run({ route, before, error });
  const { changes: notices } = prepared(database, "DELETE FROM notice WHERE route = ? AND retried_from_ms <= ?")
    .run(route, before);
  return { deliveries: Number(deliveries), notices: Number(notices) };
}

/** The number of pending deliveries and notices on all routes. */
export function pendingCount(database: Database): number {
  const row = prepared(
    database,
    `SELECT (SELECT count(*) FROM delivery WHERE state = 'pending') + (SELECT count(*) FROM notice) AS n`,
  ).get();
  return Number(row?.["n"]);
}
