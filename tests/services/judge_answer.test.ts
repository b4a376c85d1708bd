// The meaning of a status, and when to retry.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { jsonFields, judgeStatus, parseRetryAfter, secondsToMs } from "../../src/services/judge_answer.ts";
import { type HttpResponse, type Outcome } from "../../src/services/service.ts";
import { evaluate } from "../../.ci/checkout.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);

function response(overrides: Partial<HttpResponse> = {}): HttpResponse {
  return { status: 200, headers: {}, body: "", ...overrides };
}

/** The outcome table of the design: 2xx is delivered, then the listed statuses, then the rest of each class. */
function expectedKind(status: number): Outcome["kind"] {
  if (status < 300) return "delivered";
  if ([408, 424, 425, 429].includes(status) || status >= 500) return "retry";
  if ([401, 402, 403, 404, 405, 407, 410, 415, 421, 451].includes(status) || status < 400) return "broken";
  return "refused";
}

Deno.test("judgeStatus() follows the outcome table for every status", () => {
  for (let status = 200; status <= 599; status++) {
    assert.equal(judgeStatus(response({ status }), NOW_MS).kind, expectedKind(status), `${status}`);
  }
});

Deno.test("judgeStatus() gives the status and the service's error text as the reason", () => {
  for (const status of [302, 401, 422, 503]) {
    assert.deepEqual(judgeStatus(response({ status }), NOW_MS), {
      kind: expectedKind(status),
      reason: `HTTP ${status}`,
    });
    const outcome = judgeStatus(response({ status }), NOW_MS, { detail: "why" });
    assert.deepEqual(outcome, { kind: expectedKind(status), reason: `HTTP ${status}: why` });
  }
});

Deno.test("judgeStatus() takes the wait from the service's own field, else from Retry-After", () => {
  const headers = { "retry-after": "120" };
  const table: [Partial<HttpResponse>, number | undefined, number | undefined][] = [
    [{}, undefined, undefined],
    [{ headers }, undefined, 120_000],
    [{ headers }, 1_500, 1_500],
    [{}, 0, 0],
    [{ headers: { "retry-after": "soon" } }, undefined, undefined],
  ];
  for (const [overrides, retryAfterMs, expected] of table) {
    for (const status of [429, 503]) {
      const outcome = judgeStatus(response({ status, ...overrides }), NOW_MS, { retryAfterMs });
      assert.ok(outcome.kind === "retry");
      assert.equal(outcome.retryAfterMs, expected);
    }
  }
});

Deno.test("judgeStatus() ignores a wait if the outcome is not a retry", () => {
  for (const status of [200, 404, 400]) {
    const outcome = judgeStatus(response({ status, headers: { "retry-after": "1" } }), NOW_MS, { retryAfterMs: 1 });
    assert.ok(!("retryAfterMs" in outcome), `${status}`);
  }
});

Deno.test("parseRetryAfter() accepts seconds and dates, and nothing else", () => {
  const table: [string | undefined, number | undefined][] = [
    ["0", 0],
    ["120", 120_000],
    [" 120 ", 120_000],
    ["1.5", 1_500],
    ["0.0001", 1],
    ["31536000", 31_536_000_000],
    ["Sun, 22 Nov 2026 22:14:32 GMT", 60_000],
    ["Sunday, 22-Nov-26 22:14:32 GMT", 60_000],
    // In the past: no wait.
    ["Sun, 22 Nov 2026 22:13:31 GMT", 0],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ...[undefined, "", " ", "-1", "-5", "+5", "1e3", "0x10", "1,5", "1 s", "5;q=1", "NaN", "Infinity", "soon"]
      .map((text): [string | undefined, undefined] => [text, undefined]),
    ["Foo, 99 Bar 2026 99:99:99 GMT", undefined],
    ["2026-11-22T22:14:32Z", undefined],
    ["9".repeat(400), undefined],
  ];
  for (const [text, expected] of table) assert.equal(parseRetryAfter(text, NOW_MS), expected, JSON.stringify(text));
});

// RFC 9110, section 5.6.7: a recipient must accept the asctime format too, which is always GMT.
Deno.test("parseRetryAfter() reads the asctime(3) format as GMT in every time zone", async () => {
  const module = JSON.stringify(import.meta.resolve("../../src/services/judge_answer.ts"));
  const text = `import { parseRetryAfter } from ${module};
    Deno.stdout.writeSync(new TextEncoder().encode(String(parseRetryAfter("Sun Nov 22 22:14:32 2026", ${NOW_MS}))));`;
  assert.equal(await evaluate(text, { TZ: "Pacific/Auckland" }), "60000");
});

Deno.test("parseRetryAfter() returns undefined or a non-negative wait for any header", () => {
  const header = fc.oneof(
    fc.string(),
    fc.bigInt().map(String),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(fc.property(header, (text) => {
    const waitMs = parseRetryAfter(text, NOW_MS);
    assert.ok(waitMs === undefined || waitMs >= 0, `${waitMs}`);
  }));
});

Deno.test("secondsToMs() rounds up and rejects invalid values", () => {
  const table: [unknown, number | undefined][] = [
    [0, 0],
    [1, 1_000],
    [64.57, 64_570],
    [0.0001, 1],
    ...[-1, -0.001, NaN, Infinity, -Infinity, "1", null, undefined, true, [1], {}, 1n]
      .map((value): [unknown, undefined] => [value, undefined]),
  ];
  for (const [seconds, expected] of table) assert.equal(secondsToMs(seconds), expected, String(seconds));
});

Deno.test("jsonFields() returns the fields of an object, and none for anything else", () => {
  assert.deepEqual(jsonFields('{"id":"1","n":{"a":[1]}}'), { id: "1", n: { a: [1] } });
  for (const body of ["", " ", "<html>", "{", "null", "1", "true", '"text"', '[{"id":"1"}]', '{"id":"1"} x']) {
    assert.deepEqual(jsonFields(body), {}, body);
  }
});
