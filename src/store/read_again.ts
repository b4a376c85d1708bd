// Decides about events that may have been delivered before, because the store was lost or has pruned them: recent ones
// are sent again, marked as possible repeats; older ones become history. Also counts how long the store has been in use.

import { DAY_MS } from "../text.ts";
import type { Database } from "../sqlite/open.ts";

const HOUR_MS = 60 * 60 * 1000;

/** Events older than this when a store was lost are not sent again. In milliseconds. */
const SEND_AGAIN_MS = 24 * HOUR_MS;

/**
 * Events older than this at the first run of `send` are not sent: if all of `send/` was lost, an earlier run may have
 * sent them, up to 10,000 events. The same as the default duration of retries. In milliseconds.
 */
const FIRST_RUN_MS = 7 * DAY_MS;

/** If the newest event is older than this, the clock is not trusted. In milliseconds. */
const QUIET_MS = 7 * DAY_MS;

/** The times before which an unknown event may have been delivered, in milliseconds since the epoch. */
export interface Horizon {
  /** Events before this are sent as possible repeats. */
  readonly repeatsBeforeMs: number;
  /** Events before this become history. */
  readonly historyBeforeMs: number;
}

/** Whether {@link beginStore} has initialized a store. */
export function isBegun(database: Database): boolean {
  return database.prepare("SELECT 1 FROM store").get() !== undefined;
}

/**
 * Initializes a store, before it takes in events.
 *
 * @param options.origin why it was created: as the first one of this host, or to replace one that was lost
 * @param options.newestAtMs time of the newest event in the queue, if known. Used instead of the clock if the clock may
 *   have jumped forward, which would turn all events into history
 */
export function beginStore(
  database: Database,
  { origin, nowMs, newestAtMs = nowMs }: { origin: "first" | "lost"; nowMs: number; newestAtMs?: number | undefined },
): void {
  const fromMs = believedNowMs(nowMs, newestAtMs);
  database.prepare(
    "INSERT INTO store (one, repeats_before_ms, history_before_ms, last_run_at_ms) VALUES (1, ?, ?, ?)",
  ).run(origin === "lost" ? nowMs : 0, fromMs - (origin === "lost" ? SEND_AGAIN_MS : FIRST_RUN_MS), nowMs);
}

/** The time of the newest event if the clock may have jumped forward, which would turn all events into history. */
function believedNowMs(nowMs: number, newestAtMs = nowMs): number {
  return newestAtMs < nowMs - QUIET_MS ? newestAtMs : nowMs;
}

/**
 * Prepares a store that was restored from a backup: what is pending in it, and what it does not know, may have been
 * delivered since. The queue and the file of the last resort are read again from the start; known events are skipped.
 */
export function readAgain(
  database: Database,
  { nowMs, newestAtMs }: { nowMs: number; newestAtMs: number | undefined },
): void {
  const statements = [
    "UPDATE event SET is_repeat = 1 WHERE verdict IS NULL OR id IN (SELECT event_id FROM delivery WHERE state = 'pending')",
    "DELETE FROM inbox",
    "DELETE FROM unrecorded",
  ];
  for (const statement of statements) database.prepare(statement).run();
  // The clock may have been set back since the last run.
  database.prepare("UPDATE store SET repeats_before_ms = max(?, ?, last_run_at_ms), history_before_ms = ?")
    .run(nowMs, newestAtMs ?? nowMs, believedNowMs(nowMs, newestAtMs) - SEND_AGAIN_MS);
}

/** Returns the horizon of a store. `pruned`: whether an unknown event may be one that was pruned. */
export function horizonOf(database: Database, { pruned }: { pruned: boolean }): Horizon {
  const row = database.prepare("SELECT * FROM store").get();
  const before = (column: string) => Number(row?.[column] ?? Number.MIN_SAFE_INTEGER);
  return {
    repeatsBeforeMs: before("repeats_before_ms"),
    historyBeforeMs: Math.max(before("history_before_ms"), pruned ? before("pruned_before_ms") : -Infinity),
  };
}

/** A run that changes nothing else records its time only if the recorded time is older than this, in milliseconds. */
const RECORD_AFTER_MS = 3 * 60 * 1000;

/**
 * Records the time of a run, and adds the time since the recorded one to the time that the store has been in use: at most
 * one day, so that a jump of the clock does not make events old. If the machine was off for more than a day, only one day
 * is counted.
 *
 * @returns how long the store has been in use, in milliseconds
 */
export function countElapsed(database: Database, nowMs: number): number {
  database.prepare(
    `UPDATE store SET elapsed_ms = elapsed_ms + min(max(:now - last_run_at_ms, 0), ${DAY_MS}), last_run_at_ms = :now
     WHERE total_changes() > 0 OR :now - last_run_at_ms NOT BETWEEN 0 AND ${RECORD_AFTER_MS}`,
  ).run({ now: nowMs });
  return inUseMs(database);
}

/** How long the store has been in use, in milliseconds. */
export function inUseMs(database: Database): number {
  return Number(database.prepare("SELECT elapsed_ms FROM store").get()?.["elapsed_ms"] ?? 0);
}
