// The configuration keys in ssh-session-notifier.toml(5), generated from the schema.

import * as v from "valibot";
import { RULE } from "../../src/config/allowlist_schema.ts";
import { ROUTE_KEYS, schema, SECTIONS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";
import { argument, paragraph } from "./mdoc.ts";

/** A key of the configuration. */
interface Key {
  /** As TOML has it. */
  readonly section: string;
  readonly name: string;
  readonly schema: v.GenericSchema;
}

/** Every key of each section as mdoc, in the order of the schema; the options of services have a separate list. */
export function keyLines(): string[] {
  const sections = Map.groupBy(keys(), ({ section }) => section);
  return [...sections].flatMap(([section, keys]) => [
    `.Ss ${argument(section)}`,
    ".Bl -tag -width Ds",
    ...keys.flatMap(({ name, schema }) => [
      `.It Cm ${argument(name)}`,
      ...paragraph(sentence(descriptionOf(schema))),
      ...fallbackLines(schema),
    ]),
    ".El",
  ]);
}

/** The names of all keys. */
export function keyNames(): string[] {
  return keys().map(({ name }) => name);
}

/** Adds a capital letter and a period to a description. */
export function sentence(description: string): string {
  if (description === "") throw new Error("Cannot describe a key as it has no description");
  return `${description.replace(/^[a-z]/, (first) => first.toUpperCase())}${/\.$/.test(description) ? "" : "."}`;
}

function keys(): Key[] {
  return Object.entries(schema.entries).flatMap(([section, whole]): Key[] => {
    // A route's other keys are listed with [notification], which has them too.
    if (section === "routes") return keysOf("[routes.NAME]", { service: ROUTE_KEYS.service });
    // Its keys are fingerprints.
    if (section === "key_names") return [{ section: "[key_names]", name: '"SHA256:..."', schema: wrapped(whole) }];
    // Its keys are names of PAM services.
    if (section === "services") return [{ section: "[services]", name: "NAME", schema: wrapped(whole) }];
    const entries = Object.entries(SECTIONS).find(([name]) => name === section)?.[1];
    if (entries === undefined) throw new Error(`Cannot describe [${section}] as its keys are not known here`);
    if (section === "allowlist") {
      const { rules: _, ...rest } = SECTIONS.allowlist;
      return [...keysOf("[allowlist]", rest), ...keysOf("[[allowlist.rules]]", RULE)];
    }
    return keysOf(`[${section}]`, Object.fromEntries(Object.entries(entries).filter(([name]) => !services.has(name))));
  }).map((key) => {
    const isOfEveryRoute = key.section === "[notification]" && key.name !== "service" &&
      Object.hasOwn(ROUTE_KEYS, key.name);
    return isOfEveryRoute ? { ...key, section: "[notification] and [routes.NAME]" } : key;
  });
}

function keysOf(section: string, entries: Readonly<Record<string, v.GenericSchema>>): Key[] {
  return Object.entries(entries).map(([name, schema]) => ({ section, name, schema }));
}

/** The default of a key, or that it is required. */
function fallbackLines(schema: v.GenericSchema): string[] {
  if (schema.type !== "optional") return schema.type === "custom" ? [] : ["Required."];
  const fallback = "default" in schema ? schema.default : undefined;
  if (fallback === undefined) return [];
  return paragraph(`Default: \`${JSON.stringify(fallback).replaceAll('","', '", "')}\`.`);
}

function descriptionOf(schema: v.GenericSchema): string {
  return "pipe" in schema ? v.getDescription(schema) ?? "" : "";
}

/** What an optional section is made of. */
function wrapped(schema: v.GenericSchema): v.GenericSchema {
  return "wrapped" in schema ? schema.wrapped as v.GenericSchema : schema;
}
