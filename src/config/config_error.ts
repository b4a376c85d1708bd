// What is wrong with a configuration, in words. Never shows a secret: no value is quoted, unless the schema did.

import leven, { closestMatch } from "leven";
import type * as v from "valibot";
import type { Id } from "../ids.ts";
import { isTable } from "./schema_parts.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigFault {
  readonly id: Id;
  /** Key path (`notification.discord.webhook_url`), or `line 3, column 7` where the syntax is wrong. */
  readonly place: string;
  readonly message: string;
}

/** One thing that works, but is less safe than it could be. */
export interface ConfigWarning extends ConfigFault {
  /** What to do about it; a sentence without a period. */
  readonly hint: string;
}

/** A configuration that can't be used, with all that is wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ place, message }) => `${place}: ${message}`).join("\n"));
    this.faults = faults;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text, in quotes",
  number: "a number",
  Array: "an array",
  Object: "a table",
};

/** Where an issue belongs, and what could have been meant there. */
export interface IssueContext {
  /** The path of the table that was checked. */
  readonly place: readonly string[];
  /** The keys or values that are known at a path; none if any will do. */
  readonly known: (path: readonly string[]) => readonly string[];
}

/** Turns an issue of a schema into words. */
export function faultOf(issue: v.BaseIssue<unknown>, { place, known }: IssueContext): ConfigFault {
  const path = [...place, ...(issue.path ?? []).map(({ key }) => String(key))];
  const at = path.join(".");
  if (issue.type === "strict_object" && issue.expected === "never") {
    const key = path.at(-1) ?? "";
    return {
      id: "config.unknown-key",
      place: at,
      message: `is not a key that is known here${suggestion(key, known(path.slice(0, -1)))}`,
    };
  }
  // What is missing, is missing in a table that is named by its key in quotes.
  if (issue.type === "strict_object" && issue.expected !== "Object") {
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

/** What could have been meant: the closest of what is known, else all of it; to be put behind a message. */
export function suggestion(word: string, known: readonly string[]): string {
  const closest = closestMatch(word, known, { maxDistance: 3 });
  // As many changes as it has letters make any word of any other.
  if (closest !== undefined && leven(word, closest) < closest.length) return `; did you mean "${closest}"?`;
  return known.length > 0 ? `; known are: ${known.join(", ")}` : "";
}
