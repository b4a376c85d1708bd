// Describes configuration faults. Quotes no value, because it may be a secret, except where the schema's message does.

import leven, { closestMatch } from "leven";
import type * as v from "valibot";
import type { Id } from "../ids.ts";
import { isTable } from "./schema_parts.ts";

/** One fault in a configuration. */
export interface ConfigFault {
  readonly id: Id;
  /** Key path (`notification.discord.webhook_url`), or `line 3, column 7` for a syntax error. */
  readonly place: string;
  readonly message: string;
}

/** One setting that works but is less safe than it could be. */
export interface ConfigWarning extends ConfigFault {
  /** What to do, without a final period. */
  readonly hint: string;
}

/** The configuration is invalid; carries all faults. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ place, message }) => `${place}: ${message}`).join("\n"));
    this.faults = faults;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a quoted string",
  number: "a number",
  Array: "an array",
  Object: "a table",
};

const OBJECTS: readonly string[] = ["object", "strict_object"];

/**
 * Converts a schema issue to a fault.
 *
 * @param options.place the key path of the checked table
 * @param options.known returns the keys or values that are known at a path; none if any are allowed
 */
export function faultOf(
  issue: v.BaseIssue<unknown>,
  { place, known }: { place: readonly string[]; known: (path: readonly string[]) => readonly string[] },
): ConfigFault {
  const path = [...place, ...(issue.path ?? []).map(({ key }) => String(key))];
  const at = path.join(".");
  if (issue.type === "strict_object" && issue.expected === "never") {
    const key = path.at(-1) ?? "";
    return {
      id: "config.unknown-key",
      place: at,
      message: `is not a known key${suggestion(key, known(path.slice(0, -1)))}`,
    };
  }
  // valibot reports a missing key as an issue of its table and names the key, in quotes, as `expected`.
  if (OBJECTS.includes(issue.type) && issue.expected !== "Object") {
    return { id: "config.missing-key", place: at, message: "is missing" };
  }
  if (issue.type === "picklist") {
    const meant = typeof issue.input === "string" ? suggestion(issue.input, known(path)) : "";
    return { id: "config.wrong-value", place: at, message: `${issue.message}${meant}` };
  }
  const expected = issue.kind === "schema" ? TYPE_NAMES[issue.expected ?? ""] : undefined;
  const isNoTable = issue.type === "custom" || issue.requirement === isTable;
  return {
    id: expected !== undefined || isNoTable ? "config.wrong-type" : "config.wrong-value",
    place: at,
    message: expected === undefined ? issue.message : `must be ${expected}`,
  };
}

/** A suffix for a message: the closest known word, or else all known words. */
export function suggestion(word: string, known: readonly string[]): string {
  const closest = closestMatch(word, known, { maxDistance: 3 });
  // A distance as long as the word itself would match any word.
  if (closest !== undefined && leven(word, closest) < closest.length) return `; did you mean "${closest}"?`;
  return known.length > 0 ? `; expected one of: ${known.join(", ")}` : "";
}
