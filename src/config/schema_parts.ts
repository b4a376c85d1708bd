// Building blocks for the schemas of all sections.

import * as v from "valibot";

/** A table with these keys and no others. Without the first check, an array or a date would pass as an empty table. */
export function table<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(v.any(), v.check(isTable, "must be a table"), v.strictObject(entries));
}

/** Whether a value is a TOML table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A non-empty string of one line; `maxLength` is in UTF-16 code units. */
export function line(maxLength: number) {
  return v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, "must not be empty"),
    v.maxLength(maxLength, `must have at most ${maxLength} characters`),
    v.check((text) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), "must be a single line without control characters"),
  );
}
