import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { cut, fittedSentence, fitting, lengthOf } from "../../src/services/fitting.ts";
import { endpoint, jsonFields, judgeStatus, parseRetryAfter, safeId, secondsToMs } from "../../src/services/http.ts";
import { factsOf, headline, inert, sentence, undomained, urgencyOf } from "../../src/services/wording.ts";
import type { HttpResponse, Limits, Outcome } from "../../src/services/service.ts";
import { batchOf, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);

function response(overrides: Partial<HttpResponse> = {}): HttpResponse {
  return { status: 200, headers: {}, body: "", ...overrides };
}

/** The outcome table of the design: delivered 2xx, then the statuses that it names, then what is left of each class. */
function expectedKind(status: number): Outcome["kind"] {
  if (status < 300) return "delivered";
  if ([408, 425, 429].includes(status) || status >= 500) return "retry";
  if ([401, 403, 404, 407, 410].includes(status) || status < 400) return "broken";
  return "rejected";
}

Deno.test("judgeStatus() keeps to the outcome table for every status", () => {
  for (let status = 200; status <= 599; status++) {
    assert.equal(judgeStatus(response({ status }), NOW_MS).kind, expectedKind(status), `${status}`);
  }
});

Deno.test("judgeStatus() says the status, and what the service says of itself", () => {
  for (const status of [302, 401, 422, 503]) {
    assert.deepEqual(judgeStatus(response({ status }), NOW_MS), {
      kind: expectedKind(status),
      reason: `HTTP ${status}`,
    });
    const outcome = judgeStatus(response({ status }), NOW_MS, { detail: "why" });
    assert.deepEqual(outcome, { kind: expectedKind(status), reason: `HTTP ${status}: why` });
  }
});

Deno.test("judgeStatus() takes the wait from the service's own field, else from Retry-After, else has none", () => {
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

Deno.test("judgeStatus() lets a wait change nothing where trying again is no help", () => {
  for (const status of [200, 404, 400]) {
    const outcome = judgeStatus(response({ status, headers: { "retry-after": "1" } }), NOW_MS, { retryAfterMs: 1 });
    assert.ok(!("retryAfterMs" in outcome), `${status}`);
  }
});

Deno.test("parseRetryAfter() reads seconds and dates, and nothing else", () => {
  const table: [string | undefined, number | undefined][] = [
    ["0", 0],
    ["120", 120_000],
    [" 120 ", 120_000],
    ["1.5", 1_500],
    ["0.0001", 1],
    ["31536000", 31_536_000_000],
    ["Sun, 22 Nov 2026 22:14:32 GMT", 60_000],
    ["Sunday, 22-Nov-26 22:14:32 GMT", 60_000],
    // In the past: at once.
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

// RFC 9110, section 5.6.7: a recipient must read the asctime form too, which is in GMT without saying so.
Deno.test("parseRetryAfter() reads the form of asctime(3) as GMT, wherever this machine stands", () => {
  const timezone = Deno.env.get("TZ");
  Deno.env.set("TZ", "Pacific/Auckland");
  try {
    assert.equal(parseRetryAfter("Sun Nov 22 22:14:32 2026", NOW_MS), 60_000);
  } finally {
    if (timezone === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", timezone);
  }
});

Deno.test("parseRetryAfter() makes a wait of any header that is not negative, or none", () => {
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

Deno.test("secondsToMs() rounds up, and takes no nonsense", () => {
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

Deno.test("jsonFields() has the fields of an object, and none of anything else", () => {
  assert.deepEqual(jsonFields('{"id":"1","n":{"a":[1]}}'), { id: "1", n: { a: [1] } });
  for (const body of ["", " ", "<html>", "{", "null", "1", "true", '"text"', '[{"id":"1"}]', '{"id":"1"} x']) {
    assert.deepEqual(jsonFields(body), {}, body);
  }
});

Deno.test("endpoint() names host and port as the net permission takes them", () => {
  const table = {
    "https://discord.com/x": "discord.com:443",
    "http://ntfy.lan/x": "ntfy.lan:80",
    "https://ntfy.lan:8443/x": "ntfy.lan:8443",
    "http://[::1]:8080/x": "[::1]:8080",
    "http://127.0.0.1/x": "127.0.0.1:80",
  };
  for (const [url, expected] of Object.entries(table)) assert.equal(endpoint(new URL(url)), expected);
});

Deno.test("sentence() is the one of the Go program, and says what is missing by leaving it out", () => {
  const rest = "logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
  assert.equal(sentence(notification()), `'alice' (203.0.113.7) ${rest}`);
  assert.equal(
    sentence(notification({ type: "close" })),
    `'alice' (203.0.113.7) ${rest.replace("in to", "out from")}`,
  );
  assert.equal(
    sentence(notification({ remoteHost: "", terminal: "", reasons: ["environment tampered with"] })),
    `'alice' logged in to example.com via sshd at 2026-11-23 11:13:32+13:00 [environment tampered with]`,
  );
});

Deno.test("sentence() lets no value go on as if it were the rest of it, or become a link", () => {
  const remoteHost = "10.0.0.9) logged out from example.com via ssh (x";
  assert.match(
    sentence(notification({ remoteHost })),
    /^'alice' \(10\.0\.0\.9） logged out from example\.com via ssh （x\) /,
  );
  assert.match(sentence(notification({ user: "root' (10.0.0.9" })), /^'root’ \(10\.0\.0\.9' \(203/);
  for (const field of ["user", "remoteHost", "terminal", "service"]) {
    assert.ok(!sentence(notification({ [field]: "https://evil.example" })).includes("://"), field);
  }
});

Deno.test("sentence() says in brackets behind it what else is known", () => {
  const rest = "(203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
  const authentication = "publickey ED25519 SHA256://abc/+ (work laptop)";
  assert.equal(
    sentence(notification({ authentication, reasons: ["first login of alice from 203.0.113.7"] })),
    `'alice' ${rest} [${authentication}; first login of alice from 203.0.113.7]`,
  );
  assert.equal(sentence(notification({ authentication })), `'alice' ${rest} [${authentication}]`);
  assert.equal(
    sentence(notification({ type: "close", duration: "2 h 5 min", authentication: "password" })),
    `'alice' ${rest.replace("in to", "out from")} [after 2 h 5 min; password]`,
  );
  assert.equal(sentence(notification({ isRepeat: true })), `'alice' ${rest} [possible repeat]`);
});

Deno.test("sentence() lets nothing in the brackets close them, become a link, or stay unescaped", () => {
  const evil = 'gssapi-with-mic "x] https://evil.example ["';
  for (const overrides of [{ authentication: evil }, { reasons: [evil] }]) {
    const text = sentence(notification(overrides), (value) => value.replaceAll("@", "\\@").replaceAll("x", "\\x"));
    assert.match(text, / \[gssapi-with-mic "\\x］ https：\/\/evil\.e\\xample ［"\]$/);
  }
});

Deno.test("sentence() and headline() of a test say that it is one", () => {
  const test = { type: "test", hostName: "example.com", time: "2026-11-23 11:13:32+13:00" } as const;
  assert.match(sentence(test), /^This is a test from example\.com at 2026-11-23 11:13:32\+13:00/);
  assert.match(headline(batchOf(test)), /^Test .* example\.com$/);
  assert.equal(headline(batchOf(notification())), "SSH login to example.com");
  assert.equal(headline(batchOf(notification({ type: "close" }))), "SSH logout from example.com");
});

Deno.test("headline() calls unexpected what has a reason to be, and counts a digest", () => {
  const urgent = notification({ urgency: "urgent" });
  assert.equal(headline(batchOf(urgent)), "SSH login to example.com");
  assert.equal(
    headline(batchOf({ ...urgent, reasons: ["first use of this key"] })),
    "Unexpected SSH login to example.com",
  );
  assert.equal(headline(batchOf(urgent, urgent)), "2 SSH logins and logouts on example.com");
});

Deno.test("urgencyOf() is that of the loudest", () => {
  const [urgent, normal, low] = (["urgent", "normal", "low"] as const).map((urgency) => notification({ urgency }));
  assert.ok(urgent !== undefined && normal !== undefined && low !== undefined);
  assert.equal(urgencyOf(batchOf(low, urgent, normal)), "urgent");
  assert.equal(urgencyOf(batchOf(low, normal)), "normal");
  assert.equal(urgencyOf(batchOf(low, low)), "low");
  assert.equal(urgencyOf(batchOf({ type: "test", hostName: "h", time: "t" })), "normal");
});

Deno.test("factsOf() leaves out what is not known, and makes no link", () => {
  const labels = (facts: ReturnType<typeof factsOf>) => facts.map(({ label }) => label);
  assert.deepEqual(labels(factsOf(notification())), ["User", "From", "Host", "Time", "Via"]);
  const all = notification({
    remoteHost: "https://evil.example",
    authentication: "password",
    duration: "5 min",
    reasons: ["a", "b"],
    isRepeat: true,
  });
  const facts = factsOf(all);
  assert.deepEqual(facts[1], { label: "From", value: "https：//evil.example" });
  assert.deepEqual(labels(facts), [
    "User",
    "From",
    "Authentication",
    "Session",
    "Why unexpected",
    "Host",
    "Time",
    "Via",
    "Note",
  ]);
  assert.deepEqual(facts[4], { label: "Why unexpected", value: "a; b" });
});

Deno.test("cut() keeps to the limit in each unit, and halves nothing", () => {
  const table: [string, Limits, string][] = [
    ["abc", { text: 3, unit: "bytes" }, "abc"],
    ["abcd", { text: 3, unit: "bytes" }, "…"],
    ["abcde", { text: 4, unit: "bytes" }, "a…"],
    ["😀😀😀", { text: 3, unit: "characters" }, "😀😀😀"],
    ["😀😀😀", { text: 2, unit: "characters" }, "😀…"],
    ["😀😀😀", { text: 4, unit: "code units" }, "😀…"],
    ["漢字漢字", { text: 9, unit: "bytes" }, "漢字…"],
  ];
  for (const [text, limits, expected] of table) assert.equal(cut(text, { limits }), expected, JSON.stringify(limits));
  const escape = (character: string) => `\\${character}`;
  assert.equal(cut("***", { limits: { text: 6, unit: "code units" }, escape }), "\\*\\*\\*");
  assert.equal(cut("****", { limits: { text: 6, unit: "code units" }, escape }), "\\*\\*\\…");
});

Deno.test("fittedSentence() cuts values, not the sentence, and leaves alone what is short enough", () => {
  const limits: Limits = { text: 500, unit: "bytes" };
  assert.equal(fittedSentence(notification(), { limits }), sentence(notification()));
  const long = "漢".repeat(128);
  const values = { user: long, remoteHost: long, terminal: long, service: long, hostName: "h".repeat(253) };
  const text = fittedSentence(notification({ ...values, reasons: Array(20).fill(long) }), { limits });
  assert.ok(lengthOf(text, "bytes") <= 500, text);
  assert.match(
    text,
    /^'漢+…' \(漢+…\) logged in to h+… via 漢+… \(漢+…\) at 2026-11-23 11:13:32\+13:00 \[漢+…(; 漢+…){4}\]$/,
  );
});

Deno.test("fitting() finds the most that fit, and asks for little more than that", () => {
  for (const total of [1, 2, 3, 7, 100]) {
    for (const most of [1, 2, 3, 5, 8, 64, 99, 100, 1000]) {
      let asked = 0;
      const count = fitting(Array.from({ length: total }, () => notification()), {
        part: () => asked++,
        fits: (parts) => parts.length <= most,
      });
      assert.equal(count, Math.min(total, most));
      assert.ok(asked <= Math.max(2, 2 * most), `${asked} for ${most}`);
    }
  }
  // One that fits nowhere has to go all the same.
  assert.equal(fitting([notification(), notification()], { part: () => "", fits: () => false }), 1);
});

Deno.test("undomained() and inert() change names and signs, and neither addresses nor fingerprints", () => {
  const same = ["203.0.113.7", "2001:db8::7", "alice", "SHA256:ab/cd+ef", "example.com", "v1.2"];
  for (const value of same) {
    assert.equal(undomained(value, "example.com"), value);
    assert.equal(inert(value, "example.com"), value);
  }
  assert.equal(undomained("evil.example.com https://x", "example.com"), "evil．example．com https：//x");
  assert.equal(inert("@bob #x /start !r:x +1 $A a@b", "h"), "＠bob ＃x ／start ！r:x ＋1 ＄A a@b");
});

Deno.test("safeId() leaves an id alone, and lets nothing out of its place", () => {
  const batch = batchOf(notification());
  assert.equal(safeId(batch), batch.id);
  assert.equal(safeId({ ...batch, id: "../x?y\r\n\ud800" }), "..%2Fx%3Fy%0D%0A%EF%BF%BD");
});
