// Gotify and Pushover, which are similar to ntfy: a sentence, a title, a priority.

import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Outcome, SessionNotification } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const SENTENCE = "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
const GOTIFY = { server_url: "https://gotify.example/push/", token: "Asecret" };
const PUSHOVER = { token: "asecret", user: "usecret" };

function configured(name: string, options: Record<string, string>) {
  const result = services.get(name)?.configure(options);
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(
  [name, options]: [string, Record<string, string>],
  { form = "rich", ...overrides }: Partial<SessionNotification> & { form?: Form } = {},
) {
  const request = configured(name, options).render(messageWith(notification(overrides)), { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return request;
}

Deno.test("gotify: a message goes below the server's path as plain text, with the token in a header", () => {
  const { url, headers, body } = rendered(["gotify", GOTIFY]);
  assert.equal(url, "https://gotify.example/push/message");
  assert.deepEqual(headers, { "content-type": "application/json", "x-gotify-key": "Asecret" });
  assert.deepEqual(JSON.parse(body), {
    message: SENTENCE,
    title: "SSH login to example.com",
    priority: 5,
    extras: { "client::display": { contentType: "text/plain" } },
  });
  assert.deepEqual(JSON.parse(rendered(["gotify", GOTIFY], { form: "plain" }).body), { message: SENTENCE });
  assert.equal(JSON.parse(rendered(["gotify", GOTIFY], { urgency: "urgent" }).body).priority, 8);
  assert.equal(JSON.parse(rendered(["gotify", GOTIFY], { urgency: "low", type: "close" }).body).priority, 2);
});

Deno.test("gotify: plain http is accepted, with a warning unless the host is loopback", () => {
  assert.deepEqual(configured("gotify", { ...GOTIFY, server_url: "http://127.0.0.1:8080" }).warnings, []);
  assert.deepEqual(configured("gotify", { ...GOTIFY, server_url: "http://gotify.lan" }).warnings, [
    "server_url uses plain http: the network can read notifications and tokens",
  ]);
  for (const server_url of ["https://gotify.lan?token=x", "https://u:p@gotify.lan", "gotify.lan"]) {
    assert.ok("issues" in (services.get("gotify")?.configure({ ...GOTIFY, server_url }) ?? {}), server_url);
  }
});

Deno.test("gotify: the server's error text is the reason", () => {
  const judged = (status: number, body: unknown): Outcome =>
    configured("gotify", GOTIFY).judge({ status, headers: {}, body: JSON.stringify(body) }, NOW_MS);
  assert.deepEqual(judged(200, { id: 25 }), { kind: "delivered" });
  assert.deepEqual(judged(401, { error: "Unauthorized", errorDescription: "you need a token" }), {
    kind: "broken",
    reason: "HTTP 401: you need a token",
  });
});

Deno.test("pushover: the form has the sentence, title, priority and the time of the event", () => {
  const { url, headers, body } = rendered(["pushover", PUSHOVER], { urgency: "urgent" });
  assert.equal(url, "https://api.pushover.net/1/messages.json");
  assert.deepEqual(headers, { "content-type": "application/x-www-form-urlencoded" });
  assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    token: "asecret",
    user: "usecret",
    message: SENTENCE,
    title: "🚨 SSH login to example.com",
    priority: "1",
    timestamp: "1795385612",
  });
  const plain = new URLSearchParams(rendered(["pushover", PUSHOVER], { form: "plain" }).body);
  assert.deepEqual([...plain.keys()], ["token", "user", "message"]);
  assert.match(rendered(["pushover", PUSHOVER], { urgency: "low" }).body, /&priority=-1&/);
});

Deno.test("pushover: the time of a badly wrong clock is omitted, because Pushover would refuse it", () => {
  for (const occurredAtMs of [-1, 0, 8.64e15]) {
    assert.doesNotMatch(rendered(["pushover", PUSHOVER], { occurredAtMs }).body, /timestamp/, `${occurredAtMs}`);
  }
});

Deno.test("pushover: an exhausted quota waits until its reset, and a wrong key breaks the route", () => {
  const judged = (status: number, body: unknown, headers: Record<string, string> = {}): Outcome =>
    configured("pushover", PUSHOVER).judge({ status, headers, body: JSON.stringify(body) }, NOW_MS);
  assert.deepEqual(judged(200, { status: 1 }), { kind: "delivered" });
  assert.equal(judged(200, { status: 0 }).kind, "refused");
  const errors = ["user identifier is not a valid user"];
  assert.deepEqual(judged(400, { user: "invalid", errors, status: 0 }), {
    kind: "broken",
    reason: `HTTP 400: ${errors}`,
  });
  assert.equal(judged(400, { message: "cannot be blank", errors: [], status: 0 }).kind, "refused");
  const waits: [number, Record<string, string>, number][] = [
    [429, { "x-limit-app-reset": String(NOW_MS / 1000 + 60) }, 60_000],
    [429, { "x-limit-app-reset": String(NOW_MS / 1000 - 60) }, 24 * 60 * 60 * 1000],
    [429, { "x-limit-app-reset": "soon" }, 24 * 60 * 60 * 1000],
    [429, { "retry-after": "7", "x-limit-app-reset": "9999999999" }, 7_000],
    [500, {}, 5_000],
  ];
  for (const [status, headers, expected] of waits) {
    const outcome = judged(status, {}, headers);
    assert.ok(outcome.kind === "retry");
    assert.equal(outcome.retryAfterMs, expected, JSON.stringify(headers));
  }
});
