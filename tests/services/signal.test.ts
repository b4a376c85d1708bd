import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, Outcome } from "../../src/services/service.ts";
import { configured } from "../helpers/compliance.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";
import { NOW_MS } from "../helpers/service_specs.ts";

const ACCOUNT = { server_url: "http://127.0.0.1:8080/signal/", number: "+15550100001", recipients: ["+15550100002"] };

function signal(options: Record<string, unknown> = ACCOUNT) {
  return configured(services.get("signal") ?? assert.fail(), options);
}

function rendered(message: Message, form: Form = "rich") {
  const request = signal().render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  assert.equal(request.url, "http://127.0.0.1:8080/signal/v2/send");
  return JSON.parse(request.body);
}

function judged(status: number, body: unknown): Outcome {
  return signal().judge({ status, headers: {}, body: JSON.stringify(body) }, NOW_MS);
}

Deno.test("signal: the text has a title and no styles, and the plain form is the sentence alone", () => {
  const urgent = messageWith(notification({ user: "*bob*", urgency: "urgent", reasons: ["first use of this key"] }));
  const { message, ...more } = rendered(urgent);
  const [title, sentence] = message.split("\n");
  assert.equal(title, "🚨 Unexpected SSH login to example.com");
  assert.match(sentence, /^'\*bob\*' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at 2026-11-23/);
  assert.deepEqual(more, { number: "+15550100001", recipients: ["+15550100002"], text_mode: "normal" });
  assert.equal(rendered(urgent, "plain").message, `🚨 Unexpected: ${sentence}`);
});

Deno.test("signal: recipients are numbers or one group, and each mistake has one clear fault", () => {
  for (const recipients of [["+15550100002", "+4915112345678"], ["group.YWJjZA=="]]) signal({ ...ACCOUNT, recipients });
  const table: [unknown, RegExp][] = [
    [[], /at least one/],
    ["+15550100002", /array/i],
    [["015550100002"], /must be a number/],
    [["+1 555 0100002"], /must be a number/],
    [["group."], /must be a number/],
    [["+15550100002", "alice"], /must be a number/],
    [["+15550100002", "group.YWJjZA=="], /single group/],
    [["group.YWJjZA==", "group.YWJjZB=="], /single group/],
    [[1], /string/i],
  ];
  for (const [recipients, expected] of table) {
    const result = services.get("signal")?.configure({ ...ACCOUNT, recipients }) ?? assert.fail();
    assert.ok("issues" in result, JSON.stringify(recipients));
    assert.equal(result.issues.length, 1, JSON.stringify(recipients));
    assert.match(result.issues[0]?.message ?? "", expected, JSON.stringify(recipients));
  }
  for (const number of ["", "15550100001", "+0155501", "+1555\n0100001"]) {
    assert.ok("issues" in (services.get("signal")?.configure({ ...ACCOUNT, number }) ?? {}), number);
  }
});

Deno.test("signal: a captcha breaks the route and says what to do; a rate limit without one is waited for", () => {
  const challenge_tokens = ["91aa51ce-71d1-4cc2-8eeb-f858cc54be3f"];
  const limited = "Failed to send message due to rate limiting. Use the attached challenge tokens";
  assert.deepEqual(judged(429, { error: limited, challenge_tokens, account: "+15550100001" }), {
    kind: "broken",
    reason: "HTTP 429: Signal requires a captcha: solve https://signalcaptchas.org/challenge/generate.html and post " +
      `it to /v1/accounts/{number}/rate-limit-challenge with challenge_token ${challenge_tokens[0]}`,
  });
  const older = 'Failed to send (some) messages:\n+15550100002: CAPTCHA proof required for sending to "+15550100002"';
  assert.equal(judged(400, { error: older }).kind, "broken");
  for (const tokens of [[""], [], undefined, "x", [{ toString: [] }], ["</b> \u202e"]]) {
    const outcome = judged(429, { error: limited, challenge_tokens: tokens });
    assert.deepEqual([outcome.kind, "limitsRate" in outcome], ["retry", true], JSON.stringify(tokens));
  }
});

Deno.test("signal: plain http to another host causes a warning", () => {
  assert.deepEqual(signal().warnings, []);
  assert.equal(signal({ ...ACCOUNT, server_url: "http://signal.lan:8080" }).warnings.length, 1);
});
