import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { isoInstant, jsonText } from "../src/json_text.ts";
import { HOSTILE_TEXTS } from "./helpers/fixtures.ts";

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
