// Decides when a report is due. Each is due at a local date and hour, so no report is repeated
// after a change of the clock, the time zone or daylight saving time. Pure.

import type { ReportSchedule } from "../config/report.ts";
import type { ReportSlot } from "../store/reports.ts";

/** The latest time at or before `nowMs` at which a report is due. */
export function slotBefore(
  { every, weekday, day, hour }: ReportSchedule,
  { nowMs, timezone }: { nowMs: number; timezone: string },
): ReportSlot {
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timezone).toPlainDate();
  const onTheDay = {
    day: today,
    week: today.subtract({ days: (today.dayOfWeek - weekday + 7) % 7 }),
    month: today.with({ day }),
  }[every];
  const slotOn = (date: Temporal.PlainDate): ReportSlot => ({
    date: date.toString(),
    atMs: date.toZonedDateTime({ timeZone: timezone, plainTime: { hour } }).epochMilliseconds,
  });
  const slot = slotOn(onTheDay);
  return slot.atMs <= nowMs ? slot : slotOn(onTheDay.subtract({ [`${every}s`]: 1 }));
}

/**
 * Whether a slot is due. `note`: it is not, but it is the one from which the next report counts: at first, after a change
 * of the schedule, and after a clock that was ahead was set back.
 *
 * @param latest the slot of the latest report; undefined if none was made
 */
export function isSlotDue(slot: ReportSlot, latest: ReportSlot | undefined): "due" | "note" | "no" {
  if (latest === undefined || slot.date < latest.date) return "note";
  return slot.date > latest.date ? "due" : "no";
}
