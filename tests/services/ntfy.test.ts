import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { HttpRequest, HttpResponse, Outcome, SessionNotification } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const TOPIC = { topic_url: "https://ntfy.sh/my-topic" };

function ntfy(options: Record<string, string> = TOPIC) {
  const result = services.get("ntfy")?.configure(options);
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(options?: Record<string, string>): HttpRequest {
  const request = ntfy(options).render(messageWith(notification()), { form: "rich", nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return request;
}

function judged(response: Partial<HttpResponse>): Outcome {
  return ntfy().judge({ status: 200, headers: {}, body: `{"id":"abc","event":"message"}`, ...response }, NOW_MS);
}

Deno.test("ntfy: JSON with the topic goes to the server's root, which can be below a path", () => {
  const table: [topicUrl: string, root: string, topic: string][] = [
    ["https://ntfy.sh/my-topic", "https://ntfy.sh/", "my-topic"],
    ["https://ntfy.sh/my-topic/", "https://ntfy.sh/", "my-topic"],
    ["http://ntfy.lan:8080/My_Topic-1", "http://ntfy.lan:8080/", "My_Topic-1"],
    ["https://example.com/push/ntfy/t", "https://example.com/push/ntfy/", "t"],
    ["https://example.com/ntfy/t/", "https://example.com/ntfy/", "t"],
  ];
  for (const [topic_url, root, topic] of table) {
    const { url, method, body } = rendered({ topic_url });
    assert.deepEqual([url, method, JSON.parse(body).topic], [root, "POST", topic], topic_url);
  }
});

Deno.test("ntfy: the plain sentence is the message, and the rich form adds a title", () => {
  const bodyOf = (form: "rich" | "plain", type: "open" | "close") => {
    const request = ntfy().render(messageWith(notification({ type })), { form, nowMs: NOW_MS });
    assert.ok(request.kind === "http");
    return JSON.parse(request.body);
  };
  const message = "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
  assert.deepEqual(bodyOf("plain", "open"), { topic: "my-topic", message });
  const ornament = { title: "SSH login to example.com", tags: ["key"], priority: 3 };
  assert.deepEqual(bodyOf("rich", "open"), { topic: "my-topic", message, ...ornament });
  assert.equal(bodyOf("rich", "close").title, "SSH logout from example.com");
});

Deno.test("ntfy: a digest of values that JSON escapes stays within the server's limits, fewer than 4096 bytes of text and 8192 in all", () => {
  const long = "t".repeat(64);
  const service = ntfy({ topic_url: `https://ntfy.sh/${long}` });
  for (const value of ['"'.repeat(8), '"'.repeat(90), "\\".repeat(250), "x".repeat(250)]) {
    const hostile = { user: value, remoteHost: value, terminal: value, service: value, hostName: value };
    const events = Array.from({ length: 100 }, () => notification({ ...hostile, urgency: "urgent" }));
    const count = service.fitting(events);
    assert.ok(count > 1, value);
    const [first = assert.fail(), ...more] = events.slice(0, count);
    const request = service.render(messageWith(first, ...more), { form: "rich", nowMs: NOW_MS });
    assert.ok(request.kind === "http");
    const bytes = (text: string) => new TextEncoder().encode(text).length;
    assert.ok(bytes(request.body) <= 8192, `${value}: ${bytes(request.body)}`);
    assert.ok(bytes(JSON.parse(request.body).message) < 4096, value);
  }
});

Deno.test("ntfy: an unexpected login rings, and a logout makes no sound", () => {
  const ornament = (overrides: Partial<SessionNotification>) => {
    const request = ntfy().render(messageWith(notification(overrides)), { form: "rich", nowMs: NOW_MS });
    assert.ok(request.kind === "http");
    const { title, tags, priority } = JSON.parse(request.body);
    return [title, ...tags, priority];
  };
  assert.deepEqual(ornament({ urgency: "urgent", reasons: ["first use of this key"] }), [
    "Unexpected SSH login to example.com",
    "rotating_light",
    5,
  ]);
  // A login of root is urgent, but not unexpected.
  assert.deepEqual(ornament({ urgency: "urgent" }), ["SSH login to example.com", "rotating_light", 5]);
  assert.deepEqual(ornament({ type: "close", urgency: "low" }), ["SSH logout from example.com", "door", 2]);
});

Deno.test("ntfy: user and password go into the Authorization header as UTF-8, and are secret", () => {
  const options = { ...TOPIC, user: "zoë", password: "p:ä s" };
  const { authorization = "" } = rendered(options).headers;
  assert.equal(authorization, `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode("zoë:p:ä s")))}`);
  const { secrets } = ntfy(options);
  for (const secret of ["p:ä s", authorization.replace("Basic ", "")]) assert.ok(secrets.includes(secret), secret);
});

Deno.test("ntfy: a token goes into the Authorization header, which is absent without one", () => {
  assert.deepEqual(rendered().headers, { "content-type": "application/json" });
  const { headers, url, body } = rendered({ ...TOPIC, token: "tk_x" });
  assert.deepEqual(headers, { "content-type": "application/json", authorization: "Bearer tk_x" });
  assert.ok(!`${url}${body}`.includes("tk_x"));
});

Deno.test("ntfy: invalid topics, tokens, users and passwords are rejected", () => {
  const refused: Record<string, string>[] = [
    { topic_url: "https://ntfy.sh/" },
    { topic_url: "https://ntfy.sh" },
    { topic_url: "https://ntfy.sh/a.b" },
    { topic_url: "https://ntfy.sh/a%20b" },
    { topic_url: `https://ntfy.sh/${"a".repeat(65)}` },
    { topic_url: "https://ntfy.sh/a//" },
    { ...TOPIC, token: "" },
    { ...TOPIC, token: "a b" },
    { ...TOPIC, token: "a\r\nx-evil: 1" },
    { ...TOPIC, token: "é" },
    { token: "tk_x" },
    { ...TOPIC, user: "a" },
    { ...TOPIC, password: "b" },
    { ...TOPIC, user: "a", password: "" },
    { ...TOPIC, user: "a:b", password: "b" },
    { ...TOPIC, user: "a", password: "b", token: "tk_x" },
  ];
  for (const options of refused) {
    const result = services.get("ntfy")?.configure(options);
    assert.ok(result !== undefined && "issues" in result, JSON.stringify(options));
  }
  ntfy({ topic_url: `https://ntfy.sh/${"a".repeat(64)}` });
});

Deno.test("ntfy: a 2xx counts as delivered, unless it is a web page", () => {
  for (const body of ["", "ok", "{}", "[]", '{"id":"1"}']) assert.equal(judged({ body }).kind, "delivered", body);
  assert.equal(judged({ body: "<html>It works!</html>" }).kind, "broken");
});

Deno.test("ntfy: an exhausted daily quota waits an hour, too many requests five seconds", () => {
  const limited = (code: number) => `{"code":${code},"http":429,"error":"limit reached"}`;
  const table: [Partial<HttpResponse>, number | undefined][] = [
    [{ body: limited(42908) }, 60 * 60 * 1000],
    [{ body: limited(42901) }, 5_000],
    [{ body: "slow down" }, 5_000],
    [{ body: `{"code":"42908"}` }, 5_000],
    [{ body: limited(42908), headers: { "retry-after": "7" } }, 7_000],
    [{ body: limited(42901), headers: { "retry-after": "never" } }, 5_000],
    [{ status: 503, body: limited(42908) }, undefined],
  ];
  for (const [response, expected] of table) {
    const outcome = judged({ status: 429, ...response });
    assert.ok(outcome.kind === "retry");
    assert.equal(outcome.retryAfterMs, expected, JSON.stringify(response));
  }
});

Deno.test("ntfy: a message that the server turned into an attachment was too long", () => {
  const body = JSON.stringify({
    id: "sPs71M8A2T",
    event: "message",
    message: "You received a file: attachment.txt",
    attachment: { name: "attachment.txt", type: "text/plain; charset=utf-8", size: 5000, url: "https://ntfy.sh/x.txt" },
  });
  assert.deepEqual(judged({ body }), {
    kind: "refused",
    reason: "HTTP 200: the message is too long for this server's message-size-limit, so it became an attachment",
  });
  assert.equal(judged({ body: `{"id":"abc","attachment":null}` }).kind, "delivered");
});

Deno.test("ntfy: too many failed logins mean a wrong token, which no retry corrects", () => {
  const body =
    `{"code":42909,"http":429,"error":"limit reached: too many auth failures; authentication temporarily disabled"}`;
  assert.equal(judged({ status: 429, body }).kind, "broken");
});

Deno.test("ntfy: the server's error text is the reason", () => {
  const table: [number, string, Outcome][] = [
    [403, `{"code":40301,"http":403,"error":"forbidden"}`, { kind: "broken", reason: "HTTP 403: forbidden" }],
    [401, `{"code":40101,"http":401,"error":"unauthorized"}`, { kind: "broken", reason: "HTTP 401: unauthorized" }],
    [413, `{"code":41301,"http":413,"error":"too large"}`, { kind: "refused", reason: "HTTP 413: too large" }],
    [404, "page not found", { kind: "broken", reason: "HTTP 404" }],
    [500, `{"error":5}`, { kind: "retry", reason: "HTTP 500" }],
  ];
  for (const [status, body, expected] of table) assert.deepEqual(judged({ status, body }), expected);
});
