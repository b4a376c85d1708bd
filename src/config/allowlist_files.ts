// The files in `[allowlist] files`, which hosts can share. Each has the keys `ips` and `rules` of that section. A file
// that cannot be used is a fault like any other: nothing is judged by half an allowlist.

import * as v from "valibot";
import type { AllowRule } from "../session/allowlist.ts";
import { ALLOW_KEYS, ALLOWLIST, allowRules, RULE } from "./allowlist_schema.ts";
import { ConfigError, type ConfigFault, faultsOf } from "./config_error.ts";
import { table } from "./schema_parts.ts";
import { readNamed, type RouteContext } from "./service_options.ts";
import { parseSyntax } from "./syntax.ts";

/** The part of a configuration that is read here; other faults are reported elsewhere. */
const part = v.object({ allowlist: v.object({ files: ALLOWLIST.files }) });

const fileSchema = table(ALLOW_KEYS);

/** Reads the files. Returns their rules in the order of the files; adds to the faults. */
export function readAllowlistFiles(toml: unknown, context: RouteContext): AllowRule[] {
  const { success, output } = v.safeParse(part, toml);
  if (!success) return [];
  return output.allowlist.files.flatMap((path, index) => {
    const place = `allowlist.files.${index}`;
    const text = readNamed(path, { place, context }, ({ text }) => text);
    if (text === undefined) return [];
    const parsed = parseFile(text, path);
    if ("rules" in parsed) return parsed.rules;
    context.faults.push(...parsed.faults.map((fault) => ({ ...fault, place: `${place}: ${path}: ${fault.place}` })));
    return [];
  });
}

/** Parses one file. The names of its rules begin with its path. */
function parseFile(text: string, path: string): { rules: AllowRule[] } | { faults: readonly ConfigFault[] } {
  try {
    const { success, output, issues } = v.safeParse(fileSchema, parseSyntax(text));
    return success
      ? { rules: allowRules(output, { section: `${path}: ` }) }
      : { faults: faultsOf(issues, { place: [], known: knownAt }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error;
  }
}

/** The keys that are known in the table at a path of a file. */
function knownAt(path: readonly string[]): readonly string[] {
  return Object.keys(path.length === 0 ? ALLOW_KEYS : RULE);
}
