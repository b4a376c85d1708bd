import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { redactor } from "../../src/send/redact.ts";

Deno.test("redactor() replaces each secret, wherever and however often it stands", () => {
  const redact = redactor(["tk_1", "https://ntfy.sh/topic"]);
  assert.equal(redact("tk_1: GET https://ntfy.sh/topic?a=tk_1"), "[secret]: GET [secret]?a=[secret]");
  assert.equal(redact("nothing to hide"), "nothing to hide");
});

Deno.test("redactor() finds a secret that was quoted or percent-encoded", () => {
  const redact = redactor(['p@ss "w/ord\\']);
  for (const form of ['p@ss "w/ord\\', "p%40ss%20%22w%2Ford%5C", 'p@ss \\"w/ord\\\\']) {
    assert.equal(redact(`<${form}>`), "<[secret]>", form);
  }
});

Deno.test("redactor() leaves no part of a secret beside a shorter one in it", () => {
  assert.equal(
    redactor(["tok", "/webhooks/1/tok-en", "tok-en"])("x/webhooks/1/tok-en tok-en tok"),
    "x[secret] [secret] [secret]",
  );
});

Deno.test("redactor() takes a secret for text, not for a pattern", () => {
  assert.equal(redactor(["a.*b$&"])("axxb a.*b$&"), "axxb [secret]");
});

Deno.test("redactor() has nothing to do for an empty secret", () => {
  assert.equal(redactor(["", "x1"])("abc x1"), "abc [secret]");
  assert.equal(redactor([])("abc"), "abc");
});

Deno.test("redactor() lets no secret through, in any text around it", () => {
  const secret = fc.string({ unit: "binary", minLength: 9, maxLength: 20 });
  fc.assert(fc.property(fc.array(secret, { minLength: 1, maxLength: 4 }), fc.array(fc.string()), (secrets, around) => {
    const encoded = secrets.flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret)]);
    const text = redactor(secrets)([...around, ...encoded, ...around, ...encoded].join(" "));
    for (const secret of secrets) {
      assert.ok(!text.includes(secret), secret);
      assert.ok(!text.includes(encodeURIComponent(secret)), secret);
    }
  }));
});
