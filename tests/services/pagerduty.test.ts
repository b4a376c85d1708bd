import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, Outcome } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const KEY = "R0123456789abcdefghijklmnopqrstu";
const SENTENCE = "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";

function configured(options: Record<string, string> = {}) {
  const result = services.get("pagerduty")?.configure({ routing_key: KEY, ...options });
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(message: Message, { form = "rich", nowMs = NOW_MS }: { form?: Form; nowMs?: number } = {}) {
  const request = configured().render(message, { form, nowMs });
  assert.ok(request.kind === "http");
  return { url: request.url, ...JSON.parse(request.body) };
}

Deno.test("pagerduty: an event opens an incident, with its facts as details", () => {
  const unexpected = notification({ urgency: "urgent", reasons: ["first login of alice"] });
  assert.deepEqual(rendered(messageWith(unexpected)), {
    url: "https://events.pagerduty.com/v2/enqueue",
    routing_key: KEY,
    event_action: "trigger",
    dedup_key: unexpected.uuid,
    payload: {
      summary: `🚨 Unexpected SSH login to example.com: ${SENTENCE} [first login of alice]`,
      source: "example.com",
      severity: "critical",
      timestamp: "2026-11-22T22:13:32.000Z",
      component: "sshd",
      class: "login",
      custom_details: {
        User: "alice",
        From: "203.0.113.7, port 50022",
        "Why unexpected": "first login of alice",
        Host: "example.com",
        Time: "2026-11-23 11:13:32+13:00",
        Via: "ssh (sshd), process 4711",
      },
    },
  });
  const { payload } = rendered(messageWith(unexpected), { form: "plain" });
  assert.deepEqual(Object.keys(payload), ["summary", "source", "severity", "timestamp"]);
});

Deno.test("pagerduty: a digest is one incident, with the message's ID, its lines in the details, and the highest severity", () => {
  for (const form of ["rich", "plain"] as const) {
    const message = messageWith(notification(), notification({ user: "bob", urgency: "urgent" }));
    const { dedup_key, payload } = rendered(message, { form });
    assert.equal(dedup_key, message.id);
    assert.deepEqual([payload.summary, payload.severity], ["🚨 2 SSH logins on example.com", "critical"]);
    assert.deepEqual(payload.custom_details, { Events: `${SENTENCE.replace("alice", "bob")}\n${SENTENCE}` });
  }
});

Deno.test("pagerduty: a report has its lines in the details, and is of no urgency", () => {
  const report = {
    type: "report",
    hostName: "h",
    time: "now",
    lines: ["all is well", "12 logins"],
    hours: [],
  } as const;
  const { payload } = rendered(messageWith(report));
  assert.deepEqual([payload.summary, payload.severity], ["SSH report of h", "info"]);
  assert.deepEqual(payload.custom_details, { Report: "SSH report of h:\nall is well\n12 logins" });
});

Deno.test("pagerduty: a timestamp is what RFC 3339 can express, and not in the future", () => {
  const at = (occurredAtMs: number) => rendered(messageWith(notification({ occurredAtMs }))).payload.timestamp;
  assert.deepEqual([at(-8.64e15), at(8.64e15)], ["1970-01-01T00:00:00.000Z", "2026-11-23T00:00:00.000Z"]);
});

Deno.test("pagerduty: a forged event ID of any length stays within the limit of the key", () => {
  const { dedup_key } = rendered(messageWith(notification({ uuid: "x".repeat(1000) })));
  assert.equal(dedup_key.length, 255);
});

Deno.test("pagerduty: the server is PagerDuty's, in the US or the EU, or a relay with a warning", () => {
  assert.deepEqual(configured({ server_url: "https://events.eu.pagerduty.com" }).warnings, []);
  assert.deepEqual(configured({ server_url: "https://events.pagerduty.com.evil.example" }).warnings, [
    "server_url points to events.pagerduty.com.evil.example, which does not belong to PagerDuty",
  ]);
  for (
    const options of [
      { routing_key: "short" },
      { routing_key: `${KEY.slice(1)}\n` },
      { server_url: "http://events.pagerduty.com" },
    ]
  ) assert.ok("issues" in (services.get("pagerduty")?.configure({ routing_key: KEY, ...options }) ?? {}));
});

Deno.test("pagerduty: a wrong key breaks the route, an invalid event is refused, a rate limit is waited for", () => {
  const judged = (status: number, body: unknown): Outcome =>
    configured().judge({ status, headers: {}, body: JSON.stringify(body) }, NOW_MS);
  assert.deepEqual(judged(202, { status: "success", message: "Event processed", dedup_key: "x" }), {
    kind: "delivered",
  });
  const invalid = { status: "invalid event", message: "Event object is invalid" };
  assert.deepEqual(
    judged(400, { ...invalid, errors: ["Length of 'routing_key' is incorrect (should be 32 characters)"] }),
    {
      kind: "broken",
      reason: "HTTP 400: Event object is invalid; Length of 'routing_key' is incorrect (should be 32 characters)",
    },
  );
  assert.equal(judged(400, { status: "Invalid routing key" }).kind, "broken");
  assert.deepEqual(judged(400, { ...invalid, errors: ["'payload.severity' is invalid"] }), {
    kind: "refused",
    reason: "HTTP 400: Event object is invalid; 'payload.severity' is invalid",
  });
  assert.deepEqual(judged(429, { status: "throttle exceeded" }), {
    kind: "retry",
    reason: "HTTP 429",
    limitsRate: true,
  });
});
