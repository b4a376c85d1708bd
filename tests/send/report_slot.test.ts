import assert from "node:assert/strict";
import type { ReportSchedule } from "../../src/config/report.ts";
import { isSlotDue, slotBefore } from "../../src/send/report_slot.ts";

const SCHEDULE: ReportSchedule = { every: "week", weekday: 1, day: 1, hour: 8, routes: [] };

function slot(local: string, overrides: Partial<ReportSchedule> = {}, timezone = "Pacific/Auckland"): string {
  const nowMs = Temporal.PlainDateTime.from(local).toZonedDateTime(timezone).epochMilliseconds;
  const { date, atMs } = slotBefore({ ...SCHEDULE, ...overrides }, { nowMs, timezone });
  assert.ok(atMs <= nowMs);
  const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone);
  assert.equal(zoned.toPlainDate().toString(), date);
  return zoned.toPlainDateTime().toString({ smallestUnit: "minute" });
}

Deno.test("slotBefore() returns the latest local time at which a report is due", () => {
  const table: [now: string, overrides: Partial<ReportSchedule>, expected: string][] = [
    ["2026-11-29T07:59", { every: "day" }, "2026-11-28T08:00"],
    ["2026-11-29T08:00", { every: "day" }, "2026-11-29T08:00"],
    ["2026-11-29T00:00", { every: "day", hour: 0 }, "2026-11-29T00:00"],
    // 2026-11-30 is a Monday.
    ["2026-11-30T08:00", {}, "2026-11-30T08:00"],
    ["2026-11-30T07:59", {}, "2026-11-23T08:00"],
    ["2026-11-29T23:00", { weekday: 7 }, "2026-11-29T08:00"],
    ["2026-11-28T23:00", { weekday: 7 }, "2026-11-22T08:00"],
    ["2026-12-01T08:00", { every: "month" }, "2026-12-01T08:00"],
    ["2026-12-01T07:00", { every: "month" }, "2026-11-01T08:00"],
    ["2026-01-27T07:00", { every: "month", day: 28 }, "2025-12-28T08:00"],
  ];
  for (const [now, overrides, expected] of table) assert.equal(slot(now, overrides), expected, now);
});

Deno.test("slotBefore() finds a slot in every hour of a year, also where the local hour is skipped or repeated", () => {
  for (const timezone of ["Pacific/Auckland", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]) {
    const start = Temporal.PlainDateTime.from("2026-01-01T00:30").toZonedDateTime(timezone);
    for (const hour of [2, 3]) {
      const dates = new Set<string>();
      for (let hours = 48; hours < 365 * 24; hours++) {
        const nowMs = start.add({ hours }).epochMilliseconds;
        const { date, atMs } = slotBefore({ ...SCHEDULE, every: "day", hour }, { nowMs, timezone });
        assert.ok(atMs <= nowMs && nowMs - atMs <= 25 * 3_600_000, `${timezone} ${date}`);
        dates.add(date);
      }
      assert.equal(dates.size, 364, timezone);
    }
  }
});

Deno.test("isSlotDue() is true once for each date, and starts again after a clock that was ahead", () => {
  const at = (date: string) => ({ date, atMs: Date.parse(date) });
  assert.equal(isSlotDue(at("2026-11-23"), undefined), "note");
  assert.equal(isSlotDue(at("2026-11-23"), at("2026-11-23")), "no");
  assert.equal(isSlotDue(at("2026-11-30"), at("2026-11-23")), "due");
  assert.equal(isSlotDue(at("2026-11-30"), at("2031-11-23")), "note");
});
