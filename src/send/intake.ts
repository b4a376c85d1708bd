// Takes in what `queue` has written. A queue database that can't be read stops no delivery of what is known already.

import type { Log } from "../log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { type Inbox, InboxError } from "../store/inbox.ts";

/** How many events are taken in at a time. */
const PAGE = 100;

/** What taking in needs. */
export interface IntakeOptions {
  readonly deliveries: Deliveries;
  readonly inbox: Inbox;
  readonly log: Log;
}

/** Takes in, and remembers whether that is possible at all. */
export class Intake {
  readonly #options: IntakeOptions;
  #fault: string | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Why the queue database could not be read the last time; undefined if it could. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Takes in what has newly come. Says once what is wrong, however often it is called. */
  takeIn(): void {
    const { deliveries, inbox, log } = this.#options;
    let taken = 0;
    try {
      let position = deliveries.inboxPosition();
      for (let pages = 0;; pages++) {
        const page = inbox.read(position, PAGE);
        if (page === undefined || page.events.length === 0) break;
        // Reading may start again once, from the first event. A database that makes it do so for ever is left for now.
        if (pages > 0 && page.position.lastId <= position.lastId) break;
        taken += deliveries.takeIn(page);
        position = page.position;
      }
      this.#fault = undefined;
    } catch (error) {
      if (!(error instanceof InboxError)) throw error;
      if (error.message !== this.#fault) log("error", error.message);
      this.#fault = error.message;
    }
    if (taken > 0) {
      log("info", `took in ${taken} new event${taken === 1 ? "" : "s"}`);
    }
  }
}
