// What one request delivers: one or more events, or a notice. Its id and content are the same for all attempts, across
// retries and crashes.

import type { JudgedEvent } from "./events.ts";
import type { Notice } from "./notices.ts";

/** What one request on a route delivers. */
export type Batch = EventBatch | NoticeBatch;

/** One event, or a digest of several. */
export interface EventBatch {
  readonly kind: "events";
  readonly route: string;
  readonly id: string;
  readonly events: readonly [JudgedEvent, ...JudgedEvent[]];
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
