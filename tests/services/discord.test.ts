import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { shown } from "../../src/send/render.ts";
import { services } from "../../src/services/registry.ts";
import type { Form, HttpResponse, Notification, Outcome } from "../../src/services/service.ts";
import { markupOf } from "../helpers/discord_markup.ts";
import { HOSTILE_TEXTS, MARKUP, messageWith, notification } from "../helpers/fixtures.ts";
import { answerOf } from "../helpers/receiver.ts";
import { discord as discordReceiver, FORUM_ID, THREAD_ID } from "../helpers/receivers.ts";
import { textsOf } from "../helpers/service_specs.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);
const WEBHOOK = "https://discord.com/api/webhooks/123456789/token";

function discord(webhookUrl = WEBHOOK) {
  const result = services.get("discord")?.configure({ webhook_url: webhookUrl });
  assert.ok(result !== undefined && "service" in result, webhookUrl);
  return result.service;
}

function rendered(notification: Notification, form: Form = "rich"): Record<string, unknown> & { content: string } {
  const request = discord().render(messageWith(notification), { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return JSON.parse(request.body);
}

function judged(response: Partial<HttpResponse>): Outcome {
  return discord().judge({ status: 200, headers: {}, body: `{"id":"1"}`, ...response }, NOW_MS);
}

/** Every text of a message, as Discord receives it. */
function textsIn(body: Record<string, unknown>): string[] {
  return textsOf([body["content"], body["embeds"]]);
}

/** The message as Discord shows it. */
function read(content: string): string {
  return content.replaceAll(/\\([^0-9A-Za-z\s])/g, "$1");
}

const FIELDS = ["user", "remoteHost", "terminal", "service", "hostName"] as const;

for (const [what, value] of Object.entries(MARKUP)) {
  Deno.test(`discord: no event can inject ${what}`, () => {
    for (const field of FIELDS) {
      const { content, ...body } = rendered(notification({ [field]: value }));
      for (const text of [content, ...textsIn(body)]) assert.deepEqual(markupOf(text), [], `${field}: ${text}`);
      // Parentheses and "://" are replaced with look-alikes, which NFKC reverses; so is the quotation mark.
      assert.ok(
        read(content).normalize("NFKC").replaceAll("’", "'").includes(value),
        `${field} is still readable: ${content}`,
      );
    }
  });
}

const HARMLESS = {
  user: "",
  remoteHost: "",
  dnsName: "",
  terminal: "",
  service: "",
  authentication: "",
  reasons: [] as string[],
  urgency: "urgent",
} as const;

Deno.test("discord: no value can add markup, a mention or a link, according to two public parsers", () => {
  const value = fc.oneof(
    fc.constantFrom(...HOSTILE_TEXTS, ...Object.values(MARKUP)),
    fc.string({ unit: fc.constantFrom(..."*_~`|<>@#:/[]()\\!&-+=.,;'\"ab 12") }),
    // Texts that become markup only at the start of a line.
    fc.tuple(fc.constantFrom("- ", "+ ", "-# ", "1. ", "1) ", "> ", "# ", "---", "    "), fc.string()).map((parts) =>
      parts.join("")
    ),
  ).map((text) => shown(text, 200));
  const values = fc.record({
    user: value,
    remoteHost: value,
    dnsName: value,
    terminal: value,
    service: value,
    authentication: value,
    reasons: fc.array(value, { maxLength: 2 }),
    urgency: fc.constantFrom("urgent", "normal"),
  });
  fc.assert(
    fc.property(values, fc.constantFrom<Form>("rich", "plain"), fc.boolean(), (values, form, isDigest) => {
      const hostile = notification(values);
      const request = discord().render(messageWith(hostile, ...isDigest ? [hostile, hostile] : []), {
        form,
        nowMs: NOW_MS,
      });
      assert.ok(request.kind === "http");
      for (const text of textsIn(JSON.parse(request.body))) assert.deepEqual(markupOf(text), [], text);
    }),
    {
      numRuns: 500,
      // Our own bracket at the end of the first line would begin a masked link.
      examples: [[{ ...HARMLESS, user: "](evil)", authentication: "x" }, "rich", true]],
    },
  );
});

Deno.test("discord: no value that begins with spaces makes a list", () => {
  for (const value of [" - x", "  + x", "   1. x", " 22) x", "- x", "1. x"]) {
    for (const text of textsIn(rendered(notification({ user: value, remoteHost: value })))) {
      assert.deepEqual(markupOf(text), [], text);
    }
  }
});

Deno.test("discord: what people read on phones has no backslash unless a value is hostile", () => {
  const authentication =
    "publickey ED25519 SHA256:p2QAMXNIC1/TJYWeIOttrVc98/R1BUFWu3+LiyKgUfQM (work laptop), password";
  const reasons = ["first login of alice from 2001:db8::7"];
  const harmless = notification({ remoteHost: "2001:db8::7", dnsName: "host-1.example.net", authentication, reasons });
  for (const text of textsIn(rendered(harmless))) assert.ok(!text.includes("\\"), text);
  assert.ok(rendered(notification({ user: "_apt" })).content.startsWith("'\\_apt' "));
  // A group of an address can be the name of an emoji.
  assert.match(rendered(notification({ remoteHost: "2001:db8:bed::7" })).content, /\(2001:db8\\:bed::7\)/);
});

Deno.test("discord: a message mentions no one in either form, and its flags do not hide our embeds", () => {
  for (const form of ["rich", "plain"] as const) {
    for (const urgency of ["urgent", "normal", "low"] as const) {
      const { allowed_mentions, flags = 0, embeds } = rendered(notification({ urgency }), form);
      assert.deepEqual(allowed_mentions, { parse: [] });
      // SUPPRESS_EMBEDS hides link previews, but also our own embeds.
      assert.equal((Number(flags) & 4) === 4, embeds === undefined);
    }
  }
});

Deno.test("discord: content is the plain sentence, and the embed below has a colour and the facts", () => {
  const { content, embeds } = rendered(notification({
    urgency: "urgent",
    authentication: "publickey ED25519 SHA256:abc",
    reasons: ["first login of alice from 203.0.113.7"],
  }));
  assert.match(
    content,
    /^🚨 Unexpected: 'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at 2026-11-23 11:13:32/,
  );
  assert.deepEqual(embeds, [{
    title: "🚨 Unexpected SSH login to example.com",
    color: 0xd93f3f,
    fields: [
      { name: "User", value: "alice", inline: true },
      { name: "From", value: "203.0.113.7, port 50022", inline: true },
      { name: "Authentication", value: "publickey ED25519 SHA256:abc", inline: false },
      { name: "Why unexpected", value: "first login of alice from 203.0.113.7", inline: false },
      { name: "Host", value: "example.com", inline: true },
      { name: "Time", value: "2026-11-23 11:13:32+13:00", inline: true },
      { name: "Via", value: "ssh (sshd), process 4711", inline: true },
    ],
  }]);
});

Deno.test("discord: a logout is grey, makes no sound, and shows the length of the session", () => {
  const { embeds, flags } = rendered(notification({ type: "close", urgency: "low", duration: "2 h 5 min" }));
  assert.deepEqual(flags, 4096);
  const [{ title, color, fields }] = embeds as [{ title: string; color: number; fields: unknown[] }];
  assert.deepEqual([title, color], ["SSH logout from example.com", 0x8a8f98]);
  assert.deepEqual(fields[2], { name: "Session", value: "2 h 5 min", inline: true });
});

Deno.test("discord: a digest gives the number of events and has one line for each, in as many embeds as needed", () => {
  const events = Array.from({ length: 300 }, (_, index) => notification({ user: `user${index}` }));
  const count = discord().fitting(events);
  // 6000 characters at 91 to 93 per line.
  assert.equal(count, 65);
  const [first = assert.fail(), ...more] = events.slice(0, count);
  const request = discord().render(messageWith(first, ...more), { form: "rich", nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  const { content, embeds } = JSON.parse(request.body);
  assert.equal(content, "65 SSH logins on example.com");
  assert.equal(embeds.length, 2);
  const lines = embeds.flatMap(({ description }: { description: string }) => description.split("\n"));
  assert.deepEqual(
    lines,
    events.slice(0, count).map(({ user }) =>
      `'${user}' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00`
    ),
  );
});

Deno.test("discord: an embed of a digest has at most 4096 characters, and the next event begins another one", () => {
  // A message with one event has its sentence as the content.
  const around = rendered(notification({ user: "" })).content.length;
  const ofLength = (length: number, letter: string) => notification({ user: letter.repeat(length - around) });
  for (const [last, lengths] of [[1094, [4096]], [1095, [3001, 1095]]] as const) {
    const events = [ofLength(1500, "a"), ofLength(1500, "b"), ofLength(last, "c")] as const;
    const request = discord().render(messageWith(...events), { form: "rich", nowMs: NOW_MS });
    assert.ok(request.kind === "http");
    const { embeds } = JSON.parse(request.body);
    assert.deepEqual(embeds.map(({ description }: { description: string }) => description.length), lengths);
  }
});

Deno.test("discord: a sentence without special characters is shown unchanged", () => {
  const { content } = rendered(notification({ remoteHost: "2001:db8::7" }));
  assert.equal(
    read(content),
    "'alice' (2001:db8::7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00",
  );
});

Deno.test("discord: the host name is the sender, unless Discord would refuse it or the form is plain", () => {
  assert.equal(rendered(notification()).username, "example.com");
  assert.equal(rendered(notification({ hostName: "h".repeat(80) })).username, "h".repeat(80));
  assert.ok(!("username" in rendered(notification(), "plain")));
  const refused = [
    "",
    "h".repeat(81),
    "my-Discord",
    "CLYDE.example",
    "a```b",
    "System Message",
    "everyone",
    "here",
    "HERE",
  ];
  for (const hostName of refused) assert.ok(!("username" in rendered(notification({ hostName }))), hostName);
  for (const hostName of ["there.example", "here.example", "everyone.example"]) {
    assert.equal(rendered(notification({ hostName })).username, hostName);
  }
});

Deno.test("discord: a request goes to the webhook and asks Discord to wait until the message is stored", () => {
  const table = {
    [WEBHOOK]: `${WEBHOOK}?wait=true`,
    [`${WEBHOOK}?thread_id=5`]: `${WEBHOOK}?thread_id=5&wait=true`,
    [`${WEBHOOK}?wait=false`]: `${WEBHOOK}?wait=true`,
    "http://127.0.0.1:8080/api/v10/webhooks/1/x": "http://127.0.0.1:8080/api/v10/webhooks/1/x?wait=true",
  };
  for (const [webhook, expected] of Object.entries(table)) {
    const request = discord(webhook).render(messageWith(notification()), { form: "rich", nowMs: NOW_MS });
    assert.ok(request.kind === "http");
    assert.equal(request.url, expected);
    assert.equal(request.method, "POST");
    assert.equal(request.headers["content-type"], "application/json");
  }
});

Deno.test("discord: the token is secret in every form of the URL", () => {
  for (const webhook of [WEBHOOK, "https://discord.com/api/v10/webhooks/123456789/token", `${WEBHOOK}/`]) {
    const { secrets } = discord(webhook);
    assert.ok(secrets.includes("token"), webhook);
    assert.ok(secrets.includes(webhook), webhook);
  }
});

Deno.test("discord: webhook_url accepts only webhook URLs", () => {
  const refused = [
    "https://discord.com/",
    "https://discord.com/api/webhooks/",
    "https://discord.com/channels/1/2",
    "https://discord.com/x/api/webhooks/1/x",
    "https://user@discord.com/api/webhooks/1/x",
  ];
  for (const webhook_url of refused) {
    const result = services.get("discord")?.configure({ webhook_url });
    assert.ok(result !== undefined && "issues" in result, webhook_url);
  }
});

Deno.test("discord: a 2xx counts as delivered, unless it is a web page", () => {
  for (const body of ["", "ok", "{}", "[]", "null", '{"id":"1"}', '{"id":null}']) {
    assert.deepEqual(judged({ body }), { kind: "delivered" }, body);
  }
  assert.deepEqual(judged({ body: "<html>Log in to the Wi-Fi</html>" }), {
    kind: "broken",
    reason: "HTTP 200, but with a web page instead of an answer from Discord",
  });
});

Deno.test("discord: Discord's error text is the reason", () => {
  const table: [number, string, Outcome][] = [
    [404, `{"message":"Unknown Webhook","code":10015}`, { kind: "broken", reason: "HTTP 404: Unknown Webhook" }],
    [401, `{"message":"Invalid Webhook Token","code":50027}`, {
      kind: "broken",
      reason: "HTTP 401: Invalid Webhook Token",
    }],
    [400, `{"message":"Invalid Form Body","code":50035}`, { kind: "refused", reason: "HTTP 400: Invalid Form Body" }],
    [502, "<html>Bad gateway</html>", { kind: "retry", reason: "HTTP 502" }],
    [404, `{"message":{"x":1}}`, { kind: "broken", reason: "HTTP 404" }],
  ];
  for (const [status, body, expected] of table) assert.deepEqual(judged({ status, body }), expected);
});

Deno.test("discord: the wait is taken from the body, with fractions of a second, else from the header", () => {
  const headers = { "retry-after": "65" };
  const table: [string, number][] = [
    [`{"message":"You are being rate limited.","retry_after":64.57,"global":false}`, 64_570],
    [`{"retry_after":0.3}`, 300],
    [`{"retry_after":"64.57"}`, 65_000],
    [`{"retry_after":-1}`, 65_000],
    ["error code: 1015", 65_000],
  ];
  for (const [body, expected] of table) {
    const outcome = judged({ status: 429, headers, body });
    assert.ok(outcome.kind === "retry");
    assert.equal(outcome.retryAfterMs, expected, body);
  }
});

Deno.test("discord: the last request of a rate limit bucket gives the wait", () => {
  const table: [Record<string, string>, Outcome][] = [
    [{ "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.5" }, { kind: "delivered", restMs: 1_500 }],
    [{ "x-ratelimit-remaining": "4", "x-ratelimit-reset-after": "1.5" }, { kind: "delivered" }],
    [{ "x-ratelimit-remaining": "0" }, { kind: "delivered" }],
    [{ "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "soon" }, { kind: "delivered" }],
    [{ "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "-1" }, { kind: "delivered" }],
  ];
  for (const [headers, expected] of table) assert.deepEqual(judged({ headers }), expected, JSON.stringify(headers));
});

Deno.test("discord: thread_id and thread_name choose a thread, and a forum without either breaks the route", async () => {
  const outcomeFor = async (channelId: string, options: Record<string, unknown>, form: Form) => {
    const webhook_url = `${WEBHOOK.replace("123456789", channelId)}?with_components=true`;
    const result = services.get("discord")?.configure({ webhook_url, ...options });
    assert.ok(result !== undefined && "service" in result);
    const request = result.service.render(messageWith(notification()), { form, nowMs: NOW_MS });
    return result.service.judge(await answerOf(discordReceiver, request), NOW_MS);
  };
  const broken = (reason: string) => ({ kind: "broken", reason });
  const needsThread = broken("HTTP 400: this channel is a forum: set thread_name or thread_id");
  const noForum = broken("HTTP 400: this channel is not a forum: remove thread_name");
  const table: [channelId: string, options: Record<string, unknown>, outcome: unknown][] = [
    ["1", { thread_id: THREAD_ID }, { kind: "delivered" }],
    ["1", { thread_id: "1310000000000000002" }, broken("HTTP 404: Unknown Channel")],
    ["1", { thread_name: "logins" }, noForum],
    [FORUM_ID, {}, needsThread],
    [FORUM_ID, { thread_id: THREAD_ID }, { kind: "delivered" }],
    [FORUM_ID, { thread_name: "😀".repeat(100) }, { kind: "delivered" }],
  ];
  for (const [channelId, options, outcome] of table) {
    for (const form of ["rich", "plain"] as const) {
      assert.deepEqual(await outcomeFor(channelId, options, form), outcome, JSON.stringify(options));
    }
  }
});

Deno.test("discord: each wrong thread option is one fault", () => {
  for (
    const options of [
      ...["", "abc", "1 2", "1".repeat(21), 1310000000000000001n, null].map((thread_id) => ({ thread_id })),
      ...["", " ", "x".repeat(101), "a\nb", 5].map((thread_name) => ({ thread_name })),
      { thread_id: THREAD_ID, thread_name: "logins" },
    ]
  ) {
    const result = services.get("discord")?.configure({ webhook_url: WEBHOOK, ...options });
    assert.ok(result !== undefined && "issues" in result && result.issues.length === 1, Object.values(options).join());
  }
});
