import assert from "node:assert/strict";
import { parse as parseToml } from "smol-toml";
import { parseConfig } from "../../src/config/config.ts";
import { isPlaceholder } from "../../src/config/placeholder.ts";
import { services } from "../../src/services/registry.ts";
import { ROOT } from "../../.ci/checkout.ts";

const parsed = (text: string) => parseConfig(text, { hostName: () => "host" });

Deno.test("isPlaceholder() detects common placeholders, and no value that could be real", () => {
  for (
    const value of [
      "https://discord.com/api/webhooks/ID/TOKEN",
      "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
      "https://ntfy.sh/TOPIC",
      "https://hc-ping.com/UUID?rid=1",
      "https://gotify.example",
      "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=KEY&token=abc",
      "https://prod-01.westeurope.logic.azure.com/workflows/abc?sv=1.0&sig=SIGNATURE",
      "https://example.com/hooks/ssh",
      "https://push.example.org:8443/x",
      "admin@example.com",
      "YOUR_TOKEN",
      "your-token".toUpperCase(),
      "CHANGEME",
      "<token>",
      "xxxxxxxx",
      "...",
      ["https://push.real.net", "https://alertmanager.example"],
    ]
  ) assert.ok(isPlaceholder(value), String(value));
  for (
    const value of [
      "",
      "https://discord.com/api/webhooks/1234567890/aB-ID-cD_TOKEN_x",
      "https://ntfy.sh/identity",
      "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=AIzaKEY&token=TOKEN%3D",
      "https://example.company/x",
      "https://myexample.com/x",
      "admin@example.company",
      "tk_TOKEN",
      "xxx",
      7,
      undefined,
      [],
      ["https://push.real.net"],
    ]
  ) assert.ok(!isPlaceholder(value, "tk_example"), String(value));
  assert.ok(isPlaceholder("tk_example", "tk_example"));
});

Deno.test("parseConfig() reports a route that still has its service's example values", () => {
  for (const { name, example, secretOptions } of services.values()) {
    const { placeholders } = parsed(`[notification]\nservice = "${name}"\n[notification.${name}]\n${example}\n`);
    const expected = secretOptions.filter((option) => option in parseToml(example)).map((option) =>
      `notification.${name}.${option}`
    );
    for (const place of expected) assert.ok(placeholders.includes(place), place);
  }
  const { placeholders } = parsed(`[routes.a]
service = "telegram"
token = "654321:real-token"
chat_id = -1001234567890
[heartbeat]
url = "https://hc-ping.com/UUID"
`);
  assert.deepEqual(placeholders, ["heartbeat.url"]);
});

Deno.test("parseConfig() reports each example in the installed configuration after it is uncommented", async () => {
  const installed = await Deno.readTextFile(`${ROOT}/.ci/tree/usr/share/ssh-session-notifier/config.toml`);
  const examples = [...installed.matchAll(/^# \[notification\.(\w+)\]\n((?:# .*\n)+)/gm)];
  assert.ok(examples.length >= 8);
  for (const [, name = "", lines = ""] of examples) {
    const options = lines.replace(/^# /gm, "");
    const { placeholders } = parsed(`[notification]\nservice = "${name}"\n[notification.${name}]\n${options}`);
    assert.notDeepEqual(placeholders, [], name);
  }
});
