import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Outcome, SessionNotification } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const ROOM = { server_url: "https://matrix.example.org/base/", room_id: "!a/b:example.org", token: "syt_secret" };

function matrix(options: Record<string, string> = ROOM) {
  const result = services.get("matrix")?.configure(options);
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function rendered({ form = "rich", ...overrides }: Partial<SessionNotification> & { form?: Form } = {}) {
  const request = matrix().render(messageWith(notification(overrides)), { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return { ...request, body: JSON.parse(request.body) };
}

Deno.test("matrix: the room is escaped in the path, and the message's id is the transaction id", () => {
  const { url, method, headers } = rendered();
  const { id } = messageWith(notification());
  const path = `_matrix/client/v3/rooms/!a%2Fb%3Aexample.org/send/m.room.message/${id}`;
  assert.deepEqual([method, url], ["PUT", `https://matrix.example.org/base/${path}`]);
  assert.deepEqual(headers, { "content-type": "application/json", authorization: "Bearer syt_secret" });
});

Deno.test("matrix: values are code, no one is mentioned, and a logout is a notice", () => {
  const { body } = rendered({ user: "@bob:example.org </code><b>", remoteHost: "evil.example" });
  assert.deepEqual(body, {
    msgtype: "m.text",
    body:
      "'＠bob:example．org <／code><b>' (evil．example) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00",
    "m.mentions": {},
    format: "org.matrix.custom.html",
    formatted_body: "<strong>SSH login to example.com</strong><br>" +
      "'<code>@bob:example.org &#60;/code&#62;&#60;b&#62;</code>' (<code>evil.example</code>) logged in to " +
      "<code>example.com</code> via <code>ssh</code> (<code>sshd</code>) at 2026-11-23 11:13:32+13:00",
  });
  assert.equal(rendered({ type: "close", urgency: "low" }).body.msgtype, "m.notice");
  assert.deepEqual(Object.keys(rendered({ form: "plain" }).body), ["msgtype", "body", "m.mentions"]);
});

Deno.test("matrix: room_id accepts an id, not an alias", () => {
  for (const room_id of ["!abc:example.org", "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"]) {
    matrix({ ...ROOM, room_id });
  }
  for (const room_id of ["#alias:example.org", "abc", "!", "!a b", ""]) {
    assert.ok("issues" in (services.get("matrix")?.configure({ ...ROOM, room_id }) ?? {}), room_id);
  }
});

Deno.test("matrix: the probe asks whether the room is encrypted, and only a certain answer is a warning", () => {
  const { request, warning } = matrix().probe ?? assert.fail();
  assert.deepEqual(request, {
    kind: "http",
    method: "GET",
    url: "https://matrix.example.org/base/_matrix/client/v3/rooms/!a%2Fb%3Aexample.org/state/m.room.encryption/",
    headers: { authorization: "Bearer syt_secret" },
    body: "",
  });
  const warningOf = (status: number, body: string) => warning({ status, headers: {}, body });
  assert.match(warningOf(200, `{"algorithm":"m.megolm.v1.aes-sha2"}`) ?? "", /^the room is encrypted/);
  for (
    const [status, body] of [[404, `{"errcode":"M_NOT_FOUND"}`], [403, "{}"], [200, "{}"], [200, "<html>"]] as const
  ) {
    assert.equal(warningOf(status, body), undefined);
  }
});

Deno.test("matrix: judge() reads the error and the wait from the answer", () => {
  const judged = (status: number, body: unknown, headers: Record<string, string> = {}): Outcome =>
    matrix().judge({ status, headers, body: JSON.stringify(body) }, NOW_MS);
  assert.deepEqual(judged(200, { event_id: "$x" }), { kind: "delivered" });
  assert.deepEqual(judged(403, { errcode: "M_FORBIDDEN", error: "not in room" }), {
    kind: "broken",
    reason: "HTTP 403: M_FORBIDDEN: not in room",
  });
  assert.deepEqual(judged(413, { errcode: "M_TOO_LARGE" }), { kind: "refused", reason: "HTTP 413: M_TOO_LARGE" });
  const limited = { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1500.5 };
  assert.deepEqual(judged(429, limited), {
    kind: "retry",
    reason: "HTTP 429: M_LIMIT_EXCEEDED",
    retryAfterMs: 1501,
    limitsRate: true,
  });
  for (const retry_after_ms of [-1, "5", null, 1e999]) {
    const outcome = judged(429, { retry_after_ms }, { "retry-after": "9" });
    assert.ok(outcome.kind === "retry" && outcome.retryAfterMs === 9_000, String(retry_after_ms));
  }
});
