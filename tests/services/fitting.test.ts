// Nothing exceeds a service's limits, and nothing is cut without need.

import assert from "node:assert/strict";
import { cut, fittedSentence, fittedSentences, fitting, fittingLines, lengthOf } from "../../src/services/fitting.ts";
import type { Limits, SessionNotification } from "../../src/services/service.ts";
import { sentence } from "../../src/services/wording.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

Deno.test("cut() keeps the limit in each unit and never splits a character", () => {
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
  const escape = (text: string) => text.replace(/./gu, "\\$&");
  assert.equal(cut("***", { limits: { text: 6, unit: "code units" }, escape }), "\\*\\*\\*");
  assert.equal(cut("****", { limits: { text: 6, unit: "code units" }, escape }), "\\*\\*\\…");
});

Deno.test("fittedSentence() cuts values, not the sentence, and changes nothing that fits", () => {
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

const DIGEST = { limits: { text: 500, unit: "bytes" }, message: { text: 2_000, unit: "bytes" } } as const;

/** A routine login or logout, this many minutes after 11:00. */
function routine(minutes: number, overrides: Partial<SessionNotification> = {}): SessionNotification {
  const time = `2026-11-23 11:${String(minutes).padStart(2, "0")}:00+13:00`;
  return notification({ occurredAtMs: Date.parse(time), time, ...overrides });
}

function linesOf(first: SessionNotification, ...more: SessionNotification[]): string[] {
  return fittedSentences(messageWith(first, ...more), DIGEST);
}

Deno.test("fittedSentences() folds the routine events of one user, address, key and service, in any order", () => {
  const key = { authentication: "publickey ED25519 SHA256:abc" };
  const events = [routine(7, key), routine(3, key), routine(12, { ...key, type: "close", urgency: "low" })] as const;
  const line = "'alice' (203.0.113.7): 2 logins and 1 logout on example.com via ssh (sshd) between " +
    "2026-11-23 11:03:00+13:00 and 11:12:00+13:00 [publickey ED25519 SHA256:abc]";
  assert.deepEqual(linesOf(...events), [line]);
  assert.deepEqual(linesOf(events[2], events[1], events[0]), [line]);
  assert.match(
    linesOf(events[0], events[0])[0] ?? "",
    /: 2 logins on example\.com via ssh \(sshd\) at 2026-11-23 11:07:00/,
  );
  const nextDay = routine(0, { ...key, occurredAtMs: Date.UTC(2027, 0), time: "2027-01-01 13:00:00+13:00" });
  assert.match(
    linesOf(events[0], nextDay)[0] ?? "",
    / between 2026-11-23 11:07:00\+13:00 and 2027-01-01 13:00:00\+13:00 /,
  );
  const other = [{ user: "bob" }, { remoteHost: "203.0.113.8" }, { dnsName: "x" }, { authentication: "" }, {
    service: "su",
  }];
  for (const overrides of other) {
    const differs = routine(5, { ...key, ...overrides });
    assert.deepEqual(linesOf(events[0], differs, events[1]).length, 2, JSON.stringify(overrides));
    assert.equal(linesOf(events[0], differs, events[1])[1], sentence(differs));
  }
});

Deno.test("fittedSentences() never folds what is new: it has a line of its own, above the others", () => {
  const own: Partial<SessionNotification>[] = [
    { reasons: ["first use of this key"] },
    { reasons: ["environment tampered with"], urgency: "urgent" },
    { urgency: "urgent" },
    { isRepeat: true },
  ];
  for (const overrides of own) {
    const events = [routine(2, overrides), routine(3, overrides)] as const;
    assert.deepEqual(linesOf(routine(1), ...events, routine(4)), [
      ...events.map((event) => sentence(event)),
      "'alice' (203.0.113.7): 2 logins on example.com via ssh (sshd) between 2026-11-23 11:01:00+13:00 and 11:04:00+13:00",
    ]);
  }
});

Deno.test("fittedSentences() keeps a folded line within the limits, and its values harmless", () => {
  const hostile = {
    user: `x' (10.0.0.1): 5${"漢".repeat(120)}`,
    remoteHost: ")(".repeat(60),
    authentication: "]".repeat(400),
  };
  const [line = "", ...more] = linesOf(routine(1, hostile), routine(2, hostile));
  assert.deepEqual(more, []);
  assert.ok(lengthOf(line, "bytes") <= 500, line);
  assert.match(line, /^'x’ \(10\.0\.0\.1\): 5漢*…' \([）（]+…\): 2 logins on example\.com .* \[］+…\]$/);
});

Deno.test("fittingLines() counts the folded lines", () => {
  const alike = Array.from({ length: 500 }, () => routine(1));
  assert.equal(fittingLines(alike, DIGEST), 500);
  const others = Array.from({ length: 500 }, (_, index) => routine(1, { user: `user${index}` }));
  const count = fittingLines(others, DIGEST);
  const text = (count: number) => linesOf(...others.slice(0, count) as [SessionNotification]).join("\n");
  assert.ok(lengthOf(text(count), "bytes") <= 2_000 && lengthOf(text(count + 1), "bytes") > 2_000);
});

Deno.test("fitting() finds the largest count that fits, and calls part() for few more", () => {
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
  // A notification that never fits is sent alone.
  assert.equal(fitting([notification(), notification()], { part: () => "", fits: () => false }), 1);
});
