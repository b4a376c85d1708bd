import assert from "node:assert/strict";
import { parseWhen } from "../../../src/admin/history/when.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function when(text: string, { timezone = "Pacific/Auckland", atEnd = false } = {}): number | undefined {
  return parseWhen(text, { nowMs: NOW_MS, timezone, atEnd });
}

Deno.test("parseWhen() parses time spans before now", () => {
  const table: [string, number][] = [
    ["90s", 90_000],
    ["90min", 90 * 60_000],
    ["10m", 10 * 60_000],
    ["12h", 12 * HOUR],
    ["7d", 7 * DAY],
    [
      "2w",
      14 * DAY,
    ],
    ["0d", 0],
    [" 7 d ", 7 * DAY],
  ];
  for (const [text, ms] of table) assert.equal(when(text), NOW_MS - ms, text);
});

Deno.test("parseWhen() parses dates in the time zone of the host, to their end with atEnd", () => {
  const start = Date.UTC(2026, 10, 22, 11);
  assert.equal(when("2026-11-23"), start);
  assert.equal(when("2026-11-23", { atEnd: true }), start + DAY);
  assert.equal(when("2026-11-23 11:13"), start + 11 * HOUR + 13 * 60_000);
  assert.equal(when("2026-11-23T11:13", { atEnd: true }), start + 11 * HOUR + 14 * 60_000);
  assert.equal(when("2026-11-23 11:13:32", { atEnd: true }), start + 11 * HOUR + 13 * 60_000 + 33_000);
  assert.equal(when("2026-11-23T11:13:32.5Z"), Date.UTC(2026, 10, 23, 11, 13, 32, 500));
  assert.equal(when("2026-11-23 11:13-05:00"), Date.UTC(2026, 10, 23, 16, 13));
  // The day on which the clocks go forward has 23 hours.
  const options = { timezone: "Europe/Berlin" };
  const length = (when("2026-03-29", { ...options, atEnd: true }) ?? 0) - (when("2026-03-29", options) ?? 0);
  assert.equal(length, 23 * HOUR);
});

Deno.test("parseWhen() covers local times that occur twice or never", () => {
  const span = (text: string) => {
    const [from, to] = [false, true].map((atEnd) => when(text, { timezone: "Europe/Berlin", atEnd }) ?? NaN);
    return [new Date(from ?? NaN).toISOString(), new Date(to ?? NaN).toISOString()];
  };
  assert.deepEqual(span("2026-10-25 02:30"), ["2026-10-25T00:30:00.000Z", "2026-10-25T01:31:00.000Z"]);
  assert.deepEqual(span("2026-10-25 01:59"), ["2026-10-24T23:59:00.000Z", "2026-10-25T00:00:00.000Z"]);
  assert.deepEqual(span("2026-10-25 02:30:59+01:00"), ["2026-10-25T01:30:59.000Z", "2026-10-25T01:31:00.000Z"]);
  assert.deepEqual(span("2026-03-29 02:30"), ["2026-03-29T00:30:00.000Z", "2026-03-29T01:31:00.000Z"]);
});

Deno.test("parseWhen() rejects anything else", () => {
  const texts = [
    "",
    "yesterday",
    "7",
    "7M",
    "-7d",
    "7.5d",
    "2026-13-01",
    "2026-02-30",
    "2026-11-23 25:00",
    "23.11.2026",
  ];
  for (const text of [...texts, "2026-11-23 11", "2026-11-23Z", "9999999999d", "2026-11-23 11:13+99:00", "\x1b[2J"]) {
    assert.equal(when(text), undefined, text);
  }
});
