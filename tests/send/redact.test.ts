import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { redactor } from "../../src/send/redact.ts";

Deno.test("redactor() replaces each occurrence of a secret", () => {
  const redact = redactor(["tk_1", "https://ntfy.sh/topic"]);
  assert.equal(redact("tk_1: GET https://ntfy.sh/topic?a=tk_1"), "[secret]: GET [secret]?a=[secret]");
  assert.equal(redact("nothing to hide"), "nothing to hide");
});

Deno.test("redactor() replaces a secret that is quoted or percent-encoded", () => {
  const redact = redactor(['p@ss "w/ord\\']);
  for (const form of ['p@ss "w/ord\\', "p%40ss%20%22w%2Ford%5C", 'p@ss \\"w/ord\\\\']) {
    assert.equal(redact(`<${form}>`), "<[secret]>", form);
  }
});

Deno.test("redactor() leaves no part of a secret that contains a shorter one", () => {
  assert.equal(
    redactor(["tok", "/webhooks/1/tok-en", "tok-en"])("x/webhooks/1/tok-en tok-en tok"),
    "x[secret] [secret] [secret]",
  );
});

Deno.test("redactor() treats a secret as text, not as a pattern", () => {
  assert.equal(redactor(["a.*b$&"])("axxb a.*b$&"), "axxb [secret]");
});

Deno.test("redactor() ignores an empty secret", () => {
  assert.equal(redactor(["", "x1"])("abc x1"), "abc [secret]");
  assert.equal(redactor([])("abc"), "abc");
});

/** A secret as written in a URL, in a form, in JSON, and in PHP's JSON. */
function encodings(secret: string): string[] {
  const inUrl = encodeURIComponent(secret);
  const lowerCase = inUrl.replace(/%../g, (escape) => escape.toLowerCase());
  const inForm = new URLSearchParams({ secret }).toString().replace("secret=", "");
  const inJson = JSON.stringify(secret).slice(1, -1);
  return [secret, inUrl, lowerCase, inForm, inJson, inJson.replaceAll("/", "\\/")];
}

Deno.test("redactor() redacts every secret of 8 or more characters, in any notation and context", () => {
  const secret = fc.string({ unit: "binary", minLength: 8, maxLength: 20 }).filter((text) => text.isWellFormed());
  fc.assert(fc.property(fc.array(secret, { minLength: 1, maxLength: 4 }), fc.array(fc.string()), (secrets, around) => {
    const encoded = secrets.flatMap(encodings);
    const text = redactor(secrets)([...around, ...encoded, ...around, ...encoded].join("x"));
    for (const form of encoded) assert.ok(!text.includes(form), form);
  }));
});

Deno.test("redactor() redacts a short secret only as a whole word", () => {
  const redact = redactor(["t", "lim", "/b", "b", "p@ss"]);
  const table: [text: string, expected: string][] = [
    ["HTTP 429: limit reached: too many requests; it's not about bob's tab", ""],
    ["don't", ""],
    ["https://ntfy.example/lim", "https://ntfy.example/[secret]"],
    ["https://ntfy.example/t?x=lim&y=t#b", "https://ntfy.example/[secret]?x=[secret]&y=[secret]#[secret]"],
    ['{"topic":"lim","path":"\\/b","x":"{\\"topic\\":\\"t\\"}"}', ""],
    ["topic 'lim' is reserved, lim.", "topic '[secret]' is reserved, [secret]."],
    ["p%40ss p@ss p@ssword", "[secret] [secret] p@ssword"],
  ];
  for (const [text, expected] of table) {
    if (text.startsWith("{")) assert.doesNotMatch(redact(text), /lim|\\"t\\"|\/b/);
    else assert.equal(redact(text), expected || text);
  }
  const word = fc.stringMatching(/^[a-z0-9]{1,7}$/);
  const prose = fc.array(fc.stringMatching(/^[a-z0-9]{1,12}$/), { maxLength: 12 });
  fc.assert(fc.property(word, prose, fc.constantFrom(" ", ", ", "/", ": ", "-", "'"), (secret, words, between) => {
    const others = words.filter((one) => one !== secret);
    const text = others.join(between);
    assert.equal(redactor([secret])(text), text);
    for (const [before, after] of [["https://a.example/", ""], ["?x=", "&y"], ['"', '"'], ["topic ", " is bad"]]) {
      assert.equal(redactor([secret])(`${before}${secret}${after}`).includes("[secret]"), true);
    }
  }));
});
