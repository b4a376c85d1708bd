// Fits messages to a service's limits: shortens sentences, folds the routine events of a digest, and counts how many
// events fit into one message.

import { foldedSentence, isSession, sentence } from "./wording.ts";
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
const CUTS: readonly number[] = [Infinity, 96, 64, 48, 32, 24, 16, 8];

/**
 * The sentences of a message below its title, each within the limits. In a digest, routine events of the same user,
 * address, authentication and service become one line; any other event keeps a line of its own, above those.
 */
export function fittedSentences({ notifications }: Pick<Message, "notifications">, wording: Wording): string[] {
  return linesOf(notifications.map((notification) => entryOf(notification, wording)), wording);
}

/**
 * The plain sentence within the limits. Cuts long values instead of the sentence.
 *
 * @param before the text before it
 */
export function fittedSentence(notification: Notification, wording: Wording, before = ""): string {
  const text = fitted(wording, (longest, escape) => {
    const some = shortened(notification, longest);
    return `${before}${sentence(some, (value) => escape(value, some.hostName))}`;
  });
  const { text: most, unit } = wording.limits;
  if (!isSession(notification) || notification.templates === undefined || lengthOf(text, unit) <= most) return text;
  // A template that names a value many times can be too long for any values; the service would refuse the event.
  const { templates: _, ...inOurWords } = notification;
  return fittedSentence(inOurWords, wording, before);
}

/** Tries ever shorter values until the text is within the limits. */
function fitted(
  { limits, escape = (value) => value }: Wording,
  words: (longest: number, escape: NonNullable<Wording["escape"]>) => string,
): string {
  let text = "";
  for (const longest of CUTS) {
    text = words(longest, escape);
    if (lengthOf(text, limits.unit) <= limits.text) break;
  }
  return text;
}

/** Cuts each value to `longest` UTF-16 code units and keeps at most five reasons. */
function shortened(notification: Notification, longest: number): Notification {
  if (isSession(notification)) return shortenedSession(notification, longest);
  const hostName = short(notification.hostName, longest);
  if (notification.type === "test") return { ...notification, hostName };
  if (notification.type === "report") {
    return { ...notification, hostName, lines: notification.lines.map((line) => short(line, longest)) };
  }
  return { ...notification, hostName, text: short(notification.text, longest * 4) };
}

function shortenedSession(notification: SessionNotification, longest: number): SessionNotification {
  if (longest === Infinity) return notification;
  return {
    ...notification,
    hostName: short(notification.hostName, longest),
    user: short(notification.user, longest),
    remoteHost: short(notification.remoteHost, longest),
    dnsName: short(notification.dnsName, longest),
    place: short(notification.place, longest),
    terminal: short(notification.terminal, longest),
    service: short(notification.service, longest),
    authentication: short(notification.authentication, longest),
    duration: short(notification.duration, longest),
    reasons: notification.reasons.slice(0, 5).map((reason) => short(reason, longest)),
  };
}

function short(value: string, longest: number): string {
  return cut(value, { limits: { text: longest, unit: "code units" } });
}

/**
 * Cuts a text to a limit and marks the cut with `…`. Never splits a character.
 *
 * @param options.escape escapes the text; the limit then applies to the escaped text
 */
export function cut(
  text: string,
  { limits: { text: longest, unit }, escape = (text) => text }: { limits: Limits; escape?: (text: string) => string },
): string {
  const whole = escape(text);
  if (lengthOf(whole, unit) <= longest) return whole;
  const characters = [...text];
  const upTo = (count: number) => escape(`${characters.slice(0, count).join("")}…`);
  let [most, tooMany] = [0, characters.length];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (lengthOf(upTo(middle), unit) <= longest) most = middle;
    else tooMany = middle;
  }
  return upTo(most);
}

/** A notification of a message, and what linesOf() needs of it; computed once, because fitting() tries many counts. */
interface Entry {
  readonly notification: Notification;
  /** What it has in common with the events that share its line; undefined for a line of its own. */
  readonly group: string | undefined;
  readonly line: () => string;
}

function entryOf(notification: Notification, wording: Wording): Entry {
  let line: string | undefined;
  return {
    notification,
    group: groupOf(notification),
    line: () => line ??= fittedSentence(notification, wording),
  };
}

/** Only routine events have a group: a digest never hides that something was new. */
function groupOf(notification: Notification): string | undefined {
  if (!isSession(notification) || notification.urgency === "urgent") return undefined;
  const { reasons, isRepeat, user, remoteHost, dnsName, place, authentication, terminal, service } = notification;
  if (reasons.length > 0 || isRepeat) return undefined;
  return JSON.stringify([user, remoteHost, dnsName, place, authentication, terminal, service]);
}

/** The lines of a digest. Their set does not depend on the order of the entries. */
function linesOf(entries: readonly Entry[], wording: Wording): string[] {
  const groups = Map.groupBy(entries, ({ group }) => group);
  const own = groups.get(undefined) ?? [];
  groups.delete(undefined);
  return [...own.map(({ line }) => line()), ...[...groups.values()].map((entries) => foldedLine(entries, wording))];
}

function foldedLine(entries: readonly Entry[], wording: Wording): string {
  const [first, ...more] = entries.map(({ notification }) => notification).filter(isSession);
  if (first === undefined || more.length === 0) return entries.map(({ line }) => line()).join("");
  return fitted(wording, (longest, escape) => {
    const some = shortenedSession(first, longest);
    return foldedSentence([some, ...more], (value) => escape(value, some.hostName));
  });
}

/** How many notifications, counted from the first, fit into a message of {@link fittedSentences}. */
export function fittingLines(notifications: readonly SessionNotification[], wording: Wording): number {
  return fittingDigest(notifications, wording, (lines) => areWithin(lines, wording.message ?? wording.limits));
}

/**
 * How many notifications, counted from the first, fit into a digest.
 *
 * @param fits whether a request of these lines is within the limits
 */
export function fittingDigest(
  notifications: readonly SessionNotification[],
  wording: Wording,
  fits: (lines: readonly string[], message: Message) => boolean,
): number {
  const [first] = notifications;
  if (first === undefined) return 1;
  return fitting(notifications, {
    part: (notification) => entryOf(notification, wording),
    fits: (entries) => {
      const message: Message = { id: "", notifications: [first, ...notifications.slice(1, entries.length)] };
      return fits(linesOf(entries, wording), message);
    },
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
