// Composes the message of the next batch: a notice is sent alone, a few events one by one, many events as a digest. A
// digest contains routine events, or the urgent events of one user.

import type { Route } from "../config/routes.ts";
import type { Message, SessionNotification } from "../services/service.ts";
import type { Database } from "../sqlite/open.ts";
import type { Batch, EventBatch } from "../store/batch.ts";
import type { JudgedEvent } from "../store/events.ts";
import { NEAREST, next } from "../store/next.ts";
import { type HostOptions, noticeNotification, notificationOf } from "./render.ts";

/** Up to this many events are sent one by one, because single messages are easier to read; more become a digest. */
export const HANDFUL = 3;

/** The maximum number of events in a digest, even if the service accepts more. */
export const MAX_DIGEST = NEAREST;

/** How many events are read at first for a digest, at least. */
const FIRST_LOOK = 32;

/** A batch, and how it is shown. */
export interface Composed {
  readonly batch: Batch;
  readonly message: Message;
}

/** What a message is composed for. */
export interface ComposeOptions {
  readonly route: { readonly name: string; readonly service: Pick<Route["service"], "fitting"> };
  readonly nowMs: number;
  readonly host: HostOptions;
  /** How many events the message before had, because the next digest will have about as many. */
  readonly before?: number | undefined;
}

/**
 * Composes the message to send next on a route. A batch that was tried before is sent again unchanged, with the same ID.
 *
 * @returns undefined if nothing is due
 */
export function composeNext(database: Database, options: ComposeOptions): Composed | undefined {
  const { route: { name: route }, nowMs, host, before = 0 } = options;
  // Each look reads the events of the one before again.
  const rendered = new Map<number, SessionNotification>();
  const render = (event: JudgedEvent) => {
    const notification = rendered.get(event.id) ?? notificationOf(event, host);
    rendered.set(event.id, notification);
    return notification;
  };
  // A quarter more, so that one look is usually enough.
  const first = Math.max(FIRST_LOOK, Math.ceil(1.25 * before));
  for (let limit = Math.min(first, MAX_DIGEST);; limit = Math.min(2 * limit, MAX_DIGEST)) {
    const batch = next(database, { route, nowMs, limit });
    if (batch === undefined) return undefined;
    if (batch.kind === "notice") {
      return { batch, message: { id: batch.id, notifications: [noticeNotification(batch.notice, host)] } };
    }
    const composed = composeEvents(batch, { ...options, render });
    // If all of a new digest fits, there may be room for more events: look again with a higher limit.
    const taken = composed.message.notifications.length;
    if (!batch.isNew || taken < limit || limit === MAX_DIGEST) return composed;
  }
}

function composeEvents(
  { isNew, events, ...batch }: EventBatch,
  { route: { service }, render }: Pick<ComposeOptions, "route"> & {
    render: (event: JudgedEvent) => SessionNotification;
  },
): Composed {
  const all = events.map((event) => ({ event, notification: render(event) }));
  const count = isNew ? countOf(all.map(({ notification }) => notification), service) : all.length;
  // In this order a retry reads the batch again, so it is rendered in the same way.
  const taken = all.slice(0, count).sort((a, b) => a.event.id - b.event.id);
  const [first, ...more] = taken as [typeof all[number], ...typeof all];
  return {
    batch: { ...batch, isNew, events: [first.event, ...more.map(({ event }) => event)] },
    message: { id: batch.id, notifications: [first.notification, ...more.map(({ notification }) => notification)] },
  };
}

/** How many of the events of a new batch are sent in one message, counted from the first. */
function countOf(notifications: readonly SessionNotification[], service: ComposeOptions["route"]["service"]): number {
  return notifications.length <= HANDFUL ? 1 : Math.max(1, service.fitting(notifications));
}
