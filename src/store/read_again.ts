// What becomes of events that may have been delivered before, since the store that knew is gone or has pruned them:
// the fresh ones are sent once more, and say so; the old ones become history. And what a store knows of its own life.

import { DAY_MS } from "../duration.ts";
import type { SessionEvent } from "../event.ts";
import type { Database } from "./open.ts";

const HOUR_MS = 60 * 60 * 1000;

/** What happened longer than this before a store was lost is not sent once more. In milliseconds. */
const SEND_AGAIN_MS = 24 * HOUR_MS;

/**
 * What happened longer than this before the first `send` of all is not sent: nothing says whether it is that, or the
 * whole of `send/` was lost, after which 90 days of events would come. As long as a retry lasts by default. In
 * milliseconds.
 */
const FIRST_RUN_MS = 7 * DAY_MS;

/** Where nothing has happened for so long, the clock is not believed. In milliseconds. */
const QUIET_MS = 7 * DAY_MS;

/** How a store came to be: the first one of this host, or in place of one that was lost. */
export type Origin = "first" | "lost";

/** Before when an event that is not known may have been delivered; in milliseconds since the epoch. */
export interface Horizon {
  /** It is sent, as a possible repeat. */
  readonly repeatsBeforeMs: number;
  /** It is history. */
  readonly historyBeforeMs: number;
}

/** What becomes of an event that may have been taken in before. */
export function fateOf(
  { occurredAtMs }: SessionEvent,
  { repeatsBeforeMs, historyBeforeMs }: Horizon,
): "new" | "repeat" | "history" {
  if (occurredAtMs < historyBeforeMs) return "history";
  return occurredAtMs < repeatsBeforeMs ? "repeat" : "new";
}

/** Whether a store has been begun by {@link beginStore}. */
export function isBegun(database: Database): boolean {
  return database.prepare("SELECT 1 FROM store").get() !== undefined;
}

/**
 * Begins the life of a store, before it takes anything in.
 *
 * @param options.newestAtMs when the newest event in the queue happened, if that is known: a clock that has jumped
 *   forward, while the store was lost too, must not make history of everything
 */
export function beginStore(
  database: Database,
  { origin, nowMs, newestAtMs = nowMs }: { origin: Origin; nowMs: number; newestAtMs?: number | undefined },
): void {
  const fromMs = newestAtMs < nowMs - QUIET_MS ? newestAtMs : nowMs;
  database.prepare(
    "INSERT INTO store (one, repeats_before_ms, history_before_ms, last_run_at_ms) VALUES (1, ?, ?, ?)",
  ).run(
    origin === "lost" ? nowMs : 0,
    fromMs - (origin === "lost" ? SEND_AGAIN_MS : FIRST_RUN_MS),
    nowMs,
  );
}

/** Before when the store can't know an event. `pruned`: whether it may also be one that was known, and pruned. */
export function horizonOf(database: Database, { pruned }: { pruned: boolean }): Horizon {
  const row = database.prepare("SELECT * FROM store").get();
  const before = (column: string) => Number(row?.[column] ?? Number.MIN_SAFE_INTEGER);
  return {
    repeatsBeforeMs: before("repeats_before_ms"),
    historyBeforeMs: Math.max(before("history_before_ms"), pruned ? before("pruned_before_ms") : -Infinity),
  };
}

/**
 * Counts the time that the store is in use. A jump of the clock adds a day at most, so that none makes anything old; what
 * the machine was off for longer is not counted.
 *
 * @returns how long it has been in use, in milliseconds
 */
export function countElapsed(database: Database, nowMs: number): number {
  const row = database.prepare(
    `UPDATE store SET elapsed_ms = elapsed_ms + min(max(:now - last_run_at_ms, 0), ${DAY_MS}), last_run_at_ms = :now
     RETURNING elapsed_ms`,
  ).get({ now: nowMs });
  return Number(row?.["elapsed_ms"] ?? 0);
}
