// Holds the README and the configuration that install.sh writes to what the program takes.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import type { ReadBeside } from "../../src/config/files_beside.ts";
import { RULE } from "../../src/config/allowlist_schema.ts";
import { schema, SECTIONS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";
import { ROOT } from "../helpers/compile.ts";

const readme = await Deno.readTextFile(`${ROOT}/README.md`);
const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

/** The files that the examples name. */
const readBeside: ReadBeside = (path) => ({
  text: path.endsWith(".url") ? "https://discord.com/api/webhooks/1/token" : "tk_token",
});

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

Deno.test("the README's table has every key of every section", () => {
  const rows = readme.split("\n").filter((line) => line.startsWith("| `"));
  const hasRow = (section: string, key: string) =>
    rows.some((row) => row.split("|")[1]?.includes(`\`${section}\``) && row.split("|")[2]?.includes(`\`${key}\``));
  const sections: Record<string, readonly string[]> = Object.fromEntries(
    Object.entries(SECTIONS).map(([section, keys]) => [section, Object.keys(keys)]),
  );
  for (const [section, keys] of Object.entries(sections)) {
    // The rules have rows of their own; the services have a table of their own.
    for (const key of keys.filter((key) => key !== "rules" && !services.has(key))) {
      assert.ok(hasRow(section, key), `${section}.${key}`);
    }
  }
  for (const key of Object.keys(RULE)) {
    assert.ok(hasRow("[[allowlist.rules]]", key), key);
  }
  for (const section of Object.keys(schema.entries).filter((name) => name !== "routes")) {
    assert.ok(rows.some((row) => row.split("|")[1]?.includes(`\`${section}\``)), section);
  }
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
