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
 * Converts schema issues to faults.
 *
 * @param options.place the key path of the checked table
 * @param options.known returns the keys that are known in the table at a path; none if any are allowed
 */
export function faultsOf(
  issues: readonly v.BaseIssue<unknown>[],
  { place, known }: { place: readonly string[]; known: (path: readonly string[]) => readonly string[] },
): ConfigFault[] {
  return issues.flatMap((issue) => {
    const path = [...place, ...(issue.path ?? []).map(({ key }) => String(key))];
    return issue.type === "strict_object" && issue.expected === "never"
      ? unknownKeys(issue, { path, known: known(path.slice(0, -1)) })
      : [faultOf(issue, path.join("."))];
  });
}

/** One fault for each unknown key of a table. valibot reports only the first one. */
function unknownKeys(
  issue: v.BaseIssue<unknown>,
  { path, known }: { path: readonly string[]; known: readonly string[] },
): ConfigFault[] {
  const first = path.at(-1) ?? "";
  const table = issue.path?.at(-1)?.input;
  const more = isTable(table) && known.length > 0
    ? Object.keys(table).filter((key) => key !== first && !known.includes(key))
    : [];
  return [first, ...more].map((key) => ({
    id: "config.unknown-key",
    place: [...path.slice(0, -1), key].join("."),
    message: `is not a known key${suggestion(key, known)}`,
  }));
}

function faultOf(issue: v.BaseIssue<unknown>, at: string): ConfigFault {
  // valibot reports a missing key as an issue of its table and names the key, in quotes, as `expected`.
  if (OBJECTS.includes(issue.type) && issue.expected !== "Object") {
    return { id: "config.missing-key", place: at, message: "is missing" };
  }
  if (issue.type === "picklist") {
    const values = [...(issue.expected ?? "").matchAll(/"([^"]*)"/g)].map(([, value = ""]) => value);
    const meant = typeof issue.input === "string" ? didYouMean(issue.input, values) : "";
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
  return didYouMean(word, known) || (known.length > 0 ? `; expected one of: ${known.join(", ")}` : "");
}

/** A suffix for a message: the closest known word; empty if none is close. */
function didYouMean(word: string, known: readonly string[]): string {
  const inFile = `${word}_file`;
  if (known.includes(inFile)) return `; did you mean "${inFile}"?`;
  // Three edits make too many short words of each other, such as "ip" and "time".
  const closest = closestMatch(word, known, { maxDistance: word.length < 6 ? 2 : 3 });
  // A distance as long as one of the words would match any word.
  const isClose = closest !== undefined && leven(word, closest) < Math.min(word.length, closest.length);
  return isClose ? `; did you mean "${closest}"?` : "";
}
