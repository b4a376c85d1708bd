// What one request delivers: one or more events, or a notice. Its id and content are the same for all attempts, across
// retries and crashes.

import type { JudgedEvent } from "./events.ts";
import type { Notice } from "./notices.ts";

/** At least one event. */
export type Events = readonly [JudgedEvent, ...JudgedEvent[]];

/** What one request on a route delivers. Its id, and its events or notice, are the same for all attempts. */
export type Batch = EventBatch | NoticeBatch;

/** One event, or a digest of several. */
export interface EventBatch {
  readonly kind: "events";
  readonly route: string;
  readonly id: string;
  readonly events: Events;
  /** Whether no attempt was made yet to send exactly these events, so that fewer of them may be sent. */
  readonly isNew: boolean;
  /** How many attempts were made to send it. */
  readonly attempts: number;
}

/** A notice. */
export interface NoticeBatch {
  readonly kind: "notice";
  readonly route: string;
  readonly id: string;
  readonly notice: Notice;
  readonly attempts: number;
}
