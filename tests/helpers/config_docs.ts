// The README's table of configuration keys, generated from the schema so that it is always correct.
// `deno run -A tests/helpers/config_docs.ts` prints it; `deno fmt` then aligns it.

import * as v from "valibot";
import { RULE } from "../../src/config/allowlist_schema.ts";
import { ROUTE_KEYS, schema, SECTIONS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";

/** A row of the table. */
interface Key {
  /** In Markdown, unlike the other two. */
  readonly section: string;
  readonly name: string;
  readonly schema: v.GenericSchema;
}

/** One row for each key of each section, in the order of the schema; services' options have a separate table. */
export function keyTable(): string {
  const rows = keys().map(({ section, name, schema }) =>
    `| ${section} | \`${name}\` | ${fallbackOf(schema)} | ${descriptionOf(schema)} |`
  );
  return ["| section | key | default | what |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function keys(): Key[] {
  return Object.entries(schema.entries).flatMap(([section, whole]): Key[] => {
    // A route's other keys are listed with [notification], which has them too.
    if (section === "routes") return keysOf("`routes.NAME`", { service: ROUTE_KEYS.service });
    // Its keys are fingerprints.
    if (section === "key_names") return [{ section: "`key_names`", name: '"SHA256:…"', schema: wrapped(whole) }];
    const entries = Object.entries(SECTIONS).find(([name]) => name === section)?.[1];
    if (entries === undefined) throw new Error(`[${section}] is not in the table: add its keys here`);
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

/** The default of a key, as TOML. */
function fallbackOf(schema: v.GenericSchema): string {
  if (schema.type !== "optional") return schema.type === "custom" ? "none" : "required";
  const fallback = "default" in schema ? schema.default : undefined;
  return fallback === undefined ? "none" : `\`${JSON.stringify(fallback).replaceAll('","', '", "')}\``;
}

function descriptionOf(schema: v.GenericSchema): string {
  return "pipe" in schema ? v.getDescription(schema) ?? "" : "";
}

/** The schema inside an optional section. */
function wrapped(schema: v.GenericSchema): v.GenericSchema {
  return "wrapped" in schema ? schema.wrapped as v.GenericSchema : schema;
}

if (import.meta.main) Deno.stdout.writeSync(new TextEncoder().encode(`${keyTable()}\n`));
