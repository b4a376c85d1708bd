// The events in the store: the recorded facts, and the verdict about each.

import type { ParsedEvent } from "../session/auth_info.ts";
import type { Verdict } from "../session/judge.ts";
import { placeText } from "../session/place.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { RETRIED_FROM_MS } from "./routes.ts";

/** An event with its id in the store. */
export interface StoredEvent extends ParsedEvent {
  readonly id: number;
  /** Whether it comes from the last resort: the hook could not run. Default: false. */
  readonly isUnrecorded?: boolean;
}

/** What the place databases said about the address of an event when it was judged. */
export interface StoredPlace {
  /** `Auckland, New Zealand; AS64500 Example Net`; empty if unknown. */
  readonly place: string;
  /** ISO 3166-1 alpha-2; empty if unknown. */
  readonly countryCode: string;
  /** The number of the operator's autonomous system; undefined if unknown. */
  readonly asn: number | undefined;
}

/** An event with the decision about it. */
export interface JudgedEvent extends StoredEvent, StoredPlace {
  readonly urgent: boolean;
  /** The client's address in its canonical form; empty if unknown. */
  readonly address: string;
  /** `SHA256:…` of each key used to log in, separated by spaces; empty if there was none or it is not certain. */
  readonly keyFingerprint: string;
  /** Why it is unexpected, a few words each; may contain hostile text. Tampering is reported only in `tampered`. */
  readonly reasons: readonly string[];
  /** Whether it may have been delivered before, because the store was lost. */
  readonly isRepeat: boolean;
  /** For a close: the id of the open event of its session, if known. */
  readonly openedBy?: number;
  /** The uuid of that event. */
  readonly openUuid?: string;
  /** For a close: the duration of the session, if known. */
  readonly durationMs?: number;
}

/** Selects the columns of a judged event, from `event` joined with `delivery`; see {@link judgedEventOf}. */
export const JUDGED_EVENT = `event.*, delivery.urgent,
  (SELECT opened.uuid FROM event AS opened WHERE opened.id = event.opened_by) AS open_uuid`;

/** Converts a row of `event` to an event. */
export function eventOf(row: Record<string, unknown>): StoredEvent {
  const text = (column: string) => String(row[column]);
  return {
    id: Number(row["id"]),
    uuid: text("uuid"),
    occurredAtMs: Number(row["occurred_at_ms"]),
    type: row["type"] === "open" ? "open" : "close",
    user: text("user"),
    remoteHost: text("remote_host"),
    terminal: text("terminal"),
    service: text("service"),
    connection: text("connection"),
    auth: JSON.parse(text("auth")),
    parentPid: Number(row["parent_pid"]),
    ...(typeof row["uptime_s"] === "number" ? { uptimeSeconds: row["uptime_s"] } : {}),
    tampered: text("tampered").split(" ").filter((name) => name !== ""),
    ...(row["is_unrecorded"] === 1 ? { isUnrecorded: true } : {}),
  };
}

/** Reads the place from a row of `event`. */
export function storedPlaceOf(row: Record<string, unknown>): StoredPlace {
  const { place, country_code: countryCode, asn } = row;
  return {
    place: String(place),
    countryCode: String(countryCode),
    asn: typeof asn === "number" ? asn : undefined,
  };
}

/** Converts a row of {@link JUDGED_EVENT} to a judged event. */
export function judgedEventOf(row: Record<string, unknown>): JudgedEvent {
  return {
    ...eventOf(row),
    urgent: row["urgent"] === 1,
    address: String(row["address"]),
    ...storedPlaceOf(row),
    keyFingerprint: String(row["key_fingerprint"]),
    reasons: JSON.parse(String(row["reasons"])),
    isRepeat: row["is_repeat"] === 1,
    ...(row["opened_by"] === null ? {} : { openedBy: Number(row["opened_by"]) }),
    ...(row["open_uuid"] === null ? {} : { openUuid: String(row["open_uuid"]) }),
    ...(row["duration_ms"] === null ? {} : { durationMs: Number(row["duration_ms"]) }),
  };
}

/** The events that are not judged yet, oldest first. */
export function unjudged(database: Database, limit: number): StoredEvent[] {
  return prepared(database, "SELECT * FROM event WHERE verdict IS NULL ORDER BY id LIMIT ?").all(limit).map(eventOf);
}

/**
 * The open event of a close: the latest one of the same process, user and service that has no close yet. An open event
 * with a later time than the close (the clock was set back) is used only if it is judged and no earlier one exists.
 *
 * @param options.isJudged whether to look among the judged events, or among those that are not judged yet: an open event
 *   from a spool, for example, may be taken in after its close
 */
export function openOf(
  database: Database,
  { parentPid, user, service, occurredAtMs: atMs }: StoredEvent,
  { isJudged }: { isJudged: boolean },
): StoredEvent | undefined {
  const condition = isJudged ? "verdict IS NOT NULL" : "verdict IS NULL AND occurred_at_ms <= :atMs";
  const row = prepared(
    database,
    `SELECT * FROM event WHERE type = 'open' AND is_closed = 0 AND parent_pid = :parentPid AND user = :user
       AND service = :service AND ${condition}
     ORDER BY occurred_at_ms > :atMs, occurred_at_ms DESC, id DESC LIMIT 1`,
  ).get({ parentPid, user, service, atMs });
  return row === undefined ? undefined : eventOf(row);
}

/** The events pending on a route, in the order in which they would be sent. */
export function pendingEvents(database: Database, route: string): JudgedEvent[] {
  return prepared(
    database,
    `SELECT ${JUDGED_EVENT} FROM delivery JOIN event ON event.id = delivery.event_id
     WHERE delivery.route = ? AND delivery.state = 'pending'
     ORDER BY delivery.urgent DESC, delivery.turn, delivery.event_id`,
  ).all(route).map(judgedEventOf);
}

/** The verdict about an event of the store, and what follows from it. */
export interface Judgement {
  readonly eventId: number;
  readonly verdict: Verdict;
  /** For a close: the id of the open event of its session, and the duration of the session, if known. */
  readonly openedBy?: number | undefined;
  readonly durationMs?: number | undefined;
  /** The routes that get the event; empty if it is allowlisted. */
  readonly routes: readonly string[];
}

/** Parameters without names, because so many names take longer than the statement. */
const RECORD_VERDICT = `UPDATE event SET address = ?, site = ?, place = ?, country_code = ?, asn = ?, tampered = ?,
    key_fingerprint = ?, reasons = ?, duration_ms = ?, verdict = iif(is_history = 1, 'history', ?)
  WHERE id = ? RETURNING verdict, user`;

/**
 * The users of urgent events take turns, so a user who causes many of them can't delay those about another user. Urgent
 * events about root go first.
 */
const ADD_DELIVERY = `INSERT INTO delivery (event_id, route, urgent, turn_of, turn, retried_from_ms)
  VALUES (:event, :route, :urgent, coalesce(:user, ''),
    CASE WHEN :user IS NULL OR :user = 'root' THEN 0 ELSE 1 + coalesce((
      SELECT max(turn) FROM delivery WHERE route = :route AND state = 'pending' AND urgent = 1
        AND turn_of = :user), 0) END,
    ${RETRIED_FROM_MS})`;

/** Records a verdict and creates the deliveries of its event, unless the event is too old to be sent. */
export function recordVerdict(database: Database, judgement: Judgement, nowMs: number): void {
  const { eventId, verdict, openedBy = null, durationMs = null } = judgement;
  const { address, site, place, tampered, rule, keyFingerprint, reasons, urgent } = verdict;
  const word = rule === undefined ? "notify" : "allowlisted";
  const where = [address, site, placeText(place), place.countryCode, place.asn ?? null];
  const what = [tampered.join(" "), keyFingerprint, JSON.stringify(reasons), durationMs, word];
  transaction(database, () => {
    const event = prepared(database, RECORD_VERDICT).get(...where, ...what, eventId);
    if (openedBy !== null) {
      prepared(database, "UPDATE event SET is_closed = 1 WHERE id = ?").run(openedBy);
      // Not in the statement above: for each event, SQLite would check that the other one exists.
      prepared(database, "UPDATE event SET opened_by = ? WHERE id = ?").run(openedBy, eventId);
    }
    const user = urgent ? String(event?.["user"]) : null;
    for (const route of event?.["verdict"] === "history" ? [] : judgement.routes) {
      prepared(database, ADD_DELIVERY).run({ event: eventId, route, urgent: Number(urgent), user, now: nowMs });
    }
  });
}
