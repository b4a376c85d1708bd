// Formats durations, counts, shell words and JSON for people and terminals.

import { UNSEEN } from "./log.ts";

/** Milliseconds in a day of 24 hours. */
export const DAY_MS = 24 * 60 * 60 * 1000;

const UNITS = [["d", DAY_MS], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;

/**
 * Formats a duration in its two largest units: `2 h 5 min`, `45 s`; `0 s` if it is negative or below a second.
 *
 * @param ms milliseconds
 */
export function formatDuration(ms: number): string {
  const first = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  if (first === -1) return "0 s";
  let rest = ms;
  const parts = UNITS.slice(first, first + 2).map(([name, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return { name, count };
  });
  return parts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} ${name}`).join(" ");
}

/** Formats how long ago an instant was: `2 h 5 min ago`. */
export function formatAgo(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`;
}

/** Formats a count with its noun: `1 event`, `2 events`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Joins the texts that are not empty. */
export function joined(texts: readonly string[], separator: string): string {
  return texts.filter(Boolean).join(separator);
}

/**
 * Formats text as one word of a POSIX shell, in single quotes if it has a special character: administrators copy commands
 * into a shell, often as root.
 */
export function quotedForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Formats a value as JSON for a terminal: escapes the invisible characters that JSON itself does not, as `\u....`.
 * Parsing it yields the same value.
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
