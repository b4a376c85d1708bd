// Makes notices on all routes about problems of the queue itself: records that cannot be read, and logins that may be
// missing.

import type { Log } from "../log.ts";
import { plural } from "../plural.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { QUEUE } from "../store/notices.ts";
import { takeUntoldFull } from "../store/take_in_unrecorded.ts";
import { takeUntold } from "../store/unreadable.ts";
import type { Clock } from "../clock.ts";

/** What the notices need. */
export interface TellOptions {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly log: Log;
}

/** Makes the notices that are due now, on each route. */
export function tellOfQueue(routes: readonly string[], { deliveries, clock, log }: TellOptions): void {
  const occurredAtMs = clock.nowMs();
  // Most runs have nothing to report: avoid a write.
  if (!hasNews(deliveries)) return;
  deliveries.together(() => {
    const count = takeUntold(deliveries.database, occurredAtMs);
    if (count > 0) {
      log("error", `${plural(count, "record")} in the queue cannot be read`);
      deliveries.announce(routes, { about: QUEUE, kind: "unreadable", count, reason: "", occurredAtMs });
    }
    if (takeUntoldFull(deliveries.database)) {
      log("error", "the record of logins for which the hook could not run is full: later logins may be missing");
      deliveries.announce(routes, { about: QUEUE, kind: "full", count: 0, reason: "", occurredAtMs });
    }
  });
}

function hasNews({ database }: Deliveries): boolean {
  return database.prepare(
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM unreadable WHERE untold > 0) OR EXISTS (SELECT 1 FROM unrecorded WHERE is_full = 'untold')",
  ).get() !== undefined;
}
