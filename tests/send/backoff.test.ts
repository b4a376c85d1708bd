import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { backoffMs } from "../../src/send/backoff.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const LAST = 1 - Number.EPSILON;

Deno.test("backoffMs() doubles the maximum wait from 30 s to an hour", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1e9].map((failures) => backoffMs({ failures, random: () => LAST }));
  const minutes = [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60];
  assert.deepEqual(longest, minutes.map((minute) => minute * 60_000));
});

Deno.test("backoffMs() spreads waits over the whole range, starting at zero", () => {
  const waits = [0, 0.25, 0.5].map((random) => backoffMs({ failures: 2, random: () => random }));
  assert.deepEqual(waits, [0, 30_000, 60_000]);
});

Deno.test("backoffMs() honors the wait that a service asks for, up to 24 hours, whatever the random number", () => {
  const table = [[0, 0], [1, 1], [1_500, 1_500], [HOUR_MS, HOUR_MS], [2 * HOUR_MS, 2 * HOUR_MS], [DAY_MS, DAY_MS]];
  const tooLong = [DAY_MS + 1, 365 * DAY_MS, Number.MAX_VALUE, Infinity].map((askedMs) => [askedMs, DAY_MS]);
  for (const [askedMs, expected] of [...table, ...tooLong]) {
    assert.equal(backoffMs({ failures: 0, askedMs, random: () => 0.5 }), expected, `${askedMs}`);
  }
});

// `Retry-After: 0`, or a date from a slow clock, caused 30,000 requests in a run of ten minutes.
Deno.test("backoffMs() does not honor a too short wait after repeated failures, so no service is flooded", () => {
  for (const askedMs of [0, 1, 100]) {
    assert.ok(backoffMs({ failures: 8, askedMs, random: () => 0.5 }) >= 60_000, `${askedMs}`);
  }
});

Deno.test("backoffMs() ignores an invalid requested wait", () => {
  for (const askedMs of [NaN, -1, -Infinity, undefined]) {
    assert.equal(backoffMs({ failures: 0, askedMs, random: () => 0.5 }), 15_000, `${askedMs}`);
  }
});

Deno.test("backoffMs() returns whole milliseconds, at most a day, for any requested wait and any number of failures", () => {
  const asked = fc.option(fc.double(), { nil: undefined });
  const chance = fc.double({ min: 0, max: LAST, noNaN: true });
  fc.assert(fc.property(fc.nat(), asked, chance, (failures, askedMs, random) => {
    const wait = backoffMs({ failures, askedMs, random: () => random });
    // The store accepts only integers.
    assert.ok(Number.isInteger(wait) && wait >= 0, `${wait}`);
    assert.ok(wait <= (askedMs === undefined ? HOUR_MS : DAY_MS), `${wait}`);
  }));
});
