import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { fittedSentence } from "../../src/services/fitting.ts";
import { services } from "../../src/services/registry.ts";
import type { Templates } from "../../src/services/service.ts";
import { templateFault } from "../../src/services/template.ts";
import { alarm, headline, sentence, title } from "../../src/services/wording.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const GERMAN: Templates = {
  open:
    "{{#unexpected}}Unerwartet: {{/unexpected}}{{user}} hat sich {{#address}}von {{address}} {{/address}}an {{host}} angemeldet ({{time}})",
  close: "{{user}} hat sich von {{host}} abgemeldet{{#duration}} nach {{duration}}{{/duration}}",
  title_open: "Anmeldung ({{kind}}): {{user}}",
};

Deno.test("a template replaces the sentence and the title", () => {
  const login = notification({ templates: GERMAN, time: "11:13" });
  assert.equal(sentence(login), "alice hat sich von 203.0.113.7 an example.com angemeldet (11:13)");
  assert.equal(title(messageWith(login)), "Anmeldung (SSH): alice");
  const console = { ...login, remoteHost: "", address: "", service: "login" };
  assert.equal(sentence(console), "alice hat sich an example.com angemeldet (11:13)");
  const logout = notification({ type: "close", templates: GERMAN, duration: "2 h" });
  assert.equal(sentence(logout), "alice hat sich von example.com abgemeldet nach 2 h");
  // Without a template, our own words.
  assert.equal(headline(messageWith(logout)), "SSH logout from example.com");
});

Deno.test("an urgent message begins with the siren, whatever the template", () => {
  const login = notification({ templates: GERMAN, urgency: "urgent", reasons: ["first login of alice"] });
  const message = messageWith(login);
  assert.match(`${alarm(message)}${sentence(login)}`, /^🚨 Unerwartet: alice hat sich /);
  assert.equal(title(message), "🚨 Anmeldung (SSH): alice");
});

Deno.test("a template that is blank for an event is not used, because services refuse an empty message", () => {
  const rare = "{{#unexpected}}{{user}}!{{/unexpected}} ";
  const login = notification({ templates: { open: rare, title_open: rare } });
  const usual = notification();
  assert.equal(sentence(login), sentence(usual));
  assert.equal(title(messageWith(login)), title(messageWith(usual)));
  const urgent = { urgency: "urgent", reasons: ["first login of alice"] } as const;
  assert.equal(sentence({ ...login, ...urgent }), "alice! ");
  const blank = notification({ ...urgent, templates: { open: "{{#duration}}{{duration}}{{/duration}}" } });
  assert.equal(alarm(messageWith(blank)), "🚨 Unexpected: ");
});

Deno.test("no value can look like the template's own text, and no tag leaves a value as it is", () => {
  const user = "x) (root) [y] '{{host}}' {{{user}}}";
  const login = notification({ user, templates: { open: "({{user}})", title_open: "{{user}}" } });
  assert.equal(sentence(login), "(x） （root） ［y］ ＇{{host}}＇ {{{user}}})");
  assert.equal(sentence(login, (value) => value.replaceAll("x", "\\x")).slice(0, 4), "(\\x）");
  for (const template of ["{{{user}}}", "{{&user}}", "{{>user}}", "{{=<% %>=}}"]) {
    assert.ok("message" in (templateFault(template) ?? {}), template);
  }
});

Deno.test("no service takes a fact that does not apply for one that does", () => {
  const open = "{{#unexpected}}wrong{{/unexpected}}{{^unexpected}}right{{/unexpected}} {{user}}";
  const message = messageWith(notification({ templates: { open, title_open: open } }));
  for (const { name, example, configure } of services.values()) {
    const configured = configure(parse(example));
    assert.ok("service" in configured, name);
    for (const form of ["rich", "plain"] as const) {
      const request = JSON.stringify(configured.service.render(message, { form, nowMs: 0 }));
      assert.ok(request.includes("right") && !request.includes("wrong"), `${name}: ${request}`);
    }
  }
});

Deno.test("a template that is too long for a service gives way to our own words, because the service would refuse it", () => {
  const user = "long".repeat(20);
  const templates = { open: "{{authentication}}{{user}}".repeat(19) };
  const login = notification({ user, templates, authentication: "publickey ED25519 SHA256:9KHR3t4LJl0q2J8rMTZj" });
  const limits = { text: 300, unit: "bytes" } as const;
  assert.match(
    fittedSentence(login, { limits }, "🚨 "),
    /^🚨 'long[^']*' \(203\.0\.113\.7\) logged in to example\.com /,
  );
  assert.ok(new TextEncoder().encode(fittedSentence(login, { limits })).length <= 300);
  assert.match(fittedSentence(login, { limits: { text: 4000, unit: "bytes" } }), /^publickey/);
});

Deno.test("templateFault() finds what is not a template, and every name that does not exist", () => {
  assert.equal(templateFault("{{user}} {{! a comment }} {{^address}}here{{/address}}"), undefined);
  for (const template of ["{{user", "{{#user}}", "{{#user}}{{/host}}", "{{/user}}"]) {
    assert.ok("message" in (templateFault(template) ?? {}), template);
  }
  for (const name of ["", "usr", "constructor", "__proto__", "user.length", "."]) {
    assert.deepEqual(templateFault(`x {{#user}}{{${name}}}{{/user}}`), { unknown: name });
  }
});
