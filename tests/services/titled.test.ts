// What comes first in a message with a title, and in one without.

import assert from "node:assert/strict";
import { fittedSentences, lengthOf } from "../../src/services/fitting.ts";
import { fittingTitled, plainText, titledText, type TitledWording, untitledText } from "../../src/services/titled.ts";
import { sentence } from "../../src/services/wording.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const WORDING: TitledWording = {
  limits: { text: 500, unit: "bytes" },
  title: { text: 100, unit: "bytes" },
  message: { text: 2_000, unit: "bytes" },
};

const URGENT = notification({ urgency: "urgent", reasons: ["first use of this key"] });
const LINE = sentence(URGENT);
const TITLE = "🚨 Unexpected SSH login to example.com";
const DIGEST_TITLE = "🚨 Unexpected: 2 SSH logins on example.com";

Deno.test("every text of an urgent message begins with 🚨, once", () => {
  const [one, two] = [messageWith(URGENT), messageWith(URGENT, URGENT)];
  assert.equal(titledText(one, WORDING, "rich"), `${TITLE}\n${LINE}`);
  assert.equal(titledText(one, WORDING, "plain"), `🚨 Unexpected: ${LINE}`);
  assert.equal(untitledText(one, WORDING), `🚨 Unexpected: ${LINE}`);
  assert.equal(titledText(two, WORDING, "rich"), `${DIGEST_TITLE}\n${LINE}\n${LINE}`);
  assert.equal(untitledText(two, WORDING), `${DIGEST_TITLE}\n${LINE}\n${LINE}`);
  assert.equal(untitledText(messageWith(notification()), WORDING), sentence(notification()));
});

Deno.test("plainText() is within the limit of a sentence, including its first words", () => {
  for (let length = 0; length < 200; length++) {
    const long = { ...URGENT, user: "u".repeat(length), reasons: Array(3).fill("漢".repeat(30)) };
    const text = plainText(messageWith(long), WORDING);
    assert.ok(text.startsWith("🚨 Unexpected: '"), text);
    assert.ok(lengthOf(text, "bytes") <= 500, text);
  }
});

Deno.test("fittingTitled() counts the title and the folded lines", () => {
  const events = Array.from({ length: 100 }, (_, index) => notification({ user: `user${index}` }));
  const count = fittingTitled(events, WORDING);
  const lengthUpTo = (count: number) => {
    const [first = assert.fail(), ...more] = events.slice(0, count);
    return lengthOf(titledText(messageWith(first, ...more), WORDING, "rich"), "bytes");
  };
  assert.ok(lengthUpTo(count) <= 2_000 && lengthUpTo(count + 1) > 2_000);
  const alike = Array.from({ length: 100 }, () => notification());
  assert.equal(fittingTitled(alike, WORDING), 100);
  assert.equal(fittedSentences({ notifications: [notification(), ...alike] }, WORDING).length, 1);
});
