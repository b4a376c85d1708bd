// Takes in what `queue` has written, wherever it is: its database, the spools, the file of the last resort, databases that
// were set aside. A source that can't be read does not stop the others, nor deliveries.

import type { SessionEvent } from "../event.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { type DamagedQueue, findDamagedQueues, isSalvaged, rememberSalvaged } from "../store/damaged_queues.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { TakenIn } from "../store/events.ts";
import { statIfThere } from "../store/files.ts";
import { type Inbox, InboxError } from "../store/inbox.ts";
import { horizonOf } from "../store/read_again.ts";
import { salvageQueue } from "../store/salvage.ts";
import { type Spool, SpoolError } from "../store/spool.ts";
import { isSqliteError } from "../store/sqlite_error.ts";
import { isPassingInQueue } from "../store/store_failure.ts";
import { countUnreadable, noteUnreadableFiles, type SpoolColumn } from "../store/unreadable.ts";
import { readUnrecorded, UNRECORDED_START } from "../store/unrecorded.ts";
import type { Clock } from "./clock.ts";

/** How many events are taken in at a time, in one transaction. */
const PAGE = 100;

/** How many pages are read in one step, so that deliveries and signals wait a fraction of a second at most. */
const PAGES_PER_STEP = 10;

/** What taking in needs. */
export interface IntakeOptions {
  readonly deliveries: Deliveries;
  readonly inbox: Inbox;
  /** Where absent, nothing else is read than the queue database. */
  readonly elsewhere?: {
    readonly spools: Readonly<Record<SpoolColumn, Spool>>;
    readonly paths: Pick<StatePaths, "queueDir" | "queueDatabase" | "unrecordedFile">;
    readonly clock: Pick<Clock, "nowMs">;
  };
  readonly log: Log;
}

/** Takes in, and remembers whether that is possible at all. */
export class Intake {
  readonly #options: IntakeOptions;
  /** What is wrong now, by where it is. */
  readonly #faults = new Map<string, Error>();
  readonly #unreadableFiles = new Map<string, number>();
  /** Databases that were set aside, and need no look any more in this run. */
  readonly #salvaged = new Set<string>();
  #mayReadAnother = true;
  #pass: Generator<void> | undefined;
  /** What this pass has taken in. */
  #total = { taken: 0, history: 0 };

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Why something could not be read the last time, what a person has to mend first; undefined if all could. */
  get fault(): Error | undefined {
    const faults = [...this.#faults.values()];
    return faults.find((fault) => !isPassingInQueue(fault)) ?? faults[0];
  }

  /**
   * Takes in some of what existed when the pass began; the first step begins a pass. So every pass ends, even if events
   * are written faster than they are read. Logs each problem once.
   *
   * @returns whether the pass goes on
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
    // Later entries may have been recorded as well, in a place that this pass has read already.
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

  /** One that fails keeps no other from being read. What the store itself says is no matter of what is read. */
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
    const { deliveries, inbox } = this.#options;
    let position = deliveries.inboxPosition();
    for (let pages = 0;; pages++) {
      const page = pages === 0 ? inbox.read(position, PAGE) : inbox.readOn(position, PAGE);
      if (page === undefined) return;
      const isEmpty = page.events.length === 0 && (page.unreadable ?? 0) === 0;
      // Where there is no event yet, that is remembered, since whatever comes is new then.
      if (isEmpty && position.againToId !== undefined) return;
      // Reading may start again once, from the first event. A database that makes it do so for ever is left for now.
      if (pages > 0 && page.position.lastId <= position.lastId) return;
      this.#count(deliveries.takeIn(page));
      position = page.position;
      if (isEmpty) return;
      yield;
    }
  }

  *#takeInSpool(column: SpoolColumn): Generator<void> {
    const { deliveries, elsewhere, log } = this.#options;
    if (elsewhere === undefined) return;
    const spool = elsewhere.spools[column];
    const horizon = horizonOf(deliveries.database, { pruned: false });
    for (;;) {
      const { events, isLast } = spool.read({ limit: PAGE, knows: (uuid) => deliveries.knows(uuid) });
      if (events.length > 0) this.#count(deliveries.takeInFromElsewhere(events, { horizon }));
      if (isLast) break;
      yield;
    }
    const { length } = spool.unreadable;
    if (length === this.#unreadableFiles.get(column)) return;
    this.#unreadableFiles.set(column, length);
    noteUnreadableFiles(deliveries.database, column, length);
    const names = spool.unreadable.slice(0, 3).map((name) => `"${name}"`).join(", ");
    if (length > 0) log("error", `cannot read ${plural(length, "file")} in "${spool.directory}", kept: ${names}`);
  }

  *#takeInUnrecorded(upTo: number): Generator<void> {
    const { deliveries, elsewhere } = this.#options;
    if (elsewhere === undefined) return;
    for (;;) {
      const before = deliveries.unrecordedPosition();
      const position = before ?? UNRECORDED_START;
      const page = readUnrecorded(elsewhere.paths.unrecordedFile, { position, upTo });
      const hasMoved = page.position.file !== position.file || page.position.offset !== position.offset;
      // Remembers that the file does not exist yet, since all entries in it are new then.
      if (!hasMoved && before !== undefined && (!page.isFull || before.isFull)) return;
      this.#count(deliveries.takeInUnrecorded(page));
      if (!hasMoved) return;
      yield;
    }
  }

  *#salvage(): Generator<void> {
    const { deliveries, elsewhere } = this.#options;
    if (elsewhere === undefined || !this.#mayReadAnother) return;
    const { paths: { queueDir, queueDatabase }, clock } = elsewhere;
    const databaseName = queueDatabase.slice(queueDir.length + 1);
    for (const queue of this.#found(queueDir, { databaseName, nowMs: clock.nowMs() })) {
      const note = { name: queue.folder, looks: queue.looks };
      if (!queue.isSettled || this.#salvaged.has(queue.folder)) continue;
      this.#salvaged.add(queue.folder);
      if (isSalvaged(deliveries.database, note)) continue;
      // One that can't be read, this time or ever, keeps no other from that.
      if (!(yield* this.#salvageOne(queue))) continue;
      // The others in later runs: whoever can put many there must not hold up what is to be delivered.
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

  /** Answers whether all of it could be read. What could be is taken in anyway. */
  *#salvageOne({ folder, database, looks }: DamagedQueue): Generator<void, boolean> {
    const { deliveries, log } = this.#options;
    let taken = 0;
    let unreadable = 0;
    const horizon = horizonOf(deliveries.database, { pruned: true });
    try {
      for (const page of pages(salvageQueue(database))) {
        const events = page.filter((event) => event !== undefined);
        const result = deliveries.takeInFromElsewhere(events, { horizon });
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
    deliveries.together(() => {
      rememberSalvaged(deliveries.database, { name: folder, looks });
      // Not earlier: a database that is read again in each run must be counted once.
      countUnreadable(deliveries.database, unreadable);
    });
    log("warning", `recovered ${plural(taken, "new event")} from the damaged queue database in "${folder}"`);
    return true;
  }
}

/** The size of a file. If it can't be determined, reading the file reports why. */
function sizeOf(path: string): number {
  try {
    return statIfThere(path)?.size ?? 0;
  } catch {
    return Infinity;
  }
}

/** The last page comes also where reading ends in an error, which is thrown behind it. */
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
