// The README's table of configuration keys, made of the schema, so that it can't say anything else.
// `deno run -A tests/helpers/config_docs.ts` prints it; `deno fmt` then lines it up.

import * as v from "valibot";
import { RULE } from "../../src/config/allowlist_schema.ts";
import { ROUTE_KEYS, schema, SECTIONS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";

/** A row of the table. */
interface Key {
  /** In Markdown, as the other two are not. */
  readonly section: string;
  readonly name: string;
  readonly schema: v.GenericSchema;
}

/** A row for each key of each section, in the order of the schema; the services' options have a table of their own. */
export function keyTable(): string {
  const rows = keys().map(({ section, name, schema }) =>
    `| ${section} | \`${name}\` | ${fallbackOf(schema)} | ${descriptionOf(schema)} |`
  );
  return ["| section | key | default | what |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function keys(): Key[] {
  return Object.entries(schema.entries).flatMap(([section, whole]): Key[] => {
    // What else a route may say stands with [notification], which may say it too.
    if (section === "routes") return keysOf("`routes.NAME`", { service: ROUTE_KEYS.service });
    // Its keys are fingerprints.
    if (section === "key_names") return [{ section: "`key_names`", name: '"SHA256:…"', schema: wrapped(whole) }];
    const entries = Object.entries(SECTIONS).find(([name]) => name === section)?.[1];
    if (entries === undefined) throw new Error(`the table does not know [${section}]: say here what its keys are`);
    if (section === "allowlist") {
      const { rules: _, ...rest } = SECTIONS.allowlist;
      return [...keysOf("`allowlist`", rest), ...keysOf("`[[allowlist.rules]]`", RULE)];
    }
    return keysOf(
      `\`${section}\``,
      Object.fromEntries(Object.entries(entries).filter(([name]) => !services.has(name))),
    );
  }).map((key) => {
    const isOfEveryRoute = key.section === "`notification`" && key.name !== "service" &&
      Object.hasOwn(ROUTE_KEYS, key.name);
    return isOfEveryRoute ? { ...key, section: "`notification`, `routes.NAME`" } : key;
  });
}

function keysOf(section: string, entries: Readonly<Record<string, v.GenericSchema>>): Key[] {
  return Object.entries(entries).map(([name, schema]) => ({ section, name, schema }));
}

/** What a key is if it is left out, as TOML. */
function fallbackOf(schema: v.GenericSchema): string {
  if (schema.type !== "optional") return schema.type === "custom" ? "none" : "required";
  const fallback = "default" in schema ? schema.default : undefined;
  return fallback === undefined ? "none" : `\`${JSON.stringify(fallback).replaceAll('","', '", "')}\``;
}

function descriptionOf(schema: v.GenericSchema): string {
  return "pipe" in schema ? v.getDescription(schema) ?? "" : "";
}

/** What an optional section is made of. */
function wrapped(schema: v.GenericSchema): v.GenericSchema {
  return "wrapped" in schema ? schema.wrapped as v.GenericSchema : schema;
}

if (import.meta.main) Deno.stdout.writeSync(new TextEncoder().encode(`${keyTable()}\n`));
