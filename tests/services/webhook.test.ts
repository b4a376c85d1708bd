import assert from "node:assert/strict";
import { Webhook } from "npm:standardwebhooks@1.1.1";
import { services } from "../../src/services/registry.ts";
import type { Form, Message } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOOK = { url: "https://example.com/hooks/ssh?key=1", secret: SECRET };

function webhook(options: Record<string, string> = HOOK) {
  const result = services.get("webhook")?.configure(options);
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(message: Message, { form = "rich", nowMs = Date.now() }: { form?: Form; nowMs?: number } = {}) {
  const request = webhook().render(message, { form, nowMs });
  assert.ok(request.kind === "http");
  return request;
}

Deno.test("webhook: the Standard Webhooks library verifies a request, and rejects a changed one", () => {
  const { body, headers } = rendered(messageWith(notification({ user: 'zoë 😀 \\ "' })));
  const receiver = new Webhook(SECRET);
  assert.deepEqual(receiver.verify(body, { ...headers }), JSON.parse(body));
  assert.throws(() => receiver.verify(body.replace("open", "close"), { ...headers }));
  assert.throws(() => receiver.verify(body, { ...headers, "webhook-id": "other" }));
  assert.throws(() => new Webhook(`whsec_${btoa("x".repeat(24))}`).verify(body, { ...headers }));
});

Deno.test("webhook: a retry has the same id, and the time of its own attempt", () => {
  const message = messageWith(notification());
  const [first, second] = [1_795_385_612_999, 1_795_385_900_000].map((nowMs) => rendered(message, { nowMs }));
  assert.deepEqual([first?.headers["webhook-id"], second?.headers["webhook-id"]], [message.id, message.id]);
  assert.deepEqual(
    [first?.headers["webhook-timestamp"], second?.headers["webhook-timestamp"]],
    ["1795385612", "1795385900"],
  );
  assert.equal(first?.body, second?.body);
  assert.notEqual(first?.headers["webhook-signature"], second?.headers["webhook-signature"]);
});

const PLACE = { place: "Auckland, New Zealand; AS64500 Example Net", countryCode: "NZ", asn: 64_500 };

Deno.test("webhook: the body is a CloudEvent with the sentence and the unchanged values", () => {
  const { body, headers, url } = rendered(
    messageWith(notification({ urgency: "urgent", reasons: ["first use of this key"], ...PLACE })),
  );
  assert.equal(url, HOOK.url);
  assert.equal(headers["content-type"], "application/cloudevents+json; charset=utf-8");
  const { data, ...attributes } = JSON.parse(body);
  assert.deepEqual(attributes, {
    specversion: "1.0",
    id: messageWith(notification()).id,
    source: "/ssh-session-notifier/example.com",
    type: "ssh-session-notifier.open",
    time: "2026-11-22T22:13:32.000Z",
    datacontenttype: "application/json",
  });
  assert.match(data.text, /^'alice' \(203\.0\.113\.7, Auckland, New Zealand; AS64500 Example Net\) logged in /);
  assert.deepEqual([data.host, data.urgency], ["example.com", "urgent"]);
  assert.deepEqual(data.events, [{
    uuid: notification().uuid,
    type: "open",
    occurred_at_ms: Date.UTC(2026, 10, 22, 22, 13, 32),
    local_time: "2026-11-23 11:13:32+13:00",
    user: "alice",
    address: "203.0.113.7",
    remote_host: "203.0.113.7",
    place: "Auckland, New Zealand; AS64500 Example Net",
    country_code: "NZ",
    asn: 64500,
    client_port: 50022,
    terminal: "ssh",
    service: "sshd",
    process_id: 4711,
    urgency: "urgent",
    authentication: "",
    duration: "",
    reasons: ["first use of this key"],
    is_repeat: false,
  }]);
});

Deno.test("webhook: a digest has all its events, and the plain form only the sentences", () => {
  const message = messageWith(notification(), notification({ user: "bob", type: "close" }));
  const { type, data } = JSON.parse(rendered(message).body);
  assert.equal(type, "ssh-session-notifier.digest");
  assert.deepEqual(data.events.map(({ user }: { user: string }) => user), ["alice", "bob"]);
  const plain = JSON.parse(rendered(message, { form: "plain" }).body);
  assert.deepEqual(plain.data, { text: data.text });
});

Deno.test("webhook: a digest lists each routine event, and unknown facts are null", () => {
  const unknown = notification({ clientPort: undefined, processId: undefined });
  const { data } = JSON.parse(rendered(messageWith(unknown, unknown, unknown)).body);
  assert.equal(data.text.split("\n").length, 3);
  assert.deepEqual(
    data.events.map((event: Record<string, unknown>) => [event["client_port"], event["process_id"]]),
    Array(3).fill([null, null]),
  );
});

Deno.test("webhook: a time that RFC 3339 cannot express is omitted, and the host is escaped in the source", () => {
  const far = notification({ occurredAtMs: 8.64e15, hostName: "büro 漢\ud800" });
  const { time, source } = JSON.parse(rendered(messageWith(far)).body);
  assert.equal(time, undefined);
  assert.equal(source, `/ssh-session-notifier/${encodeURIComponent("büro 漢\ufffd")}`);
});

Deno.test("webhook: a secret is whsec_ and 24 to 64 bytes; without one, requests are unsigned, with a warning", () => {
  const refused = ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_****", `whsec_${btoa("x".repeat(23))}`];
  for (const secret of [...refused, `whsec_${btoa("x".repeat(65))}`, "whsec_A"]) {
    assert.ok("issues" in (services.get("webhook")?.configure({ ...HOOK, secret }) ?? {}), secret);
  }
  webhook({ ...HOOK, secret: `whsec_${btoa("x".repeat(64))}` });
  const unsigned = webhook({ url: HOOK.url });
  assert.deepEqual(unsigned.warnings, ["secret is not set: the receiver cannot verify who sent a notification"]);
  const request = unsigned.render(messageWith(notification()), { form: "rich", nowMs: 0 });
  assert.ok(request.kind === "http");
  assert.deepEqual(Object.keys(request.headers), ["content-type", "webhook-id", "webhook-timestamp"]);
});

Deno.test("webhook: content_type is a media type of JSON, and does not change the body or the signature", () => {
  const message = messageWith(notification());
  const nowMs = Date.now();
  const request = (options: Record<string, string>) => {
    const request = webhook({ ...HOOK, ...options }).render(message, { form: "rich", nowMs });
    assert.ok(request.kind === "http");
    return request;
  };
  assert.equal(request({}).headers["content-type"], "application/cloudevents+json; charset=utf-8");
  for (const content_type of ["application/json", "application/json; charset=utf-8", "application/vnd.a-b.v1+json"]) {
    const { headers, ...rest } = request({ content_type });
    const { "content-type": type, ...others } = headers;
    const { headers: { "content-type": _, ...usual }, ...same } = request({});
    assert.deepEqual([type, others, rest], [content_type, usual, same]);
  }
  for (
    const content_type of [
      "",
      "json",
      "text/plain",
      "application/xml",
      "application/json\r\nx: y",
      "application/json;x",
      5,
    ]
  ) {
    const result = services.get("webhook")?.configure({ ...HOOK, content_type });
    assert.ok(result !== undefined && "issues" in result && result.issues.length === 1, String(content_type));
  }
});
