import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, Outcome } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";
import { answerOf } from "../helpers/receiver.ts";
import { CLOSED_TOPIC, OPEN_TOPIC, SECRET, telegram as telegramReceiver } from "../helpers/receivers.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const BOT = { token: "123456:secret-part", chat_id: -1001234567890 };

function telegram(options: Record<string, unknown> = BOT) {
  const result = services.get("telegram")?.configure(options);
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(message: Message, form: Form = "rich") {
  const request = telegram().render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  const body = JSON.parse(request.body);
  const marked = (body.entities ?? []).map((
    { type, offset, length }: { type: string; offset: number; length: number },
  ) => `${type}: ${body.text.slice(offset, offset + length)}`);
  return { url: request.url, body, marked };
}

Deno.test("telegram: every value of an event is code, so it cannot be a mention, link or command", () => {
  const { body, marked } = rendered(
    messageWith(notification({ user: "@bob 😀", remoteHost: "evil.example", reasons: ["/start"] })),
  );
  assert.equal(
    body.text,
    "SSH login to example.com\n" +
      "'@bob 😀' (evil.example) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00 [/start]",
  );
  assert.deepEqual(marked, [
    "bold: SSH login to example.com",
    "code: @bob 😀",
    "code: evil.example",
    "code: example.com",
    "code: ssh",
    "code: sshd",
    "code: /start",
  ]);
  assert.deepEqual(body.link_preview_options, { is_disabled: true });
  assert.equal(body.parse_mode, undefined);
});

Deno.test("telegram: a digest is one code block, because a message has at most 100 entities", () => {
  const { body, marked } = rendered(
    messageWith(notification(), ...Array.from({ length: 30 }, (_, index) => notification({ user: `${index}` }))),
  );
  assert.equal(marked.length, 2);
  assert.equal(marked[0], "bold: 31 SSH logins on example.com");
  assert.equal(marked[1].split("\n").length, 31);
  assert.ok(body.text.endsWith(marked[1].replace("pre: ", "")));
});

Deno.test("telegram: an unexpected login is marked, a logout makes no sound, the plain form has no entities", () => {
  const unexpected = notification({ urgency: "urgent", reasons: ["first use of this key"] });
  assert.match(rendered(messageWith(unexpected)).body.text, /^🚨 Unexpected SSH login to example\.com\n/);
  const logout = messageWith(notification({ type: "close", urgency: "low" }));
  assert.equal(rendered(logout).body.disable_notification, true);
  assert.deepEqual(Object.keys(rendered(logout, "plain").body), ["chat_id", "text", "link_preview_options"]);
  const { text } = rendered(messageWith(notification({ user: "@bob", remoteHost: "evil.example" })), "plain").body;
  assert.match(text, /^'＠bob' \(evil．example\) logged in to example\.com /);
});

Deno.test("telegram: the token is in the URL and is secret", () => {
  assert.equal(rendered(messageWith(notification())).url, "https://api.telegram.org/bot123456:secret-part/sendMessage");
  assert.deepEqual(telegram().secrets, ["123456:secret-part", "secret-part"]);
  const own = telegram({ ...BOT, server_url: "http://127.0.0.1:8081/api/" });
  assert.deepEqual(own.endpoints, ["127.0.0.1:8081"]);
  assert.equal(own.warnings.length, 1);
});

Deno.test("telegram: chat_id accepts a number, a quoted number, or the @name of a channel", () => {
  for (const chat_id of [1, -100, "-100", "@channel"]) telegram({ ...BOT, chat_id });
  for (const chat_id of [1.5, 2 ** 60, "channel", "", true, null]) {
    assert.ok("issues" in (services.get("telegram")?.configure({ ...BOT, chat_id }) ?? {}), String(chat_id));
  }
  for (const token of ["", "secret", "1:a/../x", "1:a b"]) {
    assert.ok("issues" in (services.get("telegram")?.configure({ ...BOT, token }) ?? {}), token);
  }
});

Deno.test("telegram: an error about the chat breaks the route, and a migrated group gives its new ID", () => {
  const judged = (status: number, body: unknown): Outcome =>
    telegram().judge({ status, headers: {}, body: JSON.stringify(body) }, NOW_MS);
  assert.deepEqual(judged(200, { ok: true, result: {} }), { kind: "delivered" });
  assert.equal(judged(200, { ok: "true" }).kind, "delivered");
  const moved = { ok: false, description: "group chat was upgraded", parameters: { migrate_to_chat_id: -100987 } };
  assert.deepEqual(judged(400, moved), {
    kind: "broken",
    reason: "HTTP 400: the group has a new chat ID: set chat_id = -100987",
  });
  for (const description of ["Bad Request: chat not found", "Bad Request: not enough rights to send text messages"]) {
    assert.deepEqual(judged(400, { ok: false, description }), { kind: "broken", reason: `HTTP 400: ${description}` });
  }
  const tooLong = "Bad Request: message is too long";
  assert.deepEqual(judged(400, { ok: false, description: tooLong }), {
    kind: "refused",
    reason: `HTTP 400: ${tooLong}`,
  });
  assert.equal(judged(400, { parameters: { migrate_to_chat_id: "<script>" } }).kind, "refused");
});

Deno.test("telegram: topic_id sends to a topic, and one that is closed or does not exist breaks the route", async () => {
  const options = { token: `123456:${SECRET}`, chat_id: -1001234567890 };
  const outcomeFor = async (topic_id: number) => {
    const service = telegram({ ...options, topic_id });
    const request = service.render(messageWith(notification()), { form: "rich", nowMs: NOW_MS });
    return service.judge(await answerOf(telegramReceiver, request), NOW_MS);
  };
  assert.deepEqual(await outcomeFor(OPEN_TOPIC), { kind: "delivered" });
  assert.deepEqual(await outcomeFor(CLOSED_TOPIC), { kind: "broken", reason: "HTTP 400: Bad Request: TOPIC_CLOSED" });
  assert.equal((await outcomeFor(1)).kind, "broken");
  for (const topic_id of [0, -7, 7.5, "7", null, Infinity]) {
    const result = services.get("telegram")?.configure({ ...options, topic_id });
    assert.ok(result !== undefined && "issues" in result && result.issues.length === 1, String(topic_id));
  }
});
