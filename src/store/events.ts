// The events that were taken in: found by a session or by whether they are judged, and what was decided about them.
// Every function is a part of the caller's transaction.

import type { SessionEvent } from "../event.ts";
import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";
import { fateOf, type Horizon } from "./read_again.ts";
import { RETRIED_FROM_MS } from "./routes.ts";
import { eventOf, type StoredEvent } from "./stored_event.ts";

/** What was decided about an event. */
export interface Judgement {
  readonly eventId: number;
  /** The client's address where it is known, in its usual form; else empty. */
  readonly address: string;
  readonly tampered: readonly string[];
  readonly verdict: "notify" | "allowlisted";
  readonly openedBy: number | undefined;
  /** The routes that want the event; none if it is allowlisted. */
  readonly routes: readonly string[];
  readonly urgent: boolean;
  readonly keyFingerprint?: string;
  readonly reasons?: readonly string[];
  /** Of a close: how long the session was, if that is known. */
  readonly durationMs?: number | undefined;
}

/** How many events were new, and how many of these are too old to tell anyone. */
export interface TakenIn {
  readonly taken: number;
  readonly history: number;
}

/** The open events that have had no close, of a process, user and service. */
const OPEN_OF =
  "SELECT * FROM event WHERE type = 'open' AND is_closed = 0 AND parent_pid = ? AND user = ? AND service = ?";

/**
 * Writes events down, each once.
 *
 * @param options.horizon which events may have been taken in before; undefined if all of them are certainly new
 * @param options.isUnrecorded whether they come from the last resort: the hook could not run. Default: false
 */
export function insertEvents(
  database: Database,
  events: readonly SessionEvent[],
  { horizon, isUnrecorded = false }: { horizon: Horizon | undefined; isUnrecorded?: boolean },
): TakenIn {
  const insert = database.prepare(
    `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info,
                        parent_pid, uptime_s, tampered, is_repeat, is_history, is_unrecorded, taken_in_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT elapsed_ms FROM store), 0))
     ON CONFLICT (uuid) DO NOTHING`,
  );
  const result = { taken: 0, history: 0 };
  for (const event of events) {
    const { type, user, remoteHost, terminal, service, connection, authInfo } = event;
    const names = [type, user, remoteHost, terminal, service, connection, authInfo];
    const fate = horizon === undefined ? "new" : fateOf(event, horizon);
    const { changes } = insert.run(
      event.uuid,
      event.occurredAtMs,
      ...names,
      event.parentPid,
      event.uptimeSeconds ?? null,
      event.tampered.join(" "),
      Number(fate === "repeat"),
      Number(fate === "history"),
      Number(isUnrecorded),
    );
    if (changes === 0) continue;
    result.taken++;
    if (fate === "history") result.history++;
  }
  return result;
}

/** How much the times of one login can differ between the hook and the last resort, in ms; see unrecorded.ts. */
const SAME_LOGIN_MS = 10 * 60 * 1000;

/**
 * Whether a login from the last resort was also recorded by the hook, which was killed after that. Only the connection
 * identifies a login, so one without it, or whose connection the user may have set, never counts as recorded.
 */
export function isRecorded(database: Database, event: SessionEvent): boolean {
  const { user, service, remoteHost, connection, occurredAtMs, tampered } = event;
  if (connection === "" || tampered.length > 0) return false;
  return prepared(
    database,
    `SELECT 1 FROM event WHERE type = 'open' AND is_unrecorded = 0 AND user = ? AND service = ? AND remote_host = ?
       AND connection = ? AND occurred_at_ms BETWEEN ? AND ?`,
  ).get(user, service, remoteHost, connection, occurredAtMs - SAME_LOGIN_MS, occurredAtMs + SAME_LOGIN_MS) !==
    undefined;
}

/** Events that are not judged yet, oldest first. */
export function unjudged(database: Database, limit: number): StoredEvent[] {
  return database.prepare("SELECT * FROM event WHERE verdict IS NULL ORDER BY id LIMIT ?").all(limit).map(eventOf);
}

/**
 * The open event that a close belongs to: the latest one of the same process, user and service that no other close
 * belongs to. One that the clock puts after the close is taken only for want of another: the clock was set back.
 */
export function openOf(database: Database, close: StoredEvent): StoredEvent | undefined {
  const row = prepared(
    database,
    `${OPEN_OF} AND verdict IS NOT NULL
     ORDER BY occurred_at_ms > ?, occurred_at_ms DESC, id DESC LIMIT 1`,
  ).get(close.parentPid, close.user, close.service, close.occurredAtMs);
  return row === undefined ? undefined : eventOf(row);
}

/**
 * Likewise, of the events that are not judged yet: an open that was taken in after its close, as may happen where it
 * came by another way.
 */
export function unjudgedOpenOf(database: Database, close: StoredEvent): StoredEvent | undefined {
  const row = prepared(
    database,
    `${OPEN_OF} AND verdict IS NULL AND occurred_at_ms <= ? ORDER BY occurred_at_ms DESC, id DESC LIMIT 1`,
  ).get(close.parentPid, close.user, close.service, close.occurredAtMs);
  return row === undefined ? undefined : eventOf(row);
}

/** Writes a judgement down, and makes the deliveries that follow from it: none for what is too old to tell anyone. */
export function writeJudgement(database: Database, judgement: Judgement, nowMs: number): void {
  const { eventId, address, tampered, openedBy, urgent, keyFingerprint = "", reasons = [] } = judgement;
  const durationMs = judgement.durationMs ?? null;
  const row = prepared(database, "SELECT is_history, user FROM event WHERE id = ?").get(eventId);
  const isHistory = row?.["is_history"] === 1;
  const verdict = isHistory ? "history" : judgement.verdict;
  const routes = isHistory ? [] : judgement.routes;
  prepared(
    database,
    `UPDATE event SET address = ?, tampered = ?, verdict = ?, opened_by = ?, key_fingerprint = ?, reasons = ?,
       duration_ms = ?
     WHERE id = ?`,
  )
    .run(
      address,
      tampered.join(" "),
      verdict,
      openedBy ?? null,
      keyFingerprint,
      JSON.stringify(reasons),
      durationMs,
      eventId,
    );
  if (openedBy !== undefined) {
    prepared(database, "UPDATE event SET is_closed = 1 WHERE id = ?").run(openedBy);
  }
  for (const route of routes) {
    addDelivery(database, { eventId, route, user: urgent ? String(row?.["user"]) : undefined, nowMs });
  }
}

/** A new delivery. `user`: only of an urgent event. */
interface NewDelivery {
  readonly eventId: number;
  readonly route: string;
  readonly user: string | undefined;
  readonly nowMs: number;
}

/**
 * Urgent events are sent in turns by user, so that no user can delay the alarm about another one by making noise. Those
 * of root go before all others.
 */
function addDelivery(database: Database, { eventId, route, user, nowMs }: NewDelivery): void {
  prepared(
    database,
    `INSERT INTO delivery (event_id, route, urgent, turn_of, turn, retried_from_ms)
     VALUES (:event, :route, :urgent, coalesce(:user, ''),
       CASE WHEN :user IS NULL OR :user = 'root' THEN 0 ELSE 1 + coalesce((
         SELECT max(turn) FROM delivery WHERE route = :route AND state = 'pending' AND urgent = 1 AND turn_of = :user), 0) END,
       ${RETRIED_FROM_MS})`,
  ).run({ event: eventId, route, urgent: Number(user !== undefined), user: user ?? null, now: nowMs });
}
