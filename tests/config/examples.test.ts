// Parses the configurations in the README and in the manual, and the one that is installed.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import type { ReadBeside } from "../../src/config/files_beside.ts";
import { services } from "../../src/services/registry.ts";
import { ROOT } from "../../.ci/compile.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { FACTS } from "../../src/services/template.ts";
import { sentence, title } from "../../src/services/wording.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";
import { displaysOf } from "../helpers/mdoc.ts";

const readme = await Deno.readTextFile(`${ROOT}/README.md`);
const installed = await Deno.readTextFile(`${ROOT}/.ci/tree/usr/share/ssh-session-notifier/config.toml`);

const certificates = await makeCertificates("DNS:a.example");

/** The files that the examples name. */
const readBeside: ReadBeside = (path) => {
  const texts: Readonly<Record<string, string>> = {
    url: "https://discord.com/api/webhooks/1/token",
    token: "tk_token",
    "routing-key": "0".repeat(32),
    password: "password",
    secret: `whsec_${"A".repeat(32)}`,
    headers: "CF-Access-Client-Id: id.access\n",
    pem: certificates.cert,
    key: certificates.key,
  };
  return { text: texts[path.split(".").at(-1) ?? ""] ?? "" };
};

function parse(toml: string): void {
  parseConfig(toml, { hostName: () => "example.com", readBeside });
}

/** What is TOML of the displays of a page: a section, and no shell, YAML or PAM. */
async function tomlIn(page: string): Promise<string[]> {
  return displaysOf(await Deno.readTextFile(`${ROOT}/src/man/${page}`)).filter((text) => /^\[\[?[\w.]+\]/.test(text));
}

const examples = {
  "README.md": [...readme.matchAll(/^```toml\n(.*?)^```/gms)].map(([, toml]) => toml ?? ""),
  "ssh-session-notifier.toml(5)": await tomlIn("ssh-session-notifier.toml.5"),
  "ssh-session-notifier(8)": await tomlIn("ssh-session-notifier.8"),
};

for (const [where, texts] of Object.entries(examples)) {
  Deno.test(`every configuration in ${where} is one, with a service where it shows a part`, () => {
    assert.ok(texts.length >= (where.endsWith("(5)") ? 4 + services.size : 1));
    for (const toml of texts) {
      // What says nothing of a service is a part to add.
      const [, name = "stdout"] = /^\[notification\.(\w+)\]/.exec(toml) ?? [];
      parse(/^service = /m.test(toml) ? toml : `[notification]\nservice = "${name}"\n${toml}`);
    }
  });
}

Deno.test("the German example of ssh-session-notifier.toml(5) gives German messages, and every fact is named there", async () => {
  const toml = examples["ssh-session-notifier.toml(5)"].find((text) => text.startsWith("[message]")) ?? assert.fail();
  const [route] = parseConfig(`[notification]\nservice = "stdout"\n${toml}`, { hostName: () => "h" }).routes;
  const login = notification({ templates: route?.templates, urgency: "urgent", reasons: ["first login of alice"] });
  const logout = notification({ type: "close", templates: route?.templates, duration: "2 h", time: "11:13" });
  assert.equal(title(messageWith(login)), "🚨 Unerwartet: Anmeldung an example.com (SSH)");
  assert.match(sentence(login), /^alice hat sich von 203\.0\.113\.7 an example\.com angemeldet, 2026-/);
  assert.equal(title(messageWith(logout)), "Abmeldung von example.com (SSH)");
  assert.equal(sentence(logout), "alice hat sich von example.com abgemeldet, 11:13, nach 2 h");
  const page = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.toml.5`);
  for (const name of Object.keys(FACTS)) assert.ok(page.includes(`\n.It Ql ${name}\n`), name);
});

Deno.test("the configuration that is installed is one, and so is each part of it that is commented out", () => {
  parse(installed);
  // A line of prose begins with "# " and a capital letter.
  const parts = installed.split("\n\n").filter((part) => /^# (\[|"?\w+"? = )/m.test(part));
  assert.ok(parts.length >= services.size);
  for (const part of parts) {
    const toml = part.split("\n").map((line) => line.replace(/^# (?![A-Z])/, "")).filter((line) =>
      !line.startsWith("#")
    )
      .join("\n");
    parse(/^service = /m.test(toml) ? toml : `[notification]\nservice = "stdout"\n${toml}`);
  }
  for (const name of services.keys()) assert.match(installed, new RegExp(`\\b${name}\\b`), name);
});
