// The Mattermost service: its Markdown is read by two public parsers, of which one is the origin of Mattermost's own.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import MarkdownIt from "npm:markdown-it@15.0.3";
import { marked } from "npm:marked@18.2.1";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, SessionNotification } from "../../src/services/service.ts";
import { configured } from "../helpers/compliance.ts";
import { HOSTILE_TEXTS, MARKUP, messageWith, notification } from "../helpers/fixtures.ts";
import { NOW_MS } from "../helpers/service_specs.ts";

const WEBHOOK = "https://mattermost.example/hooks/abcdefghijklmnopqrstuvwxyz";

function mattermost(options: Record<string, string> = {}) {
  return configured(services.get("mattermost") ?? assert.fail(), { webhook_url: WEBHOOK, ...options });
}

function rendered(message: Message, { form = "rich" as Form, ...options }: { form?: Form; channel?: string } = {}) {
  const request = mattermost(options).render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return JSON.parse(request.body);
}

/** All texts of a message that Mattermost reads as Markdown. */
function markdownOf(message: Message, form: Form): string[] {
  const { text, attachments = [] } = rendered(message, { form });
  return [text, ...attachments.map(({ text }: { text: string }) => text)];
}

const PARSERS: readonly ((markdown: string) => string)[] = [
  (markdown) => marked.parse(markdown, { gfm: true, breaks: true, async: false }),
  (markdown) => new MarkdownIt({ linkify: true, html: true, breaks: true }).render(markdown),
];

/** The elements of a rendered text, in order. */
function tags(html: string): string[] {
  return html.match(/<\/?[a-z]\w*/g) ?? [];
}

/** What Mattermost finds in text by itself: mentions, hashtags, channels, emojis, and Slack's commands and links. */
const NAMES = /@|\B#|~|\B:[\w+-]+:\B|[<>]/;

const FIELDS = ["user", "remoteHost", "terminal", "service", "authentication"] as const;

function checkInert(value: string): void {
  const withValue = (value: string): SessionNotification =>
    notification({ ...Object.fromEntries(FIELDS.map((field) => [field, value])), reasons: [value] });
  for (const form of ["rich", "plain"] as const) {
    for (const count of [1, 2] as const) {
      const textsWith = (value: string) =>
        markdownOf(messageWith(withValue(value), ...Array(count - 1).fill(withValue(value))), form);
      const expected = textsWith("x");
      for (const [index, markdown] of textsWith(value).entries()) {
        assert.doesNotMatch(markdown, NAMES, JSON.stringify(value));
        for (const parse of PARSERS) {
          assert.deepEqual(tags(parse(markdown)), tags(parse(expected[index] ?? "")), markdown);
        }
      }
    }
  }
}

for (const [what, value] of Object.entries(MARKUP)) {
  Deno.test(`mattermost: no event can inject ${what}`, () => checkInert(value));
}

Deno.test("mattermost: no value can add markup or a mention", () => {
  for (
    const text of HOSTILE_TEXTS.filter((text) =>
      text.length < 500 && text.trim() !== "" && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)
    )
  ) {
    checkInert(text);
  }
  // Parsers link what follows two slashes, whatever is before them.
  for (const text of ["x://>.>*x", "x ://1.2", "(//evil.1example", "////1.2", "https:////localhost"]) checkInert(text);
  const markup = fc.string({ unit: fc.constantFrom(..."*_~`|<>@#:/[]()\\!&-+=.,;'\"ab 1"), minLength: 1 });
  fc.assert(fc.property(markup, (text) => checkInert(`x${text}x`)), { numRuns: 300 });
});

Deno.test("mattermost: readers see ordinary values unchanged", () => {
  const event = notification({
    user: "deploy_user.2",
    remoteHost: "2001:db8::bed:7",
    authentication: "publickey ED25519 SHA256:a/b+c (work [laptop] *1*)",
  });
  const { text } = rendered(messageWith(event), { form: "plain" });
  assert.equal(
    text.replaceAll(/\\([\\*_`|[\]])/g, "$1"),
    "'deploy_user.2' (2001:db8::bed:7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00 " +
      "[publickey ED25519 SHA256:a/b+c (work ［laptop］ *1*)]",
  );
});

Deno.test("mattermost: an urgent message has a title, the priority and a colour; a digest and the plain form have no facts", () => {
  const urgent = messageWith(notification({ urgency: "urgent", reasons: ["first use of this key"] }));
  const { text, priority, attachments: [{ color, text: facts }] } = rendered(urgent);
  assert.match(text, /^🚨 Unexpected SSH login to example\.com\n'alice' \(203\.0\.113\.7\) logged in to example\.com/);
  assert.deepEqual([priority, color], [{ priority: "urgent" }, "#d93f3f"]);
  assert.match(
    facts,
    /^\*\*User\*\* alice\n\*\*From\*\* 203\.0\.113\.7, port 50022\n\*\*Why unexpected\*\* first use of this key\n/,
  );
  assert.deepEqual(Object.keys(rendered(urgent, { form: "plain" })), ["text"]);
  assert.deepEqual(Object.keys(rendered(messageWith(notification(), notification()))), ["text"]);
  assert.deepEqual(Object.keys(rendered(messageWith(notification({ urgency: "low" })))), ["text", "attachments"]);
});

Deno.test("mattermost: channel is the name of a channel or a user", () => {
  assert.equal(rendered(messageWith(notification()), { channel: "town-square" }).channel, "town-square");
  mattermost({ channel: "@alice" });
  for (const channel of ["", "Town Square", "#town-square", "@"]) {
    const result = services.get("mattermost")?.configure({ webhook_url: WEBHOOK, channel });
    assert.ok("issues" in (result ?? {}), channel);
  }
});

Deno.test("mattermost: webhook_url ends in the hook's id, which is secret; plain http causes a warning", () => {
  assert.ok(mattermost().secrets.includes("abcdefghijklmnopqrstuvwxyz"));
  assert.deepEqual(mattermost({ webhook_url: "http://chat.lan:8065/team/hooks/abc" }).warnings, [
    "webhook_url uses plain http: the network can read notifications and tokens",
  ]);
  for (const webhook_url of ["https://mattermost.example", "https://mattermost.example/hooks/", "chat.lan/hooks/a"]) {
    assert.ok("issues" in (services.get("mattermost")?.configure({ webhook_url }) ?? {}), webhook_url);
  }
});
