// Nothing exceeds a service's limits, and nothing is cut without need.

import assert from "node:assert/strict";
import { cut, fittedSentence, fitting, lengthOf } from "../../src/services/fitting.ts";
import { type Limits } from "../../src/services/service.ts";
import { sentence } from "../../src/services/wording.ts";
import { notification } from "../helpers/fixtures.ts";

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
  const escape = (character: string) => `\\${character}`;
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
