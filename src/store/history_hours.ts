// Counts the logins in a store by hour of the week, in the local time of each login.

import type { History, HistoryFilter } from "./history.ts";

/** A span of time, in milliseconds since the epoch. */
export interface TimeSpan {
  readonly sinceMs: number;
  /** Not included. */
  readonly untilMs: number;
}

/** Counts the logins by hour of the week, from Monday at midnight, in spans of time with one UTC offset. */
export function countByHour(
  history: History,
  { filter, timezone }: { filter: HistoryFilter & TimeSpan; timezone: string },
): number[] {
  const hours: number[] = Array(168).fill(0);
  const { sinceMs, untilMs } = filter;
  for (let fromMs = sinceMs; fromMs < untilMs;) {
    const from = Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(timezone);
    const toMs = Math.min(from.getTimeZoneTransition("next")?.epochMilliseconds ?? Infinity, untilMs);
    const span = { ...filter, sinceMs: fromMs, untilMs: toMs };
    for (const { hour, logins } of history.loginsByHour(span, from.offsetNanoseconds / 1e6)) {
      // The epoch was a Thursday, 72 hours after Monday at midnight.
      const fromMonday = (hour + 72) % 168;
      hours[fromMonday] = (hours[fromMonday] ?? 0) + logins;
    }
    fromMs = toMs;
  }
  return hours;
}
