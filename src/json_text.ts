// JSON that is fit for a terminal: hostile text in it may hold what a terminal obeys, and JSON itself escapes little.

import { UNSEEN } from "./log.ts";

/**
 * A value as JSON, in which all that would not be seen is written as `\u....`; a program reads the same value.
 *
 * @param options.indent how many spaces a level is indented by; 0, the default, makes one line
 */
export function jsonText(value: unknown, { indent = 0 }: { indent?: number } = {}): string {
  const text = JSON.stringify(value, null, indent);
  // Nearly all text is ASCII, and there can be a lot of it.
  if (/^[\n -~]*$/.test(text)) return text;
  // Line ends are the layout's.
  return text.replace(UNSEEN, (found) => found === "\n" ? found : escaped(found));
}

/** Each UTF-16 code unit, as RFC 8259 has it in section 7. */
function escaped(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}

/** An instant as in ISO 8601, in UTC; null for none, or for one that no date can be. */
export function isoInstant(atMs: number | undefined): string | null {
  const date = new Date(atMs ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
