import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Message } from "../../src/services/service.ts";
import { redactor } from "../../src/send/redact.ts";
import { configured } from "../helpers/compliance.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";
import { NOW_MS } from "../helpers/service_specs.ts";

const WEBHOOK = "https://chat.googleapis.com/v1/spaces/AAAAbbbb/messages?key=AIzaSy-key&token=the-token%3D";

function googlechat(webhook_url = WEBHOOK) {
  return configured(services.get("googlechat") ?? assert.fail(), { webhook_url });
}

function textOf(message: Message, form: Form = "rich"): string {
  const request = googlechat().render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  assert.equal(request.url, WEBHOOK);
  const { text, ...more } = JSON.parse(request.body);
  assert.deepEqual(more, {});
  return text;
}

Deno.test("googlechat: the title comes first, and the plain form is the sentence alone", () => {
  const urgent = messageWith(notification({ urgency: "urgent", reasons: ["first use of this key"] }));
  const [title, sentence] = textOf(urgent).split("\n");
  assert.equal(title, "🚨 Unexpected SSH login to example.com");
  assert.match(sentence ?? "", /^'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at 2026-11-23/);
  assert.equal(textOf(urgent, "plain"), `🚨 Unexpected: ${sentence}`);
  assert.match(
    textOf(messageWith(notification(), notification({ user: "bob" }))),
    /^2 SSH logins on example\.com\n'.*\n'/,
  );
});

Deno.test("googlechat: no value mentions anyone, links or formats, and an ordinary name is unchanged", () => {
  const table = {
    "<users/all>": "＜users/all>",
    "<https://evil.example|bank>": "＜https：／／evil．example|bank>",
    "*x* _x_ ~x~ `x`": "＊x＊ ＿x＿ ～x～ ｀x｀",
    "_apt": "＿apt",
    "www_data.1": "www_data.1",
  };
  for (const [user, expected] of Object.entries(table)) {
    assert.ok(textOf(messageWith(notification({ user }))).includes(`\n'${expected}' (203.0.113.7)`), user);
  }
});

Deno.test("googlechat: no name in a report becomes a link", () => {
  const lines = ["Users: [bank](tel:1) 1", "From: <users/all> 1"];
  const report = {
    type: "report",
    hostName: "example.com",
    time: "2026-11-23 08:00:00+13:00",
    lines,
    hours: [],
  } as const;
  assert.match(textOf(messageWith(report)), /\nUsers: \[bank］\(tel:1\) 1\nFrom: ＜users\/all> 1$/);
});

Deno.test("googlechat: webhook_url has a space, a key and a token, which are secret", () => {
  const redact = redactor(googlechat().secrets);
  assert.equal(redact("key AIzaSy-key, token the-token= or the-token%3D"), "key [secret], token [secret] or [secret]");
  const wrong = [
    "https://chat.googleapis.com/v1/spaces/AAAAbbbb/messages",
    WEBHOOK.replace("key=AIzaSy-key&", ""),
    WEBHOOK.replaceAll("&", "&amp;"),
    WEBHOOK.replace("https:", "http:"),
    WEBHOOK.replace("/messages", ""),
  ];
  for (const webhook_url of wrong) {
    assert.ok("issues" in (services.get("googlechat")?.configure({ webhook_url }) ?? {}), webhook_url);
  }
  assert.deepEqual(googlechat().warnings, []);
  assert.deepEqual(googlechat(WEBHOOK.replace("googleapis.com", "evil.example")).warnings, [
    "webhook_url points to chat.evil.example, which does not belong to Google Chat",
  ]);
});
