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
 * @param horizon what may have been taken in before; undefined: all of them are new for certain
 */
export function insertEvents(
  database: Database,
  events: readonly SessionEvent[],
  horizon: Horizon | undefined,
): TakenIn {
  const insert = database.prepare(
    `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info,
                        parent_pid, uptime_s, tampered, is_repeat, is_history, taken_in_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT elapsed_ms FROM store), 0))
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
    );
    if (changes === 0) continue;
    result.taken++;
    if (fate === "history") result.history++;
  }
  return result;
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
  const row = prepared(database, "SELECT is_history FROM event WHERE id = ?").get(eventId);
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
    prepared(
      database,
      `INSERT INTO delivery (event_id, route, urgent, retried_from_ms)
       VALUES (:event, :route, :urgent, ${RETRIED_FROM_MS})`,
    ).run({ event: eventId, route, urgent: Number(urgent), now: nowMs });
  }
}
