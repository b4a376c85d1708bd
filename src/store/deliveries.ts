// The store of `send`: events as they were taken in and judged, and what became of their deliveries.
// Every method is one transaction, or one statement.

import type { SessionEvent } from "../event.ts";
import type { InboxPage, InboxPosition } from "./inbox.ts";
import { type Database, openDatabase, pragma, transaction } from "./open.ts";
import { positionOf } from "./overview.ts";
import { fateOf, type Horizon, horizonOf } from "./read_again.ts";
import { migrate } from "./schema.ts";
import { Seen } from "./seen.ts";

/** How long `send` waits for a person who reads its database with a tool, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * No due time is believed that is further ahead than this: no service makes us wait longer, so the clock was wrong
 * when it was written, or has been set back since. In milliseconds.
 */
export const MAX_WAIT_MS = 24 * 60 * 60 * 1000;

/** An event with its number in the store. */
export interface StoredEvent extends SessionEvent {
  readonly id: number;
}

/** An event with what was decided about it. */
export interface JudgedEvent extends StoredEvent {
  readonly urgent: boolean;
  /** `SHA256:…` of the key that the user came with; empty where there was none. */
  readonly keyFingerprint: string;
  /** Why it is unexpected, a few words each, of hostile text; tampering is told by `tampered` alone. */
  readonly reasons: readonly string[];
  /** Whether it may have been delivered before: the store that knew was lost. */
  readonly isRepeat: boolean;
  /** Of a close: the open event of its session, if that is known. */
  readonly openedBy?: number;
  /** Of a close: how long the session was, if that is known. */
  readonly durationMs?: number;
}

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

/** A delivery that is due, with its event. */
export interface DueDelivery {
  readonly event: JudgedEvent;
  readonly route: string;
  /** How long it has been retried, before the attempt that is about to be made, in milliseconds. */
  readonly retriedMs: number;
}

/**
 * How an attempt ended. `restsUntilMs`: no request on the whole route before that, since the next event would fail too
 * (0: it may go on); absent where the end says nothing about the route.
 */
export type Settlement =
  | {
    readonly state: "delivered";
    readonly atMs: number;
    readonly restsUntilMs: number;
  }
  | {
    readonly state: "pending";
    readonly error: string;
    readonly restsUntilMs: number;
  }
  | {
    readonly state: "dead";
    readonly error: string;
    readonly restsUntilMs?: number;
  };

/** How many events were new, and how many of these are too old to tell anyone. */
export interface TakenIn {
  readonly taken: number;
  readonly history: number;
}
/** The open events that have had no close, of a process, user and service. */
const OPEN_OF =
  "SELECT * FROM event WHERE type = 'open' AND is_closed = 0 AND parent_pid = ? AND user = ? AND service = ?";

/** The open database. */
export class Deliveries {
  readonly #database: Database;

  /** Who has logged in before. */
  readonly seen: Seen;

  /**
   * Opens the database, makes it where there is none, and migrates it.
   *
   * @param path a file, or `:memory:`
   * @throws {NewerSchemaError} and what SQLite says
   */
  constructor(path: string) {
    this.#database = openDatabase(path, { busyTimeoutMs: BUSY_TIMEOUT_MS });
    try {
      pragma(this.#database, "journal_mode = WAL");
      pragma(this.#database, "synchronous = FULL");
      pragma(this.#database, "foreign_keys = ON");
      migrate(this.#database);
    } catch (error) {
      // Not left to the garbage collector: to close takes the log away by its name, which may be another one's by then.
      this.#database.close();
      throw error;
    }
    this.seen = new Seen(this.#database);
  }

  /** Folds the log into the database, so that one file is all there is between runs. */
  close(): void {
    this.#database.close();
  }

  /**
   * Does some work of which nothing is to stay.
   *
   * @returns what `work` returns
   */
  discarding<T>(work: () => T): T {
    this.#database.prepare("SAVEPOINT discarded").run();
    try {
      return work();
    } finally {
      this.#database.prepare("ROLLBACK TO discarded").run();
      this.#database.prepare("RELEASE discarded").run();
    }
  }

  /** How far the queue database was read. */
  inboxPosition(): InboxPosition {
    return positionOf(this.#database);
  }

  /** For what keeps the store whole: see open_store.ts. */
  get database(): Database {
    return this.#database;
  }

  /** Whether an event was taken in, and not pruned since. */
  knows(uuid: string): boolean {
    return this.#database.prepare("SELECT 1 FROM event WHERE uuid = ?").get(uuid) !== undefined;
  }

  /** Takes in what was read from the queue database, each event once, whatever is read twice. */
  takeIn({ events, position, again = 0 }: InboxPage): TakenIn {
    return this.together(() => {
      const before = this.#insert(events.slice(0, again), horizonOf(this.#database, { pruned: true }));
      const after = this.#insert(events.slice(again), undefined);
      this.#database
        .prepare("INSERT OR REPLACE INTO inbox (one, last_id, last_uuid, again_to_id) VALUES (1, ?, ?, ?)")
        .run(position.lastId, position.lastUuid, position.againToId ?? position.lastId);
      return { taken: before.taken + after.taken, history: before.history };
    });
  }

  /**
   * Takes in events that come from elsewhere, each once.
   *
   * @param options.horizon what may have been taken in before; undefined: all of them are new for certain
   */
  takeInFromElsewhere(events: readonly SessionEvent[], { horizon }: { horizon: Horizon | undefined }): TakenIn {
    return this.together(() => this.#insert(events, horizon));
  }

  #insert(events: readonly SessionEvent[], horizon: Horizon | undefined): TakenIn {
    const insert = this.#database.prepare(
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info,
                          parent_pid, tampered, is_repeat, is_history, taken_in_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT elapsed_ms FROM store), 0))
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
  unjudged(limit: number): StoredEvent[] {
    return this.#database.prepare("SELECT * FROM event WHERE verdict IS NULL ORDER BY id LIMIT ?").all(limit)
      .map(eventOf);
  }

  /**
   * The open event that a close belongs to: the latest one of the same process, user and service that no other close
   * belongs to. One that the clock puts after the close is taken only for want of another: the clock was set back.
   */
  openOf(close: StoredEvent): StoredEvent | undefined {
    const row = this.#database.prepare(
      `${OPEN_OF} AND verdict IS NOT NULL
       ORDER BY occurred_at_ms > ?, occurred_at_ms DESC, id DESC LIMIT 1`,
    ).get(close.parentPid, close.user, close.service, close.occurredAtMs);
    return row === undefined ? undefined : eventOf(row);
  }

  /**
   * Likewise, of the events that are not judged yet: an open that was taken in after its close, as may happen where it
   * came by another way.
   */
  unjudgedOpenOf(close: StoredEvent): StoredEvent | undefined {
    const row = this.#database.prepare(
      `${OPEN_OF} AND verdict IS NULL AND occurred_at_ms <= ? ORDER BY occurred_at_ms DESC, id DESC LIMIT 1`,
    ).get(close.parentPid, close.user, close.service, close.occurredAtMs);
    return row === undefined ? undefined : eventOf(row);
  }

  /** Writes a judgement down, and makes the deliveries that follow from it: none for what is too old to tell anyone. */
  judge(judgement: Judgement, nowMs: number): void {
    const { eventId, address, tampered, openedBy, urgent, keyFingerprint = "", reasons = [] } = judgement;
    const durationMs = judgement.durationMs ?? null;
    this.together(() => {
      const row = this.#database.prepare("SELECT is_history FROM event WHERE id = ?").get(eventId);
      const isHistory = row?.["is_history"] === 1;
      const verdict = isHistory ? "history" : judgement.verdict;
      const routes = isHistory ? [] : judgement.routes;
      this.#database
        .prepare(
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
        this.#database.prepare("UPDATE event SET is_closed = 1 WHERE id = ?").run(openedBy);
      }
      for (const route of routes) {
        this.#database
          .prepare("INSERT INTO delivery (event_id, route, urgent, next_attempt_at_ms) VALUES (?, ?, ?, ?)")
          .run(eventId, route, Number(urgent), nowMs);
      }
    });
  }

  /** The delivery of a route to make next: urgent ones first, then the oldest. None while the route rests. */
  nextDue(route: string, nowMs: number): DueDelivery | undefined {
    const row = this.#database.prepare(
      `SELECT event.*, delivery.urgent, delivery.retried_ms FROM delivery JOIN event ON event.id = delivery.event_id
       WHERE delivery.route = :route AND delivery.state = 'pending'
         AND NOT (delivery.next_attempt_at_ms BETWEEN :now + 1 AND :now + ${MAX_WAIT_MS})
         AND NOT EXISTS (SELECT 1 FROM route WHERE name = :route
                         AND rests_until_ms BETWEEN :now + 1 AND :now + ${MAX_WAIT_MS})
       ORDER BY delivery.urgent DESC, delivery.event_id LIMIT 1`,
    ).get({ route, now: nowMs });
    return row === undefined ? undefined : { event: judgedEventOf(row), route, retriedMs: Number(row["retried_ms"]) };
  }

  /** When a delivery of a route is due next, now or later; undefined if none is pending. */
  nextDueAtMs(route: string, nowMs: number): number | undefined {
    const row = this.#database.prepare(
      `SELECT min(next_attempt_at_ms) AS at, (SELECT rests_until_ms FROM route WHERE name = :route) AS rests
       FROM delivery WHERE route = :route AND state = 'pending'`,
    ).get({ route });
    if (row === undefined || row["at"] === null) return undefined;
    const believed = (at: number) => at > nowMs + MAX_WAIT_MS ? nowMs : at;
    return Math.max(
      nowMs,
      believed(Number(row["at"])),
      believed(Number(row["rests"] ?? 0)),
    );
  }

  /**
   * Counts an attempt, before it is made: an attempt that a crash ended has been one.
   *
   * A wait counts for giving up by what the clock says it was, but never more than a service may ask for, so that a
   * clock that jumps can't end what has hardly been tried.
   */
  beginAttempt({ event, route }: DueDelivery, nowMs: number): void {
    this.#database.prepare(
      `UPDATE delivery SET attempts = attempts + 1,
         retried_ms = retried_ms + min(max(:now - coalesce(last_attempt_at_ms, :now), 0), ${MAX_WAIT_MS}),
         last_attempt_at_ms = :now
       WHERE event_id = :event AND route = :route`,
    ).run({ now: nowMs, event: event.id, route });
  }

  /** Writes down how an attempt ended, for the delivery and for its route, which rests as a whole. */
  settle({ event, route }: DueDelivery, settlement: Settlement): void {
    this.together(() => {
      this.#settleDelivery(event.id, route, settlement);
      this.#database.prepare("INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
      if (settlement.state === "delivered") {
        this.#database.prepare(
          "UPDATE route SET failures = 0, last_error = NULL, rests_until_ms = ?, last_delivered_at_ms = ? WHERE name = ?",
        ).run(settlement.restsUntilMs, settlement.atMs, route);
      } else if (settlement.restsUntilMs !== undefined) {
        this.#database.prepare(
          "UPDATE route SET failures = failures + 1, last_error = ?, rests_until_ms = ? WHERE name = ?",
        ).run(settlement.error, settlement.restsUntilMs, route);
      }
    });
  }

  #settleDelivery(
    eventId: number,
    route: string,
    settlement: Settlement,
  ): void {
    const { state } = settlement;
    this.#database.prepare(
      `UPDATE delivery SET state = ?, last_error = ?, next_attempt_at_ms = coalesce(?, next_attempt_at_ms),
         delivered_at_ms = ?
       WHERE event_id = ? AND route = ?`,
    ).run(
      state,
      "error" in settlement ? settlement.error : null,
      state === "pending" ? settlement.restsUntilMs : null,
      state === "delivered" ? settlement.atMs : null,
      eventId,
      route,
    );
  }

  /** How many attempts on a route have failed since its last delivery. */
  failuresOf(route: string): number {
    const row = this.#database.prepare("SELECT failures FROM route WHERE name = ?").get(route);
    return Number(row?.["failures"] ?? 0);
  }

  /** How many deliveries are pending, over all routes. */
  pendingCount(): number {
    return Number(this.#database.prepare("SELECT count(*) AS n FROM delivery WHERE state = 'pending'").get()?.["n"]);
  }

  /** The events whose delivery on a route is pending, in the order in which they would go out. */
  pendingEvents(route: string): JudgedEvent[] {
    return this.#database.prepare(
      `SELECT event.*, delivery.urgent FROM delivery JOIN event ON event.id = delivery.event_id
       WHERE delivery.route = ? AND delivery.state = 'pending' ORDER BY delivery.urgent DESC, delivery.event_id`,
    ).all(route).map(judgedEventOf);
  }

  /** One transaction, or a part of the one that is under way. */
  together<T>(work: () => T): T {
    return this.#database.isTransaction ? work() : transaction(this.#database, work);
  }
}

function eventOf(row: Record<string, unknown>): StoredEvent {
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
    authInfo: text("auth_info"),
    parentPid: Number(row["parent_pid"]),
    tampered: text("tampered").split(" ").filter((name) => name !== ""),
  };
}

function judgedEventOf(row: Record<string, unknown>): JudgedEvent {
  return {
    ...eventOf(row),
    urgent: row["urgent"] === 1,
    keyFingerprint: String(row["key_fingerprint"]),
    reasons: JSON.parse(String(row["reasons"])),
    isRepeat: row["is_repeat"] === 1,
    ...(row["opened_by"] === null ? {} : { openedBy: Number(row["opened_by"]) }),
    ...(row["duration_ms"] === null ? {} : { durationMs: Number(row["duration_ms"]) }),
  };
}
