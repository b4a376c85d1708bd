import assert from "node:assert/strict";
import { forwarded, withoutMarks } from "../../src/services/escapes.ts";

Deno.test("forwarded() leaves ordinary names, addresses, fingerprints and times as they are", () => {
  const ordinary = [
    "alice",
    "svc_backup-2",
    "203.0.113.7",
    "2001:db8::7",
    "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE",
    "2026-11-23 11:13:32+13:00",
    "first login of alice from 203.0.113.7",
  ];
  for (const value of ordinary) assert.equal(forwarded(value, "h"), value);
  assert.equal(forwarded("web1.example.com", "web1.example.com"), "web1.example.com");
});

Deno.test("forwarded() leaves no mention, link or markup of any chat", () => {
  assert.equal(forwarded("<!channel> @everyone", "h"), "＜！channel＞ ＠everyone");
  assert.equal(
    forwarded("https://evil.example ||x|| **x** `x` ~x~", "h"),
    "https：／／evil．example ｜｜x｜｜ ＊＊x＊＊ ｀x｀ ～x～",
  );
  assert.equal(withoutMarks("<@1> alice@corp.example"), "＜@1＞ alice@corp.example");
});
