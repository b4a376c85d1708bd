// Parses an instant: a date, a date and time, or a time span before now. Pure.

import { DAY_MS } from "../../text.ts";

const SPAN_UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

/** Describes what {@link parseWhen} accepts. */
export const WHEN_FORM =
  "a date (2026-11-23), a date and time (2026-11-23 11:13), or a time span before now (90min, 12h, 7d)";

/**
 * Parses an instant.
 *
 * @param timezone an IANA time zone, for text without one
 * @param atEnd whether a date, a minute or a second means its end instead of its start
 * @returns milliseconds since the epoch; undefined if the text is invalid
 */
export function parseWhen(
  text: string,
  { nowMs, timezone, atEnd }: { nowMs: number; timezone: string; atEnd: boolean },
): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9})\s?(s|m|min|h|d|w)$/.exec(text.trim()) ?? [];
  if (count !== undefined) return nowMs - Number(count) * (SPAN_UNITS[unit] ?? NaN);
  const [, date, minute, second, fraction, zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(\.\d{1,9})?)?)?\s?(Z|[+-]\d\d:\d\d)?$/.exec(text.trim()) ?? [];
  if (date === undefined || (minute === undefined && zone !== undefined)) return undefined;
  try {
    const local = Temporal.PlainDateTime.from(`${date}T${minute ?? "00:00"}${second ?? ""}`, { overflow: "reject" });
    const isEnd = atEnd && fraction === undefined;
    if (minute === undefined) return local.add({ days: isEnd ? 1 : 0 }).toZonedDateTime(timezone).epochMilliseconds;
    // When clocks go back, a local time occurs twice: start at its first occurrence, end at its second.
    const zoned = zone === undefined
      ? local.toZonedDateTime(timezone, { disambiguation: atEnd ? "later" : "earlier" })
      : Temporal.Instant.from(`${local}${zone}`);
    return zoned.epochMilliseconds + (isEnd ? second === undefined ? 60_000 : 1_000 : 0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}
