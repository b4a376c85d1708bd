// What services over HTTP have in common: URLs, what a status means, and when to try again.

import * as v from "valibot";
import type {
  Batch,
  HttpRequest,
  HttpResponse,
  Limits,
  Notification,
  Outcome,
  SessionNotification,
  Urgency,
} from "./service.ts";

/** Hosts for which plain http is no risk: the traffic does not leave the machine. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * A schema for an http or https URL, which is parsed, not shown: it may hold a secret.
 *
 * @param options.plainHttp where plain http is accepted
 */
export function urlSchema(options: { plainHttp: "anywhere" | "loopback" }) {
  return v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && /^https?:/i.test(text),
      "must be a URL that begins with https://",
    ),
    v.transform((text) => URL.parse(text) ?? new URL("https://invalid.invalid")),
    v.check(
      (url) => url.protocol === "https:" || options.plainHttp === "anywhere" || isLoopback(url),
      "must begin with https://, since plain http shows the secret in it to the network",
    ),
    v.check(
      (url) => url.username === "" && url.password === "",
      "must not hold a user name or password",
    ),
  );
}

/** The URL of a server of one's own, which may be below a path; plain http is taken, with a warning. */
export function serverUrlSchema() {
  return v.pipe(
    urlSchema({ plainHttp: "anywhere" }),
    v.check(({ search, hash }) => search === "" && hash === "", "must be the server's own URL, without ? or #"),
  );
}

/** A schema for a text that goes into a header or a path: visible ASCII, so that it can't end there. */
export function tokenSchema(what: string) {
  return v.pipe(v.string(), v.regex(/^[!-~]+$/, `must be ${what}, without spaces`));
}

/** A path below the URL of a server. The parts that come from elsewhere must be escaped. */
export function below(server: URL, path: string): string {
  return `${server.origin}${server.pathname.replace(/\/$/, "")}/${path}`;
}

/** A shorter part of a URL is no secret, and would be taken out of texts where it only happens to stand. */
const MIN_SECRET_LENGTH = 8;

/** What of a URL must not be shown, where the secret is in its path. */
export function urlSecrets({ href, pathname, search }: URL): string[] {
  const secret = `${pathname}${search}`;
  return [href, ...(secret.length >= MIN_SECRET_LENGTH ? [secret] : [])];
}

/** A warning for a URL whose traffic can be read on its way. */
export function plainHttpWarnings(url: URL, option: string): string[] {
  return url.protocol === "https:" || isLoopback(url)
    ? []
    : [`${option} is plain http: the network can read the notifications, and any token with them`];
}

/** A warning for a URL that does not lead to the service itself; it may be a relay, or a trap. */
export function foreignHostWarnings({ hostname }: URL, options: { option: string; own: RegExp; of: string }): string[] {
  return options.own.test(hostname)
    ? []
    : [`${options.option} leads to ${hostname}, which is not a host of ${options.of}`];
}

/** A request that carries JSON. */
export function jsonRequest(
  url: string,
  body: unknown,
  options: { method?: "POST" | "PUT"; headers?: Readonly<Record<string, string>> } = {},
): HttpRequest {
  const headers = { "content-type": "application/json", ...options.headers };
  return { kind: "http", method: options.method ?? "POST", url, headers, body: JSON.stringify(body) };
}

/** The header that shows a token. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** A user and a password, as HTTP basic authentication shows them (RFC 7617). */
export function basicCredentials(user: string, password: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)));
}

/** The id of a batch, fit for a header or a part of a path; an id as it should be stays as it is. */
export function safeId({ id }: Batch): string {
  return encodeURIComponent(id.toWellFormed());
}

/** Whether a URL leads to this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname);
}

/** `host:port` of a URL, in the form that Deno's `net` permission takes. */
export function endpoint(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
}

/**
 * The plain sentence, that of the Go program of the same name, and behind it in brackets what else is known.
 *
 * @param escape makes a value harmless in the markup of the service
 */
export function sentence(
  notification: Notification,
  escape: (value: string) => string = (value) => value,
): string {
  const { type, time } = notification;
  // A value that closes our quotes or parentheses could go on as if it were the rest of the sentence.
  const shown = (value: string) => escape(unlinked(value.replaceAll("(", "（").replaceAll(")", "）")));
  const host = escape(notification.hostName);
  if (type === "test") return `This is a test from ${host} at ${time}: SSH logins and logouts will be told like this`;
  if (type === "notice") return `${escape(notification.text)} (${host}, ${time})`;
  const { terminal, service } = notification;
  const from = notification.remoteHost === "" ? "" : ` (${shown(notification.remoteHost)})`;
  const happened = type === "open" ? "logged in to" : "logged out from";
  const via = terminal === "" ? shown(service) : `${shown(terminal)} (${shown(service)})`;
  const known = details(notification, escape);
  return `'${
    escape(unlinked(notification.user.replaceAll("'", "’")))
  }'${from} ${happened} ${host} via ${via} at ${time}${known === "" ? "" : ` [${known}]`}`;
}

/** What is known around the sentence. */
function details(
  { isRepeat, duration, authentication, reasons }: SessionNotification,
  escape: (value: string) => string,
): string {
  const known = [
    isRepeat ? "possible repeat" : "",
    duration === "" ? "" : `after ${duration}`,
    authentication,
    ...reasons,
  ];
  // A value that closes our brackets could go on as if it were another message.
  return known.filter((value) => value !== "")
    .map((value) => escape(unlinked(value.replaceAll("[", "［").replaceAll("]", "］")))).join("; ");
}

/** Keeps whoever shows a text from making a link of it. A fingerprint, which may begin with slashes, is none. */
export function unlinked(value: string): string {
  return value.replace(/(?<!\bSHA256):\/\//g, "：//");
}

/** The plain sentences of a batch, a line each. */
export function sentences({ notifications }: Batch, escape?: (value: string) => string): string {
  return notifications.map((notification) => sentence(notification, escape)).join("\n");
}

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

/** What happened, in a few words, for services that show a title. */
export function headline({ notifications }: Batch): string {
  const [first, ...more] = notifications;
  const { type, hostName } = first;
  if (more.length > 0) return `${notifications.length} SSH logins and logouts on ${hostName}`;
  const happened = {
    open: "SSH login to",
    close: "SSH logout from",
    test: "Test of SSH notifications from",
    notice: "SSH notifications of",
  };
  return `${isUnexpected(first) ? "Unexpected " : ""}${happened[type]} ${hostName}`;
}

function isUnexpected(notification: Notification): boolean {
  return isSession(notification) && notification.urgency === "urgent" && notification.reasons.length > 0;
}

/** Whether a notification stands for an event. */
export function isSession(notification: Notification): notification is SessionNotification {
  return notification.type === "open" || notification.type === "close";
}

/** How loud a batch is to be: as loud as the loudest in it. */
export function urgencyOf({ notifications }: Batch): Urgency {
  const urgencies = notifications.map((notification) => isSession(notification) ? notification.urgency : "normal");
  if (urgencies.includes("urgent")) return "urgent";
  return urgencies.includes("normal") ? "normal" : "low";
}

/** What there is to tell of an event. */
export interface Fact {
  readonly label: string;
  /** Not escaped, but free of links. */
  readonly value: string;
}

/** What there is to tell of an event, for services that show labels; the values have no sentence around to break. */
export function factsOf(notification: SessionNotification): readonly Fact[] {
  const { user, remoteHost, authentication, duration, reasons, hostName, time, terminal, service } = notification;
  const facts = [
    { label: "User", value: user },
    { label: "From", value: remoteHost },
    { label: "Authentication", value: authentication },
    { label: "Session", value: duration },
    { label: "Why unexpected", value: reasons.join("; ") },
    { label: "Host", value: hostName },
    { label: "Time", value: time },
    { label: "Via", value: terminal === "" ? service : `${terminal} (${service})` },
    { label: "Note", value: notification.isRepeat ? "may have been sent before" : "" },
  ];
  return facts.filter(({ value }) => value !== "").map(({ label, value }) => ({ label, value: unlinked(value) }));
}

/**
 * Keeps an app from making links of a value: what looks like a name in the DNS gets dots that are none (U+FF0E), since
 * phones make links of names without `https://` too. Addresses, fingerprints and this host's own name stay as they are.
 */
export function undomained(value: string, hostName: string): string {
  return value === hostName ? value : unlinked(value).replace(/\.(?=\p{L})/gu, "．");
}

/** Signs that begin a mention, a room or topic, a command, a number; and what looks like them. */
const SIGNS: Readonly<Record<string, string>> = { "@": "＠", "#": "＃", "/": "／", "!": "！", "+": "＋", "$": "＄" };

/** Like {@link undomained}, for chats that give a meaning to words that begin with certain signs. */
export function inert(value: string, hostName: string): string {
  if (value === hostName) return value;
  return undomained(value, hostName).replace(/(?<![\p{L}\p{N}])[@#/!+$]/gu, (sign) => SIGNS[sign] ?? sign);
}

/** What a service says of itself, where the status alone does not tell. */
export interface StatusHints {
  /** What the body says is wrong, for people. */
  readonly detail?: string | undefined;
  /** When the body says to try again. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * What a status means, for a service that has nothing to add: the outcome table of the README.
 *
 * @param nowMs the time of the answer, since the epoch
 */
export function judgeStatus(
  response: HttpResponse,
  nowMs: number,
  hints: StatusHints = {},
): Outcome {
  const { status } = response;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const reason = `HTTP ${status}${hints.detail === undefined ? "" : `: ${hints.detail}`}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500 || status < 200) {
    const retryAfterMs = hints.retryAfterMs ?? parseRetryAfter(response.headers["retry-after"], nowMs);
    return {
      kind: "retry",
      reason,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
  // 407 is the proxy's word, and says nothing about the message.
  if ([401, 403, 404, 407, 410].includes(status) || status < 400) {
    return { kind: "broken", reason };
  }
  return { kind: "rejected", reason };
}

/** What a service says of itself, beside the status. */
export interface Answer extends StatusHints {
  /** Whose answer it should be: `Discord`, `an ntfy server`. */
  readonly from: string;
  /** Whether the body says that the service has the message. */
  readonly isConfirmed: boolean;
  /** Whether the body says that the settings are wrong; then no other message would get through either. */
  readonly blamesSettings?: boolean;
}

/** What an answer means, for a service that says so in its body. What says 2xx and nothing else has stored nothing. */
export function judgeAnswer(response: HttpResponse, nowMs: number, answer: Answer): Outcome {
  const outcome = judgeStatus(response, nowMs, answer);
  if (outcome.kind === "delivered" && !answer.isConfirmed) {
    return { kind: "broken", reason: `HTTP ${response.status}, but not the answer of ${answer.from}` };
  }
  if (outcome.kind === "rejected" && answer.blamesSettings) return { kind: "broken", reason: outcome.reason };
  return outcome;
}

/** A field of a JSON body, if it is a text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * Reads a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now, 0 for a date in the past; undefined where there is none or it makes no sense
 */
export function parseRetryAfter(
  value: string | undefined,
  nowMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return secondsToMs(Number(text));
  // Only what an HTTP date looks like: Date.parse takes nearly anything, negative numbers included. The form of
  // asctime(3), which is allowed too, names no zone and means GMT.
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} .* \d{4}$/.test(text);
  const at = isAsctime ? Date.parse(`${text} GMT`) : /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Seconds that a service asked for, as milliseconds; undefined where they make no sense. */
export function secondsToMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds < 0) {
    return undefined;
  }
  return Math.ceil(seconds * 1000);
}

/** The fields of a JSON object in a response body; none where it is something else. */
export function jsonFields(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
