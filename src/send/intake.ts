// Reads new events from all places: the queue database, the spools, the file of the last resort, and damaged databases
// that were set aside. A source that cannot be read stops neither the others nor deliveries.

import type { SessionEvent } from "../event.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { type DamagedQueue, findDamagedQueues, isSalvaged, rememberSalvaged } from "../store/damaged_queues.ts";
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
import { type Inbox, InboxError } from "../intake/inbox.ts";
import { horizonOf } from "../store/read_again.ts";
import { salvageQueue } from "../store/salvage.ts";
import { type Spool, SpoolError } from "../intake/spool.ts";
import { isSqliteError } from "../sqlite/sqlite_error.ts";
import { isPassingInQueue } from "../store/store_failure.ts";
import { countUnreadable, noteUnreadableFiles, type SpoolColumn } from "../store/unreadable.ts";
import { readUnrecorded, UNRECORDED_START } from "../intake/unrecorded.ts";
import type { Clock } from "../clock.ts";

/** How many events are stored in one transaction. */
const PAGE = 100;

/** How many pages are read in one step. Limits the delay of deliveries and signals to a fraction of a second. */
const PAGES_PER_STEP = 10;

/** What {@link Intake} needs. */
export interface IntakeOptions {
  readonly database: Database;
  readonly inbox: Inbox;
  /** If absent, only the queue database is read. */
  readonly elsewhere?: {
    readonly spools: Readonly<Record<SpoolColumn, Spool>>;
    readonly paths: Pick<StatePaths, "queueDir" | "queueDatabase" | "unrecordedFile">;
    readonly clock: Pick<Clock, "nowMs">;
  };
  readonly log: Log;
}

/** Reads new events, and keeps track of the sources that cannot be read. */
export class Intake {
  readonly #options: IntakeOptions;
  /** The current faults, by source. */
  readonly #faults = new Map<string, Error>();
  readonly #unreadableFiles = new Map<string, number>();
  /** Damaged databases that this run has already examined. */
  readonly #salvaged = new Set<string>();
  #mayReadAnother = true;
  #pass: Generator<void> | undefined;
  /** The number of events that this pass has read. */
  #total = { taken: 0, history: 0 };

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Why a source could not be read in the last pass; undefined if all were. A fault that a person must fix comes first. */
  get fault(): Error | undefined {
    const faults = [...this.#faults.values()];
    return faults.find((fault) => !isPassingInQueue(fault)) ?? faults[0];
  }

  /**
   * Runs one step of a pass; the first step begins it. A pass reads only what existed when it began, so it ends even if
   * events are written faster than they are read. Logs each problem once.
   *
   * @returns whether the pass continues
   */
  takeIn(): boolean {
    const pass = this.#pass ??= this.#takeInAll();
    for (let pages = 0; pages < PAGES_PER_STEP; pages++) {
      if (pass.next().done !== true) continue;
      this.#pass = undefined;
      return false;
    }
    return true;
  }

  *#takeInAll(): Generator<void> {
    const { elsewhere, log } = this.#options;
    this.#total = { taken: 0, history: 0 };
    // Entries that are written later wait for the next pass: the hook may have recorded the same logins in a source that
    // this pass has already read.
    const upTo = elsewhere === undefined ? 0 : sizeOf(elsewhere.paths.unrecordedFile);
    yield* this.#attempt("database", this.#takeInDatabase());
    yield* this.#attempt("spool", this.#takeInSpool("spool_files"));
    yield* this.#attempt("spool in /run", this.#takeInSpool("run_spool_files"));
    yield* this.#attempt("last resort", this.#takeInUnrecorded(upTo));
    yield* this.#attempt("set aside", this.#salvage());
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
      if (!(error instanceof InboxError) && !(error instanceof SpoolError)) throw error;
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
    const { database, elsewhere, log } = this.#options;
    if (elsewhere === undefined) return;
    const spool = elsewhere.spools[column];
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
    const { database, elsewhere } = this.#options;
    if (elsewhere === undefined) return;
    for (;;) {
      const before = unrecordedPosition(database);
      const position = before ?? UNRECORDED_START;
      const page = readUnrecorded(elsewhere.paths.unrecordedFile, { position, upTo });
      const hasMoved = page.position.file !== position.file || page.position.offset !== position.offset;
      // Remember that the file is empty or does not exist: then all its later entries are known to be new.
      if (!hasMoved && before !== undefined && (!page.isFull || before.isFull)) return;
      this.#count(takeInUnrecorded(database, page));
      if (!hasMoved) return;
      yield;
    }
  }

  *#salvage(): Generator<void> {
    const { database, elsewhere } = this.#options;
    if (elsewhere === undefined || !this.#mayReadAnother) return;
    const { paths: { queueDir, queueDatabase }, clock } = elsewhere;
    const databaseName = queueDatabase.slice(queueDir.length + 1);
    for (const queue of this.#found(queueDir, { databaseName, nowMs: clock.nowMs() })) {
      const note = { name: queue.folder, looks: queue.looks };
      if (!queue.isSettled || this.#salvaged.has(queue.folder)) continue;
      this.#salvaged.add(queue.folder);
      if (isSalvaged(database, note)) continue;
      // A database that cannot be read does not block the others.
      if (!(yield* this.#salvageOne(queue))) continue;
      // Leave the others to later runs: an attacker who creates many must not delay deliveries.
      this.#mayReadAnother = false;
      return;
    }
  }

  #found(queueDir: string, options: { databaseName: string; nowMs: number }): DamagedQueue[] {
    try {
      return findDamagedQueues(queueDir, options);
    } catch (cause) {
      throw new InboxError(`Cannot look for damaged queue databases in "${queueDir}": ${cause}`, { cause });
    }
  }

  /** Stores the events that can be read. Returns whether the whole database could be read. */
  *#salvageOne({ folder, database: path, looks }: DamagedQueue): Generator<void, boolean> {
    const { database, log } = this.#options;
    let taken = 0;
    let unreadable = 0;
    const horizon = horizonOf(database, { pruned: true });
    try {
      for (const page of pages(salvageQueue(path))) {
        const events = page.filter((event) => event !== undefined);
        const result = takeInEvents(database, events, { horizon });
        this.#count(result);
        taken += result.taken;
        unreadable += page.length - events.length;
        yield;
      }
    } catch (error) {
      if (isSqliteError(error)) throw error;
      const what = `${taken > 0 ? "all of " : ""}the damaged queue database in`;
      log("error", `cannot read ${what} "${folder}": ${error}; the next run tries again`);
      return false;
    }
    transaction(database, () => {
      rememberSalvaged(database, { name: folder, looks });
      // Count only now, so a database that is read again in each run is counted once.
      countUnreadable(database, unreadable);
    });
    log("warning", `recovered ${plural(taken, "new event")} from the damaged queue database in "${folder}"`);
    return true;
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

/** Groups events into pages. If reading fails, yields the last page before it throws the error. */
function* pages(events: Iterable<SessionEvent | undefined>): Generator<(SessionEvent | undefined)[]> {
  let page: (SessionEvent | undefined)[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for (const event of events) {
      if (page.push(event) < PAGE) continue;
      yield page;
      page = [];
    }
  } catch (error) {
    failure = { error };
  }
  yield page;
  if (failure !== undefined) throw failure.error;
}
