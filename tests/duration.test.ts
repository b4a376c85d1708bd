import assert from "node:assert/strict";
import { formatDuration } from "../src/duration.ts";

Deno.test("formatDuration() shows the two largest units", () => {
  const table: [number, string][] = [
    [-1, "0 s"],
    [0, "0 s"],
    [999, "0 s"],
    [1_000, "1 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [61_000, "1 min 1 s"],
    [7_500_000, "2 h 5 min"],
    [7_200_000, "2 h"],
    [7_201_000, "2 h"],
    [90_000_000, "1 d 1 h"],
    [365 * 86_400_000, "365 d"],
  ];
  for (const [ms, expected] of table) assert.equal(formatDuration(ms), expected, String(ms));
});
