// alertmanager_real.test.ts has the real server.

import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { HttpResponse, Message, RenderOptions } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 10);

function configured(options: Record<string, unknown> = {}) {
  const result = services.get("alertmanager")?.configure({ server_urls: ["https://am.example/alerts/"], ...options });
  assert.ok(result !== undefined && "service" in result, JSON.stringify(options));
  return result.service;
}

function alertsOf(
  message: Message,
  { form = "rich", nowMs = NOW_MS }: Partial<RenderOptions> = {},
  options: Record<string, unknown> = {},
) {
  const request = configured(options).render(message, { form, nowMs });
  assert.ok(request.kind === "http");
  return JSON.parse(request.body);
}

Deno.test("alertmanager: each event is an alert with its own ID, from its own time until an hour after the attempt", () => {
  const message = messageWith(notification(), notification({ uuid: "2", type: "close", urgency: "low" }));
  const alerts = alertsOf(message);
  assert.deepEqual(
    alerts.map((
      { labels }: { labels: Record<string, string> },
    ) => [labels["alertname"], labels["severity"], labels["event"]]),
    [["SshLogin", "warning", notification().uuid], ["SshLogout", "info", "2"]],
  );
  for (const { startsAt, endsAt } of alerts) {
    assert.deepEqual([startsAt, endsAt], ["2026-11-22T22:13:32.000Z", "2026-11-23T11:00:00.000Z"]);
  }
  assert.equal(alertsOf(message, {}, { resolve_after_minutes: 10 })[0].endsAt, "2026-11-23T10:10:00.000Z");
});

Deno.test("alertmanager: a test and a notice have the message's ID, which is the same for all attempts", () => {
  const base = { hostName: "web1", time: "now" };
  const notice = { ...base, type: "notice", text: "the route is down: why", plainText: "the route is down" } as const;
  for (const [one, name] of [[notice, "SshNotifierNotice"], [{ ...base, type: "test" }, "SshNotifierTest"]] as const) {
    const [{ labels, startsAt }] = alertsOf(messageWith(one));
    assert.deepEqual(labels, {
      alertname: name,
      job: "ssh-session-notifier",
      instance: "web1",
      severity: "warning",
      event: messageWith(one).id,
    });
    assert.equal(startsAt, new Date(NOW_MS).toISOString());
  }
});

Deno.test("alertmanager: the plain form has no label whose value comes from the event", () => {
  const [{ labels, annotations }] = alertsOf(messageWith(notification()), { form: "plain" });
  assert.deepEqual(Object.keys(labels), ["alertname", "job", "instance", "severity", "event"]);
  assert.deepEqual(Object.keys(annotations), ["summary", "description"]);
});

Deno.test("alertmanager: a label keeps the name of a domain user, and is omitted if its value is empty", () => {
  const [{ labels }] = alertsOf(messageWith(notification({ user: "alice.b@corp.example", remoteHost: "" })));
  assert.deepEqual([labels.user, "address" in labels], ["alice.b@corp.example", false]);
});

Deno.test("alertmanager: each server gets the alert, with the credentials", () => {
  const urls = ["https://one.example/am", "http://127.0.0.1:9093"];
  const service = configured({ server_urls: urls, user: "u", password: "pässword" });
  const request = service.render(messageWith(notification()), { form: "rich", nowMs: NOW_MS });
  assert.ok(request.kind === "http-each");
  assert.deepEqual(request.requests.map(({ url }) => url), [
    "https://one.example/am/api/v2/alerts",
    "http://127.0.0.1:9093/api/v2/alerts",
  ]);
  for (const { headers } of request.requests) assert.equal(headers["authorization"], "Basic dTpww6Rzc3dvcmQ=");
  assert.equal(new Set(request.requests.map(({ body }) => body)).size, 1);
  assert.deepEqual(service.endpoints, ["one.example:443", "127.0.0.1:9093"]);
  assert.ok(service.secrets.includes("dTpww6Rzc3dvcmQ="));
  assert.deepEqual(configured({ server_urls: [...urls, "http://lan"] }).warnings, [
    "server_urls uses plain http: the network can read notifications and tokens",
  ]);
});

Deno.test("alertmanager: wrong options are refused", () => {
  const wrong: Record<string, unknown>[] = [
    { server_urls: "https://am.example" },
    { server_urls: [] },
    { server_urls: ["am.example:9093"] },
    { server_urls: ["https://am.example?x=1"] },
    { server_urls: ["https://u:p@am.example"] },
    { user: "u" },
    { password: "p" },
    { user: "u", password: "p", token: "t" },
    { token: "a\nb" },
    { resolve_after_minutes: 9 },
    { resolve_after_minutes: 1441 },
    { resolve_after_minutes: 60.5 },
    { resolve_after_minutes: "60" },
  ];
  for (const options of wrong) {
    const result = services.get("alertmanager")?.configure({ server_urls: ["https://am.example"], ...options });
    assert.ok(result !== undefined && "issues" in result, JSON.stringify(options));
  }
});

Deno.test("alertmanager: the reason is the server's, in both of its formats", () => {
  const judged = (status: number, body: string) => configured().judge({ status, headers: {}, body }, NOW_MS);
  assert.deepEqual(judged(400, `"invalid label set: invalid name \\"al-ert\\""\n`), {
    kind: "refused",
    reason: `HTTP 400: invalid label set: invalid name "al-ert"`,
  });
  assert.deepEqual(judged(422, `{"code":601,"message":"[0].labels is required"}`), {
    kind: "refused",
    reason: "HTTP 422: [0].labels is required",
  });
  assert.equal(judged(404, "404 page not found\n").kind, "broken");
});

Deno.test("alertmanager: an alert that is active for less than five minutes by the server's clock is not delivered", () => {
  const kindOf = (behindMinutes: number, options: Record<string, unknown> = {}) => {
    const date = new Date(NOW_MS + behindMinutes * 60_000).toUTCString();
    const response: HttpResponse = { status: 200, headers: { date }, body: "" };
    return configured(options).judge(response, NOW_MS).kind;
  };
  assert.deepEqual([-600, 0, 55, 56, 600].map((minutes) => kindOf(minutes)), [
    "delivered",
    "delivered",
    "delivered",
    "broken",
    "broken",
  ]);
  assert.equal(kindOf(56, { resolve_after_minutes: 120 }), "delivered");
  assert.deepEqual(configured().judge({ status: 200, headers: { date: "soon" }, body: "" }, NOW_MS), {
    kind: "delivered",
  });
});
