// The schema of `[key_names]`: names of keys by fingerprint.

import * as v from "valibot";
import { FINGERPRINT_FORM, isFingerprint } from "../session/fingerprint.ts";
import { isTable, line } from "./schema_parts.ts";

/** Longer names would leave no room for the rest of a message. In UTF-16 code units. */
const MAX_KEY_NAME_LENGTH = 64;

const name = line(MAX_KEY_NAME_LENGTH);

/** The section as a map. valibot's record is not used: it skips keys such as `__proto__`. */
export const KEY_NAMES = v.pipe(
  v.custom<Record<string, unknown>>(isTable, "must be a table"),
  v.rawTransform(({ dataset: { value: input }, addIssue }) => {
    const names = new Map<string, string>();
    for (const [key, value] of Object.entries(input)) {
      const parsed = v.safeParse(name, value);
      if (isFingerprint(key) && parsed.success) names.set(key, parsed.output);
      else {
        const path: [v.IssuePathItem] = [{ type: "object", origin: "value", input, key, value }];
        addIssue({ message: isFingerprint(key) ? faultOf(parsed) : `this key must be ${FINGERPRINT_FORM}`, path });
      }
    }
    return names;
  }),
  v.description("the name that notifications show for a key or a certificate authority's key"),
);

function faultOf({ issues }: v.SafeParseResult<typeof name>): string {
  const [issue] = issues ?? [];
  return issue?.kind === "validation" ? issue.message : "must be a quoted string";
}
