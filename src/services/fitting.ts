// How much of it a service takes: sentences that are cut to its limits, and how many of them go into one message.

import { sentence } from "./wording.ts";
import type { Batch, Limits, Notification, SessionNotification } from "./service.ts";

/** How a service words its sentences. */
export interface Wording {
  /** Of one sentence. */
  readonly limits: Limits;
  /** Of all the sentences of a message together, if that is more. */
  readonly message?: Limits;
  /** Makes a value harmless in the markup of the service. `hostName`: this machine's own name, as it stands there. */
  readonly escape?: (value: string, hostName: string) => string;
}

/** How far the values of a sentence are cut in turn, in UTF-16 code units, until it is within a limit. */
const CUTS: readonly number[] = [96, 64, 48, 32, 24, 16, 8];

/** The plain sentences of a batch, each within the limits: long values are cut, so that the sentence stays whole. */
export function fittedSentences({ notifications }: Pick<Batch, "notifications">, wording: Wording): string[] {
  return notifications.map((notification) => fittedSentence(notification, wording));
}

/** The plain sentence within the limits: long values are cut, so that the sentence stays whole. */
export function fittedSentence(notification: Notification, { limits, escape = (value) => value }: Wording): string {
  const worded = (some: Notification) => sentence(some, (value) => escape(value, some.hostName));
  let text = worded(notification);
  for (const longest of CUTS) {
    if (lengthOf(text, limits.unit) <= limits.text) break;
    text = worded(shortened(notification, longest));
  }
  return text;
}

/** The same with no value longer than that, in UTF-16 code units, and no more than a handful of reasons. */
function shortened(notification: Notification, longest: number): Notification {
  const short = (value: string) => cut(value, { limits: { text: longest, unit: "code units" } });
  const hostName = short(notification.hostName);
  if (notification.type === "test") return { ...notification, hostName };
  if (notification.type === "notice") {
    return {
      ...notification,
      hostName,
      text: cut(notification.text, { limits: { text: longest * 4, unit: "code units" } }),
    };
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
    reasons: notification.reasons.slice(0, 5).map(short),
  };
}

/**
 * Cuts a text that is longer than a limit, and marks the cut with `…`. Never halves a character.
 *
 * @param options.escape makes a character harmless; then it is the escaped text that is within the limit
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

/** How many notifications, from the first, a message takes that has a line for each and nothing else. */
export function fittingLines(notifications: readonly SessionNotification[], wording: Wording): number {
  return fitting(notifications, {
    part: (notification) => fittedSentence(notification, wording),
    fits: (lines) => areWithin(lines, wording.message ?? wording.limits),
  });
}

/** Whether lines are within the limits of a text, one below the other. */
export function areWithin(lines: readonly string[], { text, unit }: Limits): boolean {
  return lengthOf(lines.join("\n"), unit) <= text;
}

/**
 * How many notifications, from the first, one request takes; at least 1.
 *
 * @param options.part what a notification adds to the request; asked for once, and not much further than needed
 * @param options.fits whether a request of these parts is within the limits; fewer parts must fit if more do
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
  // Doubled until it is too many, then halved in between.
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

/** How long a text is, as an API counts it. */
export function lengthOf(text: string, unit: Limits["unit"]): number {
  if (unit === "code units") return text.length;
  return unit === "bytes" ? new TextEncoder().encode(text).length : [...text].length;
}
