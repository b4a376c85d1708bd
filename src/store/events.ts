// Inserts events into the store, finds them by session or as not yet judged, and records the judgements about them.
// Every function is part of the caller's transaction.

import type { SessionEvent } from "../event.ts";
import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { fateOf, type Horizon } from "./read_again.ts";
import { RETRIED_FROM_MS } from "./routes.ts";
import { eventOf, type StoredEvent } from "./stored_event.ts";

/** The decision about an event. */
export interface Judgement {
  readonly eventId: number;
  /** The client's address in its canonical form; empty if unknown. */
  readonly address: string;
  readonly tampered: readonly string[];
  readonly verdict: "notify" | "allowlisted";
  readonly openedBy: number | undefined;
  /** The routes that get the event; empty if it is allowlisted. */
  readonly routes: readonly string[];
  readonly urgent: boolean;
  readonly keyFingerprint?: string;
  readonly reasons?: readonly string[];
  /** For a close: the duration of the session, if known. */
  readonly durationMs?: number | undefined;
}

/** How many events were new, and how many of these are too old to be sent. */
export interface TakenIn {
  readonly taken: number;
  readonly history: number;
}

/** The open events without a close, of a process, user and service. */
const OPEN_OF =
  "SELECT * FROM event WHERE type = 'open' AND is_closed = 0 AND parent_pid = ? AND user = ? AND service = ?";

/**
 * Inserts events. An event that is already in the store is skipped.
 *
 * @param options.horizon which events may have been taken in before; undefined if all of them are new
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

/** How far the times of one login may differ between the hook and the last resort, in ms; see unrecorded.ts. */
const SAME_LOGIN_MS = 10 * 60 * 1000;

/**
 * Whether a login from the last resort was also recorded by the hook, which may have been killed after that. Only the
 * connection identifies a login, so one without a connection, or with one that the user may have set, never counts as
 * recorded.
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

/** The events that are not judged yet, oldest first. */
export function unjudged(database: Database, limit: number): StoredEvent[] {
  return database.prepare("SELECT * FROM event WHERE verdict IS NULL ORDER BY id LIMIT ?").all(limit).map(eventOf);
}

/**
 * The open event of a close: the latest one of the same process, user and service that has no close yet. An open event
 * with a later time than the close (the clock was set back) is used only if no earlier one exists.
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
 * The open event of a close, among the events that are not judged yet: an open event from a spool, for example, may be
 * taken in after its close.
 */
export function unjudgedOpenOf(database: Database, close: StoredEvent): StoredEvent | undefined {
  const row = prepared(
    database,
    `${OPEN_OF} AND verdict IS NULL AND occurred_at_ms <= ? ORDER BY occurred_at_ms DESC, id DESC LIMIT 1`,
  ).get(close.parentPid, close.user, close.service, close.occurredAtMs);
  return row === undefined ? undefined : eventOf(row);
}

/** Records a judgement and creates its deliveries, except for an event that is too old to be sent. */
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

/** A new delivery. `user`: set only for an urgent event. */
interface NewDelivery {
  readonly eventId: number;
  readonly route: string;
  readonly user: string | undefined;
  readonly nowMs: number;
}

/**
 * Adds a delivery. The users of urgent events take turns, so a user who causes many of them can't delay those about
 * another user. Urgent events about root go first.
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
