// The store of `send`: the events that were taken in, the judgements about them, and their deliveries.
// Every method is one transaction or one statement, or part of the caller's transaction (`together`).

import type { SessionEvent } from "../event.ts";
import {
  beginAttempt,
  type Due,
  type DueOptions,
  endBatch,
  giveUp,
  type GiveUpOptions,
  nextDue,
  nextDueAtMs,
  type Outgoing,
  type OutgoingEvents,
  pendingCount,
  splitBatch,
} from "./batches.ts";
import {
  insertEvents,
  type Judgement,
  openOf,
  type TakenIn,
  unjudged,
  unjudgedOpenOf,
  writeJudgement,
} from "./events.ts";
import { assertPlainFiles } from "../sqlite/foreign_schema.ts";
import type { InboxPage, InboxPosition } from "../intake/inbox.ts";
import { addNotices, addRefusal, dropRefusal, keepNoticesOf, type RouteIncident } from "./notices.ts";
import { type Database, openDatabase, pragma, transaction } from "../sqlite/open.ts";
import { positionOf } from "./overview.ts";
import { type Horizon, horizonOf } from "./read_again.ts";
import {
  countRefusal,
  hasSettings,
  noteSettings,
  noteTest,
  type Refusal,
  type Refusals,
  refusalsOf,
  type Refused,
} from "./refusals.ts";
import { move, type MoveOptions, revive, type Revived } from "./revive.ts";
import { endOnRoute, failuresOf, tellBroken } from "./routes.ts";
import { assertSchema, migrate } from "./schema.ts";
import { Seen } from "./seen.ts";
import { takeInUnrecorded, unrecordedPosition } from "./take_in_unrecorded.ts";
import { countUnreadable } from "./unreadable.ts";
import type { UnrecordedPage } from "../intake/unrecorded.ts";
import { type JudgedEvent, judgedEventOf, type StoredEvent } from "./stored_event.ts";

/** How long `send` waits for a lock, such as that of an administrator's SQLite tool, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/** How an attempt ended. `restsUntilMs`: no request on the route before that time; 0 for no pause. */
export type Settlement =
  | { readonly state: "delivered"; readonly atMs: number; readonly restsUntilMs: number }
  /** `dead`: given up, because the service refuses it but accepts other messages. */
  | {
    readonly state: "pending" | "dead";
    readonly kind: "retry" | "broken" | "refused";
    readonly error: string;
    readonly atMs: number;
    readonly restsUntilMs: number;
  };

/** The open database. */
export class Deliveries {
  readonly #database: Database;

  /** The logins seen before. */
  readonly seen: Seen;

  /**
   * Opens the database, creates it if it does not exist, and migrates it.
   *
   * @param path a file, or `:memory:`
   * @throws {NewerSchemaError}, {ForeignSchemaError}, {NotPlainError} and errors of SQLite
   */
  constructor(path: string) {
    if (path !== ":memory:") assertPlainFiles(path);
    this.#database = openDatabase(path, { busyTimeoutMs: BUSY_TIMEOUT_MS });
    try {
      assertSchema(this.#database);
      pragma(this.#database, "journal_mode = WAL");
      pragma(this.#database, "synchronous = FULL");
      pragma(this.#database, "foreign_keys = ON");
      migrate(this.#database);
    } catch (error) {
      // Close it now. The garbage collector would do so later, and delete the log by name, perhaps that of a new store.
      this.#database.close();
      throw error;
    }
    this.seen = new Seen(this.#database);
  }

  /** Closes the database. This checkpoints and deletes the log, so only one file remains between runs. */
  close(): void {
    this.#database.close();
  }

  /**
   * Runs `work` and rolls back all of its changes.
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

  /** The position up to which the queue database was read. */
  inboxPosition(): InboxPosition {
    return positionOf(this.#database);
  }

  /** The database itself, for functions of this directory that have no method here. */
  get database(): Database {
    return this.#database;
  }

  /** Whether an event was taken in, and has not been pruned. */
  knows(uuid: string): boolean {
    return this.#database.prepare("SELECT 1 FROM event WHERE uuid = ?").get(uuid) !== undefined;
  }

  /** Takes in a page of the queue database. An event that is already in the store is skipped. */
  takeIn({ events, position, again = 0, unreadable = 0 }: InboxPage): TakenIn {
    return this.together(() => {
      const horizon = horizonOf(this.#database, { pruned: true });
      const before = insertEvents(this.#database, events.slice(0, again), { horizon });
      const after = insertEvents(this.#database, events.slice(again), { horizon: undefined });
      countUnreadable(this.#database, unreadable);
      this.#database
        .prepare("INSERT OR REPLACE INTO inbox (one, last_id, last_uuid, again_to_id) VALUES (1, ?, ?, ?)")
        .run(position.lastId, position.lastUuid, position.againToId ?? position.lastId);
      return { taken: before.taken + after.taken, history: before.history };
    });
  }

  /**
   * Takes in events from another source, such as a spool. An event that is already in the store is skipped.
   *
   * @param options.horizon which events may have been taken in before; undefined if all of them are new
   */
  takeInFromElsewhere(events: readonly SessionEvent[], { horizon }: { horizon: Horizon | undefined }): TakenIn {
    return this.together(() => insertEvents(this.#database, events, { horizon }));
  }

  /** The position up to which the file of the last resort was read; undefined if it was never read. */
  unrecordedPosition(): ReturnType<typeof unrecordedPosition> {
    return unrecordedPosition(this.#database);
  }

  /** Takes in a page of the file of the last resort: see {@link takeInUnrecorded}. */
  takeInUnrecorded(page: UnrecordedPage): TakenIn {
    return this.together(() => takeInUnrecorded(this.#database, page));
  }

  /** The events that are not judged yet, oldest first. */
  unjudged(limit: number): StoredEvent[] {
    return unjudged(this.#database, limit);
  }

  /** The open event that a close belongs to: see {@link openOf}. */
  openOf(close: StoredEvent): StoredEvent | undefined {
    return openOf(this.#database, close);
  }

  /** The open event of a close, among the events that are not judged yet: see {@link unjudgedOpenOf}. */
  unjudgedOpenOf(close: StoredEvent): StoredEvent | undefined {
    return unjudgedOpenOf(this.#database, close);
  }

  /** Records a judgement and creates its deliveries: see {@link writeJudgement}. */
  judge(judgement: Judgement, nowMs: number): void {
    this.together(() => writeJudgement(this.#database, judgement, nowMs));
  }

  /** When the next delivery or notice of a route is due, now or later; undefined if nothing is pending. */
  nextDueAtMs(route: string, nowMs: number): number | undefined {
    return nextDueAtMs(this.#database, { route, nowMs });
  }

  /** Selects what to send next on a route: see {@link nextDue}. */
  nextDue(options: DueOptions & { readonly limit: number }): Due | undefined {
    return nextDue(this.#database, options);
  }

  /** Counts an attempt before it is made: see {@link beginAttempt}. */
  beginAttempt(outgoing: Outgoing, nowMs: number): void {
    this.together(() => beginAttempt(this.#database, outgoing, nowMs));
  }

  /** Records how an attempt ended, for the deliveries and for their route. */
  settle(outgoing: Outgoing, settlement: Settlement): void {
    const { route } = outgoing;
    this.together(() => {
      endBatch(this.#database, outgoing, settlement);
      if (settlement.state === "delivered") {
        endOnRoute(this.#database, route, { kind: "delivered", ...settlement });
        // Only for events: if a notice did this, two routes could send notices about each other indefinitely.
        if (outgoing.kind === "events") tellBroken(this.#database, route, false);
      } else endOnRoute(this.#database, route, settlement);
    });
  }

  /** Splits a batch in two, to find the event at fault: see {@link splitBatch}. */
  split(outgoing: OutgoingEvents, options: { readonly error: string; readonly anew: boolean }): void {
    this.together(() => splitBatch(this.#database, outgoing, options));
  }

  /** Reads the refusals on a route. */
  refusalsOf(route: string): Refusals {
    return refusalsOf(this.#database, route);
  }

  /** Counts a refusal: see {@link countRefusal}. */
  countRefusal(outgoing: Outgoing): Refusal {
    return this.together(() => countRefusal(this.#database, refusedOf(outgoing)));
  }

  /** Adds a notice to a route about a refusal by its own service: see {@link addRefusal}. */
  announceRefusal(incident: Omit<RouteIncident, "kind">): void {
    this.together(() => addRefusal(this.#database, incident));
  }

  /** Records that a test passed: see {@link noteTest}. */
  noteTest(options: Parameters<typeof noteTest>[1]): void {
    this.together(() => noteTest(this.#database, options));
  }

  /** Records the settings of a route: see {@link noteSettings}. */
  noteSettings(route: string, settings: string): void {
    // Called every second, so skip the transaction if there is nothing to write.
    if (hasSettings(this.#database, route, settings)) return;
    this.together(() => noteSettings(this.#database, route, settings));
  }

  /** Gives up what was retried for too long on a route: see {@link giveUp}. */
  giveUp(options: GiveUpOptions): { deliveries: number; notices: number } {
    return this.together(() => giveUp(this.#database, options));
  }

  /** Adds a notice to some routes. "Broken" is announced once, until an event is delivered on the broken route. */
  announce(routes: readonly string[], incident: RouteIncident): void {
    this.together(() => {
      if (incident.kind === "broken" && !tellBroken(this.#database, incident.about, true)) return;
      if (incident.kind === "dead" && routes.includes(incident.about)) dropRefusal(this.#database, incident.about);
      addNotices(this.#database, routes, incident);
    });
  }

  /** Deletes the notices of all routes but these. */
  keepNoticesOf(routes: readonly string[]): void {
    keepNoticesOf(this.#database, routes);
  }

  /** Retries what was given up on a route: see {@link revive}. */
  revive(options: { readonly route: string; readonly nowMs: number }): Revived {
    return this.together(() => revive(this.#database, options));
  }

  /** Moves the undelivered deliveries of a route to another one: see {@link move}. */
  move(options: MoveOptions): { moved: number; dropped: number } {
    return this.together(() => move(this.#database, options));
  }

  /** The number of failed attempts on a route since its last delivery. */
  failuresOf(route: string): number {
    return failuresOf(this.#database, route);
  }

  /** The number of pending deliveries and notices on all routes. */
  pendingCount(): number {
    return pendingCount(this.#database);
  }

  /** The events pending on a route, in the order in which they would be sent. */
  pendingEvents(route: string): JudgedEvent[] {
    return this.#database.prepare(
      `SELECT event.*, delivery.urgent FROM delivery JOIN event ON event.id = delivery.event_id
       WHERE delivery.route = ? AND delivery.state = 'pending'
       ORDER BY delivery.urgent DESC, delivery.turn, delivery.event_id`,
    ).all(route).map(judgedEventOf);
  }

  /**
   * Runs `work` in a transaction, or as part of the current one.
   *
   * @returns what `work` returns
   */
  together<T>(work: () => T): T {
    return this.#database.isTransaction ? work() : transaction(this.#database, work);
  }
}

function refusedOf(outgoing: Outgoing): Refused {
  if (outgoing.kind === "notice") return outgoing;
  const { route, events: [{ id: eventId }, ...more] } = outgoing;
  return more.length > 0 ? { kind: "digest", route } : { kind: "event", route, eventId };
}
