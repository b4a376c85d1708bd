// Takes in new events from all places: the queue database, the spools, the file of the last resort, and damaged
// databases that were set aside. A source that cannot be read stops neither the others nor deliveries.

import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../text.ts";
import { type DamagedQueue, findDamagedQueues, readDamagedQueue } from "../intake/damaged_queues.ts";
import {
  inboxPosition,
  knows,
  takeIn,
  takeInEvents,
  takeInUnrecorded,
  type TakenIn,
  unrecordedPosition,
} from "../store/take_in.ts";
import { statIfThere } from "../sqlite/files.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import type { Inbox } from "../intake/inbox.ts";
import { SourceError } from "../intake/record.ts";
import { isRead, noteQueueFault, noteQueueLooks, noteRead } from "../store/sources.ts";
import { horizonOf } from "../store/read_again.ts";
import { Spool } from "../intake/spool.ts";
import { isSqliteError } from "../sqlite/sqlite_error.ts";
import { isPassingInQueue, queueFaultId } from "../store/store_failure.ts";
import { countUnreadable, noteUnreadableFiles, type SpoolColumn } from "../store/unreadable.ts";
import { readUnrecorded, UNRECORDED_START } from "../intake/unrecorded.ts";
import type { Clock } from "../clock.ts";

/** How many events are read at once. */
const PAGE = 100;

/** How many pages are read in one step. Limits the delay of deliveries and signals to a fraction of a second. */
const PAGES_PER_STEP = 10;

/** What {@link Intake} needs. */
export interface IntakeOptions {
  readonly database: Database;
  readonly inbox: Inbox;
  readonly paths: StatePaths;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads new events, and keeps track of the sources that cannot be read. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #spools: Readonly<Record<SpoolColumn, Spool>>;
  /** The current faults, by source. */
  readonly #faults = new Map<string, Error>();
  readonly #unreadableFiles = new Map<string, number>();
  #pass: Generator<void> | undefined;
  #damagedPass: Generator<void> | undefined;
  #isDamagedDone = false;
  #isWaiting = false;
  /** The number of events that this pass has read. */
  #total = { taken: 0, history: 0 };

  constructor(options: IntakeOptions) {
    const { paths } = options;
    this.#options = options;
    this.#spools = { spool_files: new Spool(paths.spoolDir), run_spool_files: new Spool(paths.runSpoolDir) };
  }

  /** Why a source could not be read in the last pass; undefined if all were. A fault that a person must fix comes first. */
  get fault(): Error | undefined {
    const faults = [...this.#faults.values()];
    return faults.find((fault) => !isPassingInQueue(fault)) ?? faults[0];
  }

  /** Whether a damaged database has to be read in a later run: it was just written to, or the disk could not read it. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /**
   * Runs one step of a pass; the first step begins it. A pass reads only what existed when it began, so it ends even if
   * events are written faster than they are read. Logs each problem once.
   *
   * @returns whether the pass continues
   */
  takeIn(): boolean {
    const continues = this.#step(this.#pass ??= this.#takeInAll());
    if (!continues) this.#pass = undefined;
    return continues;
  }

  #step(pass: Generator<void>): boolean {
    // Often this ends the pass, and nothing is written.
    if (pass.next().done) return false;
    // One transaction for the other pages, because each transaction costs a disk write.
    return transaction(this.#options.database, () => {
      for (let pages = 1; pages < PAGES_PER_STEP; pages++) if (pass.next().done) return false;
      return true;
    });
  }

  *#takeInAll(): Generator<void> {
    const { database, paths, log } = this.#options;
    this.#total = { taken: 0, history: 0 };
    // Entries that are written later wait for the next pass: the hook may have recorded the same logins in a source that
    // this pass has already read.
    const upTo = sizeOf(paths.unrecordedFile);
    yield* this.#attempt("database", this.#takeInDatabase());
    yield* this.#attempt("spool", this.#takeInSpool("spool_files"));
    yield* this.#attempt("spool in /run", this.#takeInSpool("run_spool_files"));
    yield* this.#attempt("last resort", this.#takeInUnrecorded(upTo));
    const { fault } = this;
    noteQueueFault(database, fault && { id: queueFaultId(fault), message: fault.message });
    const { taken, history } = this.#total;
    if (history > 0) {
      log(
        "warning",
        `${history} unknown events are so old that they may have been delivered before: kept as history, not sent`,
      );
    }
    if (taken > 0) log("info", `read ${plural(taken, "new event")}`);
  }

  #count({ taken, history }: TakenIn): void {
    this.#total.taken += taken;
    this.#total.history += history;
  }

  /** Reads one source, and logs its failure so that the others are still read. Throws errors of the store itself. */
  *#attempt(where: string, work: Generator<void>): Generator<void> {
    try {
      yield* work;
      this.#faults.delete(where);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (error.message !== this.#faults.get(where)?.message) this.#options.log("error", error.message);
      this.#faults.set(where, error);
    }
  }

  *#takeInDatabase(): Generator<void> {
    const { database, inbox } = this.#options;
    let position = inboxPosition(database);
    for (let pages = 0;; pages++) {
      const page = pages === 0 ? inbox.read(position, PAGE) : inbox.readOn(position, PAGE);
      if (page === undefined) return;
      const isEmpty = page.events.length === 0 && (page.unreadable ?? 0) === 0;
      if (isEmpty) noteQueueLooks(database, inbox.looks);
      // Remember that the queue is empty: then every later event is known to be new.
      if (isEmpty && position.againToId !== undefined) return;
      // Reading may restart once from the first event. Stop if the database makes it restart indefinitely.
      if (pages > 0 && page.position.lastId <= position.lastId) return;
      this.#count(takeIn(database, page));
      position = page.position;
      if (isEmpty) return;
      yield;
    }
  }

  *#takeInSpool(column: SpoolColumn): Generator<void> {
    const { database, log } = this.#options;
    const spool = this.#spools[column];
    const horizon = horizonOf(database, { pruned: false });
    for (;;) {
      const { events, isLast } = spool.read({ limit: PAGE, knows: (uuid) => knows(database, uuid) });
      if (events.length > 0) this.#count(takeInEvents(database, events, { horizon }));
      if (isLast) break;
      yield;
    }
    const { length } = spool.unreadable;
    if (length === this.#unreadableFiles.get(column)) return;
    this.#unreadableFiles.set(column, length);
    noteUnreadableFiles(database, column, length);
    const names = spool.unreadable.slice(0, 3).map((name) => `"${name}"`).join(", ");
    if (length > 0) log("error", `cannot read ${plural(length, "file")} in "${spool.directory}", kept: ${names}`);
  }

  *#takeInUnrecorded(upTo: number): Generator<void> {
    const { database, paths } = this.#options;
    for (;;) {
      const before = unrecordedPosition(database);
      const position = before ?? UNRECORDED_START;
      const page = readUnrecorded(paths.unrecordedFile, { position, upTo });
      const hasMoved = page.position.file !== position.file || page.position.offset !== position.offset;
      // Remember that the file is empty or does not exist: then all its later entries are known to be new.
      if (!hasMoved && before !== undefined && (!page.isFull || before.isFull)) return;
      this.#count(takeInUnrecorded(database, page));
      if (!hasMoved) return;
      yield;
    }
  }

  /**
   * Reads one queue database that `repair` has set aside. Call it once everything else was delivered, because it can
   * take many seconds. Like {@link takeIn}, runs one step.
   *
   * @returns false once it has ended before this step
   */
  takeInDamaged(): boolean {
    if (this.#isDamagedDone) return false;
    // One page, because it may have been preceded by a copy of hundreds of megabytes.
    this.#isDamagedDone = (this.#damagedPass ??= this.#takeInDamaged()).next().done === true;
    return true;
  }

  *#takeInDamaged(): Generator<void> {
    const { database, paths, clock, log } = this.#options;
    try {
      for (const queue of findDamagedQueues(paths, clock.nowMs())) {
        if (isRead(database, { name: queue.folder, looks: queue.looks })) continue;
        if (!queue.isSettled) {
          this.#isWaiting = true;
          continue;
        }
        // One per run: an attacker who creates many must not delay deliveries. One that can't be read blocks no other.
        if (yield* this.#takeInOne(queue, `${paths.sendDir}/damaged_copy.db`)) return;
      }
    } catch (error) {
      if (isSqliteError(error)) throw error;
      log("error", `cannot look for damaged queue databases in "${paths.queueDir}": ${messageOf(error)}`);
    }
  }

  /** Returns whether the database was read as far as SQLite can read it. */
  *#takeInOne({ folder, database: path, looks }: DamagedQueue, copy: string): Generator<void, boolean> {
    const { database, log } = this.#options;
    const horizon = horizonOf(database, { pruned: true });
    const reader = readDamagedQueue(path, { copy });
    let [taken, history, unreadable] = [0, 0, 0];
    let end: End | undefined;
    while (end === undefined) {
      const page: SessionEvent[] = [];
      for (let rows = 0; rows < PAGE && end === undefined; rows++) {
        const next = nextOf(reader);
        if ("end" in next) end = next.end;
        else if (next.event === undefined) unreadable++;
        else page.push(next.event);
      }
      const result = takeInEvents(database, page, { horizon });
      taken += result.taken;
      history += result.history;
      yield;
    }
    const isTriedAgain = "error" in end && isPassingInQueue(end.error);
    this.#isWaiting ||= isTriedAgain;
    const fault = "error" in end ? messageOf(end.error) : end.fault;
    transaction(database, () => {
      noteRead(database, { name: folder, looks: isTriedAgain ? "" : looks, fault });
      // Count only now, so a database that is read again in each run is counted once.
      if (!isTriedAgain) countUnreadable(database, unreadable);
    });
    if ("error" in end) {
      const what = `${taken > 0 ? "all of " : ""}the damaged queue database in`;
      const next = isTriedAgain ? "the next run tries again" : "send reads it again if it changes";
      log("error", `cannot read ${what} "${folder}": ${fault}; ${next}`);
      return false;
    }
    const old = history === 0 ? "" : ` (${history} too old to be sent, kept as history)`;
    const what = `recovered ${plural(taken, "new event")}${old} from the damaged queue database in "${folder}"`;
    log("warning", fault === undefined ? what : `${what}; the rest cannot be read: ${fault}`);
    return true;
  }
}

/** How reading a damaged database ended: with the fault that hides the rest of it, if any, or with an error of the disk. */
type End = { readonly fault: string | undefined } | { readonly error: unknown };

function nextOf(
  reader: ReturnType<typeof readDamagedQueue>,
): { readonly event: SessionEvent | undefined } | { readonly end: End } {
  try {
    const { done, value } = reader.next();
    return done ? { end: { fault: value } } : { event: value };
  } catch (error) {
    return { end: { error } };
  }
}

/** The size of a file; infinite if it is unknown, and then reading the file reports why. */
function sizeOf(path: string): number {
  try {
    return statIfThere(path)?.size ?? 0;
  } catch {
    return Infinity;
  }
}
