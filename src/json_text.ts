// Formats JSON for a terminal: untrusted text can contain control characters, of which JSON itself escapes only a few.

import { UNSEEN } from "./log.ts";

/**
 * Formats a value as JSON, with invisible characters escaped as `\u....`; parsing it yields the same value.
 *
 * @param options.indent spaces per level; 0, the default, makes one line
 */
export function jsonText(value: unknown, { indent = 0 }: { indent?: number } = {}): string {
  const text = JSON.stringify(value, null, indent);
  // Fast path: nearly all text is ASCII, and `history` prints a lot of it.
  if (/^[\n -~]*$/.test(text)) return text;
  // Newlines come from the indentation: JSON escapes those in strings.
  return text.replace(UNSEEN, (found) => found === "\n" ? found : escaped(found));
}

/** Escapes each UTF-16 code unit (RFC 8259, section 7). */
function escaped(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

/** Formats an instant as ISO 8601 in UTC; null if it is undefined or out of the range of `Date`. */
export function isoInstant(atMs: number | undefined): string | null {
  const date = new Date(atMs ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
