import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, Outcome } from "../../src/services/service.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const WEBHOOK = "https://hooks.slack.com/services/T1/B1/secret";

function slack(webhook_url = WEBHOOK) {
  const result = services.get("slack")?.configure({ webhook_url });
  assert.ok(result !== undefined && "service" in result, webhook_url);
  return result.service;
}

function rendered(message: Message, form: Form = "rich"): Record<string, unknown> {
  const request = slack().render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return JSON.parse(request.body);
}

Deno.test("slack: text is the sentence, and blocks have the facts", () => {
  const { text, blocks, ...rest } = rendered(
    messageWith(notification({ urgency: "urgent", reasons: ["first use of this key"] })),
  );
  assert.match(String(text), /^🚨 Unexpected: 'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\)/);
  assert.deepEqual(rest, { mrkdwn: false, parse: "none", link_names: false, unfurl_links: false, unfurl_media: false });
  const [header, section] = blocks as [{ text: { text: string } }, { fields: { type: string; text: string }[] }];
  assert.equal(header.text.text, "🚨 Unexpected SSH login to example.com");
  assert.deepEqual(section.fields.map(({ text }) => text), [
    "User\nalice",
    "From\n203.0.113.7, port 50022",
    "Why unexpected\nfirst use of this key",
    "Host\nexample.com",
    "Time\n2026-11-23 11:13:32+13:00",
    "Via\nssh (sshd), process 4711",
  ]);
});

Deno.test("slack: the three characters are escaped, and an address is unchanged where emojis are off", () => {
  const { text, blocks } = rendered(
    messageWith(notification({ user: "<!here> & :bed:", remoteHost: "2001:db8:bed::7" })),
  );
  assert.ok(String(text).startsWith("'&lt;!here&gt; &amp; ：bed:' (2001：db8：bed::7) "), String(text));
  const shown = JSON.stringify(blocks);
  assert.ok(shown.includes("From\\n2001:db8:bed::7") && shown.includes("&lt;!here&gt; &amp; :bed:"), shown);
  assert.doesNotMatch(shown, /mrkdwn|"emoji":true/);
});

Deno.test("slack: the plain form has no blocks, and a digest has one line per event", () => {
  const message = messageWith(notification(), notification({ user: "bob", type: "close" }));
  const { text, blocks } = rendered(message, "plain");
  assert.equal(blocks, undefined);
  const title = "1 SSH login and 1 logout on example.com";
  assert.deepEqual(String(text).split("\n").map((line) => line.slice(0, 6)), [title.slice(0, 6), "'alice", "'bob' "]);
  const [header, section] = rendered(message)["blocks"] as { text: { text: string } }[];
  assert.equal(header?.text.text, title);
  assert.equal(`${title}\n${section?.text.text}`, text);
});

Deno.test("slack: an error about the webhook breaks the route", () => {
  const judged = (status: number, body: string): Outcome => slack().judge({ status, headers: {}, body }, NOW_MS);
  assert.deepEqual(judged(200, "ok"), { kind: "delivered" });
  assert.deepEqual(judged(200, "ok\n"), { kind: "delivered" });
  assert.deepEqual(judged(400, "invalid_blocks"), { kind: "refused", reason: "HTTP 400: invalid_blocks" });
  for (const word of ["no_service", "invalid_token", "channel_is_archived", "user_not_found"]) {
    assert.deepEqual(judged(400, word), { kind: "broken", reason: `HTTP 400: ${word}` });
  }
  assert.deepEqual(judged(400, "<html>no_service</html>"), { kind: "refused", reason: "HTTP 400" });
});

Deno.test("slack: another host causes a warning, and the path is secret", () => {
  assert.deepEqual(slack("https://hooks.slack-gov.com/services/T1/B1/secret").warnings, []);
  const { warnings, secrets } = slack("https://mattermost.example/hooks/secret-key");
  assert.deepEqual(warnings, ["webhook_url points to mattermost.example, which does not belong to Slack"]);
  assert.ok(secrets.includes("secret-key"));
  for (const webhook_url of ["https://hooks.slack.com", "http://hooks.slack.com/services/T1/B1/x"]) {
    assert.ok("issues" in (services.get("slack")?.configure({ webhook_url }) ?? {}), webhook_url);
  }
});
