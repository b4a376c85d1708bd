// Takes in what `queue` has written, wherever it is: its database, the spool, databases that were set aside. What can't be
// read stops nothing of what is known already.

import type { SessionEvent } from "../event.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { type DamagedQueue, findDamagedQueues, isSalvaged, rememberSalvaged } from "../store/damaged_queues.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { type Inbox, InboxError } from "../store/inbox.ts";
import { horizonOf } from "../store/read_again.ts";
import { salvageQueue } from "../store/salvage.ts";
import { type Spool, SpoolError } from "../store/spool.ts";
import { isSqliteError } from "../store/sqlite_error.ts";
import { isPassingInQueue } from "../store/store_failure.ts";
import type { Clock } from "./clock.ts";

/** How many events are taken in at a time. */
const PAGE = 100;

/** What taking in needs. */
export interface IntakeOptions {
  readonly deliveries: Deliveries;
  readonly inbox: Inbox;
  /** Where absent, nothing else is read than the queue database. */
  readonly elsewhere?: {
    readonly spool: Spool;
    readonly paths: Pick<StatePaths, "queueDir" | "queueDatabase">;
    readonly clock: Pick<Clock, "nowMs">;
  };
  readonly log: Log;
}

/** Takes in, and remembers whether that is possible at all. */
export class Intake {
  readonly #options: IntakeOptions;
  /** What is wrong now, by where it is. */
  readonly #faults = new Map<string, Error>();
  #unreadableFiles = 0;
  /** Databases that were set aside, and need no look any more in this run. */
  readonly #salvaged = new Set<string>();

  #mayReadAnother = true;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Why something could not be read the last time, what a person has to mend first; undefined if all could. */
  get fault(): Error | undefined {
    const faults = [...this.#faults.values()];
    return faults.find((fault) => !isPassingInQueue(fault)) ?? faults[0];
  }

  /** Takes in what has newly come. Says once what is wrong, however often it is called. */
  takeIn(): void {
    const { log } = this.#options;
    const database = this.#attempt("database", () => this.#takeInDatabase());
    const spool = this.#attempt("spool", () => this.#takeInSpool());
    this.#attempt("set aside", () => this.#salvage());
    const taken = (database ?? 0) + (spool ?? 0);
    if (taken > 0) log("info", `took in ${plural(taken, "new event")}`);
  }

  /** One that fails keeps no other from being read. What the store itself says is no matter of what is read. */
  #attempt<T>(where: string, work: () => T): T | undefined {
    try {
      const result = work();
      this.#faults.delete(where);
      return result;
    } catch (error) {
      if (!(error instanceof InboxError) && !(error instanceof SpoolError)) throw error;
      if (error.message !== this.#faults.get(where)?.message) this.#options.log("error", error.message);
      this.#faults.set(where, error);
      return undefined;
    }
  }

  #takeInDatabase(): number {
    const { deliveries, inbox } = this.#options;
    let taken = 0;
    let position = deliveries.inboxPosition();
    for (let pages = 0;; pages++) {
      const page = inbox.read(position, PAGE);
      if (page === undefined) break;
      // Where there is no event yet, that is remembered, since whatever comes is new then.
      if (page.events.length === 0 && position.againToId !== undefined) break;
      // Reading may start again once, from the first event. A database that makes it do so for ever is left for now.
      if (pages > 0 && page.position.lastId <= position.lastId) break;
      const result = deliveries.takeIn(page);
      this.#tellHistory(result.history);
      taken += result.taken;
      position = page.position;
      if (page.events.length === 0) break;
    }
    return taken;
  }

  #takeInSpool(): number {
    const { deliveries, elsewhere, log } = this.#options;
    if (elsewhere === undefined) return 0;
    const { spool } = elsewhere;
    const horizon = horizonOf(deliveries.database, { pruned: false });
    let taken = 0;
    for (;;) {
      const events = spool.read({ limit: PAGE, knows: (uuid) => deliveries.knows(uuid) });
      if (events.length === 0) break;
      const result = deliveries.takeInFromElsewhere(events, { horizon });
      this.#tellHistory(result.history);
      taken += result.taken;
    }
    if (spool.unreadable.length > this.#unreadableFiles) {
      this.#unreadableFiles = spool.unreadable.length;
      const names = spool.unreadable.slice(0, 3).map((name) => `"${name}"`).join(", ");
      log("error", `${spool.unreadable.length} files of the spool hold no event, and are kept: ${names}`);
    }
    return taken;
  }

  #salvage(): void {
    const { deliveries, elsewhere } = this.#options;
    if (elsewhere === undefined || !this.#mayReadAnother) return;
    const { paths: { queueDir, queueDatabase }, clock } = elsewhere;
    const databaseName = queueDatabase.slice(queueDir.length + 1);
    for (const queue of findDamagedQueues(queueDir, { databaseName, nowMs: clock.nowMs() })) {
      const note = { name: queue.folder, looks: queue.looks };
      if (!queue.isSettled || this.#salvaged.has(queue.folder)) continue;
      this.#salvaged.add(queue.folder);
      if (isSalvaged(deliveries.database, note)) continue;
      // One that can't be read, this time or ever, keeps no other from that.
      if (!this.#salvageOne(queue)) continue;
      // The others in later runs: whoever can put many there must not hold up what is to be delivered.
      this.#mayReadAnother = false;
      return;
    }
  }

  /** Answers whether all of it could be read. What could be is taken in anyway. */
  #salvageOne({ folder, database, looks }: DamagedQueue): boolean {
    const { deliveries, log } = this.#options;
    const total = { taken: 0, history: 0 };
    const horizon = horizonOf(deliveries.database, { pruned: true });
    try {
      for (const events of pages(salvageQueue(database))) {
        const { taken, history } = deliveries.takeInFromElsewhere(events, { horizon });
        total.taken += taken;
        total.history += history;
      }
    } catch (error) {
      if (isSqliteError(error)) throw error;
      const what = `${total.taken > 0 ? "all of " : ""}the damaged queue database in`;
      log("error", `cannot read ${what} "${folder}": ${error}; it is tried again in the next run`);
      this.#tellHistory(total.history);
      return false;
    }
    rememberSalvaged(deliveries.database, { name: folder, looks });
    log("warning", `salvaged ${plural(total.taken, "new event")} from the damaged queue database in "${folder}"`);
    this.#tellHistory(total.history);
    return true;
  }

  #tellHistory(count: number): void {
    if (count === 0) return;
    this.#options.log(
      "warning",
      `${count} events are not known, but so old that they may have been delivered before: kept as history, not sent`,
    );
  }
}

/** The last page comes also where reading ends in an error, which is thrown behind it. */
function* pages(events: Iterable<SessionEvent>): Generator<SessionEvent[]> {
  let page: SessionEvent[] = [];
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
