import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { cap, capAuthInfo, MAX_AUTH_INFO_LENGTH } from "../src/event.ts";

/** Well-formed text, mostly outside the Basic Multilingual Plane, where each character is a surrogate pair. */
const text = fc.string({ unit: "binary", maxLength: 40 });
const maxLength = fc.integer({ min: 1, max: 60 });

Deno.test("cap() does not change a text within the maximum", () => {
  fc.assert(fc.property(text, fc.nat(10), (value, spare) => {
    assert.equal(cap(value, value.length + spare), value);
  }));
});

Deno.test("cap() cuts a longer text and appends …, at most one pair below the maximum", () => {
  fc.assert(fc.property(text, maxLength, (value, maxLength) => {
    fc.pre(value.length > maxLength);
    const cut = cap(value, maxLength);
    assert.ok(cut.length <= maxLength && cut.length >= maxLength - 1, `${cut.length} of ${maxLength}`);
    assert.ok(cut.endsWith("…"));
    assert.ok(value.startsWith(cut.slice(0, -1)));
  }));
});

Deno.test("cap() never splits a surrogate pair", () => {
  fc.assert(fc.property(text, maxLength, (value, maxLength) => {
    assert.ok(cap(value, maxLength).isWellFormed());
  }));
  assert.equal(cap("ab😀c", 4), "ab…");
});

Deno.test("capAuthInfo() cuts a long line but keeps the next one, and changes nothing that it has cut", () => {
  const key = `publickey ssh-ed25519 ${"A".repeat(68)}\n`;
  assert.equal(capAuthInfo(`${key}password\n`), `${key}password\n`);
  const cut = capAuthInfo(`publickey ${"x".repeat(130_000)}\n${key}`);
  assert.equal(cut, `publickey ${"x".repeat(8 * 1024 - 11)}…\n${key}`);
  fc.assert(fc.property(fc.array(fc.tuple(text, fc.nat(9_000))), (lines) => {
    const capped = capAuthInfo(lines.map(([value, times]) => value.repeat(times)).join("\n"));
    assert.ok(capped.length <= MAX_AUTH_INFO_LENGTH && capped.isWellFormed());
    assert.equal(capAuthInfo(capped), capped);
  }));
  // Control characters would be six bytes each.
  const hostile = JSON.stringify(capAuthInfo("\u0001é😀".repeat(100_000)));
  assert.ok(new TextEncoder().encode(hostile).length < MAX_AUTH_INFO_LENGTH);
});
