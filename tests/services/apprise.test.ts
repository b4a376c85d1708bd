import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Notification, Outcome } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const OPTIONS = { server_url: "https://apprise.example/a/", key: "my-key_1" };

function configured(options: Record<string, string> = {}) {
  const result = services.get("apprise")?.configure({ ...OPTIONS, ...options });
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered(one: Notification, { form = "rich", ...options }: Record<string, string> & { form?: Form } = {}) {
  const request = configured(options).render(messageWith(one), { form, nowMs: 0 });
  assert.ok(request.kind === "http");
  return request;
}

Deno.test("apprise: a text with title and type goes to the configuration's key, below the server's path", () => {
  const { url, headers, body } = rendered(notification(), { tag: "ops, security" });
  assert.equal(url, "https://apprise.example/a/notify/my-key_1");
  assert.deepEqual(headers, { "content-type": "application/json", accept: "application/json" });
  assert.deepEqual(JSON.parse(body), {
    body: "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00",
    format: "text",
    tag: "ops, security",
    title: "SSH login to example.com",
    type: "info",
  });
  const plain = JSON.parse(rendered(notification(), { form: "plain", tag: "ops" }).body);
  assert.deepEqual(Object.keys(plain), ["body", "format", "tag"]);
  const { headers: basic } = rendered(notification(), { user: "u", password: "p" });
  assert.equal(basic["authorization"], `Basic ${btoa("u:p")}`);
});

Deno.test("apprise: the type tells an urgent event, a notice and a test apart", () => {
  const base = { hostName: "h", time: "now" };
  const typeOf = (one: Notification) => JSON.parse(rendered(one).body).type;
  assert.deepEqual([
    typeOf(notification({ urgency: "urgent" })),
    typeOf(notification({ type: "close", urgency: "low" })),
    typeOf({ ...base, type: "notice", text: "down", plainText: "down" }),
    typeOf({ ...base, type: "test" }),
  ], ["failure", "info", "warning", "success"]);
});

Deno.test("apprise: no configuration with the key is broken, and a target that failed is tried again", () => {
  const judged = (status: number, body = ""): Outcome => configured().judge({ status, headers: {}, body }, 0);
  assert.deepEqual(judged(200, `{"error":null}`), { kind: "delivered" });
  assert.deepEqual(judged(200, "* INFO - notification sent"), { kind: "delivered" });
  assert.deepEqual(judged(204), {
    kind: "broken",
    reason: "HTTP 204: the server has no configuration with this key",
  });
  assert.deepEqual(judged(424, `{"error":"One or more notification could not be sent"}`), {
    kind: "retry",
    reason: "HTTP 424: One or more notification could not be sent",
  });
  assert.equal(judged(400, `{"error":"Unsupported characters found in tag definition"}`).kind, "broken");
  assert.equal(judged(400, `{"error":"Payload lacks minimum requirements"}`).kind, "refused");
  assert.equal(judged(403, `{"error":"This configuration has been disabled"}`).kind, "broken");
});

Deno.test("apprise: wrong options are refused", () => {
  for (
    const options of [
      { key: "" },
      { key: "a/b" },
      { key: "k".repeat(129) },
      { tag: "" },
      { tag: "a;b" },
      { tag: " a" },
      {
        user: "u",
      },
      { server_url: "https://apprise.example/?x" },
    ]
  ) {
    assert.ok(
      "issues" in (services.get("apprise")?.configure({ ...OPTIONS, ...options }) ?? {}),
      JSON.stringify(options),
    );
  }
});
