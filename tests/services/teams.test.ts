// The Teams service: its cards are parsed and rendered by Microsoft's own library.

import assert from "node:assert/strict";
import adaptivecards from "npm:adaptivecards@3.0.6/dist/adaptivecards.js";
import { parseHTML } from "npm:linkedom@0.18.12";
import fc from "npm:fast-check@4.10.2";
import { services } from "../../src/services/registry.ts";
import type { Form, Message, SessionNotification } from "../../src/services/service.ts";
import { redactor } from "../../src/send/redact.ts";
import { configured } from "../helpers/compliance.ts";
import { HOSTILE_TEXTS, MARKUP, messageWith, notification } from "../helpers/fixtures.ts";
import { NOW_MS } from "../helpers/service_specs.ts";

const FLOW = "/workflows/abc/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0";
const WEBHOOK = `https://prod-01.westeurope.logic.azure.com${FLOW}&sig=the-signature_`;

function teams(webhook_url = WEBHOOK) {
  return configured(services.get("teams") ?? assert.fail(), { webhook_url });
}

function fault(webhook_url: string): string | undefined {
  const result = services.get("teams")?.configure({ webhook_url }) ?? assert.fail();
  if (!("issues" in result)) return undefined;
  assert.equal(result.issues.length, 1);
  return result.issues[0]?.message;
}

function cardOf(message: Message, form: Form = "rich") {
  const request = teams().render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "http");
  return JSON.parse(request.body).attachments[0].content;
}

/** A page for the renderer, which expects the globals of a browser. */
function openPage(): void {
  // Its types need those of a browser.
  const page: object = parseHTML("<html><body></body></html>");
  const { document, HTMLElement } = page as { document: unknown; HTMLElement: { prototype: object } };
  Object.defineProperty(HTMLElement.prototype, "innerText", {
    set(this: { textContent: string }, text: string) {
      this.textContent = text;
    },
  });
  Object.assign(globalThis, { document, HTMLElement, window: globalThis });
}

openPage();
adaptivecards.AdaptiveCard.onProcessMarkdown = (text: string) => assert.fail(`read as Markdown: ${text}`);

/** What Microsoft's renderer shows of a card: its lines, and the names of the elements. */
function shown(card: unknown): { readonly lines: readonly string[]; readonly tags: readonly string[] } {
  const context = new adaptivecards.SerializationContext();
  const parsed = new adaptivecards.AdaptiveCard();
  parsed.parse(card, context);
  assert.deepEqual([context.eventCount, parsed.validateProperties().validationEvents], [0, []]);
  const elements: { localName: string; className: string; textContent: string }[] = [
    ...parsed.render().querySelectorAll("*"),
  ];
  const lines = elements.filter(({ className }) => className === "ac-richTextBlock");
  return {
    lines: lines.map(({ textContent }) => textContent),
    tags: [...new Set(elements.map(({ localName }) => localName))].sort(),
  };
}

const URGENT = notification({ urgency: "urgent", reasons: ["first use of this key"] });

Deno.test("teams: Microsoft's renderer shows title and facts of an event, and each line of a test, a report and a digest", () => {
  assert.deepEqual(shown(cardOf(messageWith(URGENT))).lines, [
    "🚨 Unexpected SSH login to example.com",
    "User: alice",
    "From: 203.0.113.7, port 50022",
    "Why unexpected: first use of this key",
    "Host: example.com",
    "Time: 2026-11-23 11:13:32+13:00",
    "Via: ssh (sshd), process 4711",
  ]);
  const test = { type: "test", hostName: "example.com", time: "2026-11-23 11:13:32+13:00" } as const;
  const [, sentence = "", ...more] = shown(cardOf(messageWith(test))).lines;
  assert.match(sentence, /^This is a test from example\.com /);
  assert.deepEqual(more, []);
  const lines = ["2 logins", "Users: alice 2"];
  const report = { ...test, type: "report", lines, hours: [] } as const;
  assert.deepEqual(shown(cardOf(messageWith(report))).lines.slice(-2), lines);
  const digest = messageWith(notification(), notification({ user: "bob", type: "close" }));
  assert.deepEqual(shown(cardOf(digest)).lines.map((line) => line.slice(0, 7)), ["1 SSH l", "'alice'", "'bob' ("]);
});

Deno.test("teams: Microsoft's renderer shows any value as text, without Markdown, functions or elements", () => {
  const FIELDS = ["user", "remoteHost", "terminal", "service", "authentication"] as const;
  const check = (value: string, form: Form) => {
    const hostile = notification({ ...Object.fromEntries(FIELDS.map((field) => [field, value])), reasons: [value] });
    for (const message of [messageWith(hostile), messageWith(hostile, hostile)]) {
      assert.deepEqual(shown(cardOf(message, form)).tags, ["div", "span"]);
    }
  };
  const texts = [...Object.values(MARKUP), ...HOSTILE_TEXTS.filter((text) => text.length < 300)];
  for (const text of texts) for (const form of ["rich", "plain"] as const) check(text, form);
  const markup = fc.string({ unit: fc.constantFrom(..."*_~`[]()<>#-+.!\\{}|&; \"'1aA/:@") });
  fc.assert(fc.property(markup, (text) => check(text, "rich")), { numRuns: 50 });
  const [, user] = shown(cardOf(messageWith(notification({ user: "{{DATE(2017-02-14T06:00:00Z, SHORT)}}" })))).lines;
  assert.equal(user, "User: ｛{DATE(2017-02-14T06:00:00Z, SHORT)}}");
});

Deno.test("teams: an urgent card is red, and the plain form has only the sentences", () => {
  const headerOf = (event: SessionNotification) => cardOf(messageWith(event)).body[0].style;
  const logout = notification({ type: "close", urgency: "low" });
  assert.deepEqual([URGENT, notification(), logout].map(headerOf), ["attention", "accent", "default"]);
  const { body, fallbackText } = cardOf(messageWith(URGENT), "plain");
  assert.deepEqual(body, [{ type: "RichTextBlock", spacing: "small", inlines: [fallbackText] }]);
  assert.match(fallbackText, /^🚨 Unexpected: 'alice' .* logged in to example\.com/);
});

Deno.test("teams: webhook_url is the whole URL of a workflow, not of a retired connector", () => {
  assert.equal(fault(WEBHOOK), undefined);
  for (const host of ["example.webhook.office.com", "outlook.office.com", "outlook.office365.com"]) {
    assert.match(fault(`https://${host}/webhookb2/a@b/IncomingWebhook/c/d`) ?? "", /retired .*Workflows$/, host);
  }
  // A shell or XML cuts or changes the URL at an ampersand.
  for (const url of [WEBHOOK.split("&")[0], WEBHOOK.replaceAll("&", "&amp;"), WEBHOOK.replace(/sig=.*/, "sig=")]) {
    assert.match(fault(url ?? "") ?? "", /including its signature/, url);
  }
});

Deno.test("teams: hosts of Microsoft's clouds are its own, and others cause a warning", () => {
  const own = [
    "default0a1b.2c.environment.api.powerplatform.com",
    "prod-01.usgovtexas.logic.azure.us",
    "default0a1b.2c.environment.api.gov.powerplatform.microsoft.us",
  ];
  for (const host of own) assert.deepEqual(teams(`https://${host}${FLOW}&sig=x`).warnings, [], host);
  for (const host of ["logic.azure.com.evil.example", "evil.cloudapp.azure.com", "evillogic.azure.com"]) {
    assert.equal(teams(`https://${host}${FLOW}&sig=x`).warnings.length, 1, host);
  }
});

Deno.test("teams: the signature and the workflow are never shown, and an API version stays", () => {
  const redact = redactor(teams().secrets);
  assert.equal(redact(`POST ${WEBHOOK}`), "POST [secret]");
  assert.equal(redact("sig=the-signature_ is wrong, sv=1.0"), "sig=[secret] is wrong, sv=1.0");
});
