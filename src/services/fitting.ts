// Fits messages to a service's limits: shortens sentences, and counts how many fit into one message.

import { sentence } from "./wording.ts";
import type { Limits, Message, Notification, SessionNotification } from "./service.ts";

/** How a service limits and escapes its sentences. */
export interface Wording {
  /** The limit of one sentence. */
  readonly limits: Limits;
  /** The limit of all sentences of a message together, if larger. */
  readonly message?: Limits;
  /** Escapes a value for the service's markup. `hostName`: this machine's name as configured. */
  readonly escape?: (value: string, hostName: string) => string;
}

/** Value lengths tried in turn until a sentence fits, in UTF-16 code units. */
const CUTS: readonly number[] = [96, 64, 48, 32, 24, 16, 8];

/** The plain sentences of a message, each within the limits; see {@link fittedSentence}. */
export function fittedSentences({ notifications }: Pick<Message, "notifications">, wording: Wording): string[] {
  return notifications.map((notification) => fittedSentence(notification, wording));
}

/** The plain sentence within the limits. Cuts long values instead of the sentence. */
export function fittedSentence(notification: Notification, { limits, escape = (value) => value }: Wording): string {
  const worded = (some: Notification) => sentence(some, (value) => escape(value, some.hostName));
  let text = worded(notification);
  for (const longest of CUTS) {
    if (lengthOf(text, limits.unit) <= limits.text) break;
    text = worded(shortened(notification, longest));
  }
  return text;
}

/** Cuts each value to `longest` UTF-16 code units and keeps at most five reasons. */
function shortened(notification: Notification, longest: number): Notification {
  const short = (value: string, text = longest) => cut(value, { limits: { text, unit: "code units" } });
  const hostName = short(notification.hostName);
  if (notification.type === "test") return { ...notification, hostName };
  if (notification.type === "notice") {
    return { ...notification, hostName, text: short(notification.text, longest * 4) };
  }
  if (notification.type === "report") {
    return { ...notification, hostName, lines: notification.lines.map((line) => short(line)) };
  }
  return {
    ...notification,
    hostName,
    user: short(notification.user),
    remoteHost: short(notification.remoteHost),
    dnsName: short(notification.dnsName),
    terminal: short(notification.terminal),
    service: short(notification.service),
    authentication: short(notification.authentication),
    duration: short(notification.duration),
    reasons: notification.reasons.slice(0, 5).map((reason) => short(reason)),
  };
}

/**
 * Cuts a text to a limit and marks the cut with `…`. Never splits a character.
 *
 * @param options.escape escapes a character; the limit then applies to the escaped text
 */
export function cut(
  text: string,
  { limits: { text: longest, unit }, escape = (character) => character }: {
    limits: Limits;
    escape?: (character: string) => string;
  },
): string {
  const escaped = [...text].map(escape);
  if (lengthOf(escaped.join(""), unit) <= longest) return escaped.join("");
  const mark = escape("…");
  let length = lengthOf(mark, unit);
  const end = escaped.findIndex((character) => (length += lengthOf(character, unit)) > longest);
  return `${escaped.slice(0, end).join("")}${mark}`;
}

/** How many notifications, counted from the first, fit into a message with one line for each. */
export function fittingLines(notifications: readonly SessionNotification[], wording: Wording): number {
  return fitting(notifications, {
    part: (notification) => fittedSentence(notification, wording),
    fits: (lines) => areWithin(lines, wording.message ?? wording.limits),
  });
}

/** Whether lines, joined by line breaks, are within a limit. */
export function areWithin(lines: readonly string[], { text, unit }: Limits): boolean {
  return lengthOf(lines.join("\n"), unit) <= text;
}

/** Joins lines to as few texts within a limit as possible. */
export function packed(lines: readonly string[], limits: Limits): string[] {
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    const joined = `${last}\n${line}`;
    if (last !== undefined && lengthOf(joined, limits.unit) <= limits.text) texts[texts.length - 1] = joined;
    else texts.push(line);
  }
  return texts;
}

/**
 * How many notifications, counted from the first, fit into one request; at least 1.
 *
 * @param options.part what a notification adds to the request; called once for each that fits and a few more
 * @param options.fits whether a request of these parts is within the limits; if more parts fit, fewer must fit
 */
export function fitting<Part>(
  notifications: readonly SessionNotification[],
  { part, fits }: { part: (notification: SessionNotification) => Part; fits: (parts: readonly Part[]) => boolean },
): number {
  const parts: Part[] = [];
  const fitsUpTo = (count: number) => {
    for (const notification of notifications.slice(parts.length, count)) parts.push(part(notification));
    return fits(parts.slice(0, count));
  };
  // Double the count until it is too many, then bisect.
  let most = 1;
  let tooMany = 2;
  while (tooMany <= notifications.length && fitsUpTo(tooMany)) [most, tooMany] = [tooMany, tooMany * 2];
  tooMany = Math.min(tooMany, notifications.length + 1);
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (fitsUpTo(middle)) most = middle;
    else tooMany = middle;
  }
  return most;
}

/** The length of a text in the unit in which an API counts. */
export function lengthOf(text: string, unit: Limits["unit"]): number {
  if (unit === "code units") return text.length;
  return unit === "bytes" ? new TextEncoder().encode(text).length : [...text].length;
}
