// Holds the README and the configuration that install.sh writes to what the program takes.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import type { ReadBeside } from "../../src/config/files_beside.ts";
import { services } from "../../src/services/registry.ts";
import { ROOT } from "../helpers/compile.ts";
import { keyTable } from "../helpers/config_docs.ts";
import { squeezed } from "../helpers/service_docs.ts";

const readme = await Deno.readTextFile(`${ROOT}/README.md`);
const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

/** The files that the examples name. */
const readBeside: ReadBeside = (path) => {
  const texts: Readonly<Record<string, string>> = {
    url: "https://discord.com/api/webhooks/1/token",
    token: "tk_token",
    secret: `whsec_${"A".repeat(32)}`,
  };
  return { text: texts[path.split(".").at(-1) ?? ""] ?? "" };
};

function parse(toml: string): void {
  parseConfig(toml, { hostName: () => "example.com", readBeside });
}

const examples = [...readme.matchAll(/^```toml\n(.*?)^```/gms)].map(([, toml]) => toml ?? "");

Deno.test("every configuration in the README is one, with a service where it shows a part", () => {
  assert.ok(examples.length >= 4);
  for (const toml of examples) {
    // What says nothing of a service is a part to add.
    parse(/^service = /m.test(toml) ? toml : `[notification]\nservice = "stdout"\n${toml}`);
  }
});

Deno.test("the README has the table of keys, as the schema describes them", () => {
  const table = keyTable();
  assert.doesNotMatch(table, /\|\s*\|$/m, "a key without a description");
  assert.ok(squeezed(readme).includes(squeezed(table)), table);
});

Deno.test("the configuration that install.sh writes is one, and so is each part of it that is commented out", () => {
  const written = /config\.toml" "root:\$SEND_USER" 0640 <<'END'\n(.*?)^END$/ms.exec(installer)?.[1] ?? "";
  parse(written);
  // A line of prose begins with "# " and a capital letter.
  const parts = written.split("\n\n").filter((part) => /^# (\[|"?\w+"? = )/m.test(part));
  assert.ok(parts.length >= services.size);
  for (const part of parts) {
    const toml = part.split("\n").map((line) => line.replace(/^# (?![A-Z])/, "")).filter((line) =>
      !line.startsWith("#")
    )
      .join("\n");
    parse(/^service = /m.test(toml) ? toml : `[notification]\nservice = "stdout"\n${toml}`);
  }
  for (const name of services.keys()) assert.match(written, new RegExp(`\\b${name}\\b`), name);
});
