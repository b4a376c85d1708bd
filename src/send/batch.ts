// Groups notifications into batches: a notice is sent alone, a few events one by one, many events as a digest. A digest
// contains routine events, or the urgent events of one user.

import type { ConfiguredService } from "../services/registry.ts";
import type { Batch, SessionNotification } from "../services/service.ts";
import type { Due, Outgoing } from "../store/batches.ts";
import type { JudgedEvent } from "../store/stored_event.ts";
import { noticeNotification } from "./notice.ts";
import { type HostOptions, notificationOf } from "./render.ts";

/** Up to this many events are sent one by one, because single messages are easier to read; more become a digest. */
export const HANDFUL = 3;

/** The maximum number of events in a digest, even if the service accepts more. */
export const MAX_DIGEST = 500;

/** How many events are read at first for a digest. */
const FIRST_LOOK = 32;

/** The service and host that a batch is for. */
export interface ComposeOptions {
  readonly service: Pick<ConfiguredService, "fitting">;
  readonly host: HostOptions;
}

/** A batch, and its deliveries in the store. */
export interface Composed {
  readonly outgoing: Outgoing;
  readonly batch: Batch;
}

/**
 * Makes a batch of due notifications. A batch that was tried before is sent again unchanged, with the same ID.
 *
 * @param look returns what is due; `limit` is the maximum number of events that are not in a batch yet
 * @returns undefined if nothing is due
 */
export function compose(look: (limit: number) => Due | undefined, options: ComposeOptions): Composed | undefined {
  for (let limit = FIRST_LOOK;; limit = Math.min(2 * limit, MAX_DIGEST)) {
    const due = look(limit);
    if (due === undefined) return undefined;
    if (due.kind === "notice") {
      const { notice, route } = due;
      const batch = { id: notice.uuid, notifications: [noticeNotification(notice, options.host)] } as const;
      return { outgoing: { kind: "notice", route, id: batch.id, notice }, batch };
    }
    const composed = composeEvents(due, options);
    // If all of a new digest fits, there may be room for more events: look again with a higher limit.
    const taken = composed.batch.notifications.length;
    if (due.batch !== undefined || taken < limit || limit === MAX_DIGEST) return composed;
  }
}

function composeEvents(due: Due & { readonly kind: "events" }, { service, host }: ComposeOptions): Composed {
  const [firstEvent, ...moreEvents] = due.events;
  const first = notificationOf(firstEvent, host);
  const more: SessionNotification[] = [];
  const isWhole = due.batch !== undefined;
  if (isWhole || due.events.length > HANDFUL) {
    more.push(...moreEvents.map((event) => notificationOf(event, host)));
    if (!isWhole) more.length = Math.min(more.length, Math.max(1, service.fitting([first, ...more])) - 1);
  }
  const events: readonly [JudgedEvent, ...JudgedEvent[]] = [firstEvent, ...moreEvents.slice(0, more.length)];
  const id = due.batch ?? crypto.randomUUID();
  return {
    outgoing: { kind: "events", route: due.route, id, events, attempts: due.attempts },
    batch: { id, notifications: [first, ...more] },
  };
}
