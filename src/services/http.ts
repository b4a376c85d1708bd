// What services over HTTP have in common: URLs, what a status means, and when to try again.

import * as v from "valibot";
import { cap } from "../event.ts";
import type { Batch, HttpResponse, Limits, Notification, Outcome, SessionNotification } from "./service.ts";

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

/** The longest {@link details}, in UTF-16 code units once it is escaped, unless the reasons alone are longer. */
const MAX_DETAILS_LENGTH = 420;

/** What is known around the sentence. The authentication gives way where there is no room for all. */
function details(
  { isRepeat, duration, authentication, reasons }: SessionNotification,
  escape: (value: string) => string,
): string {
  // A value that closes our brackets could go on as if it were another message.
  const shown = (value: string) => escape(unlinked(value.replaceAll("[", "［").replaceAll("]", "］")));
  const before = [...isRepeat ? ["possible repeat"] : [], ...duration === "" ? [] : [`after ${duration}`]];
  const after = reasons.map(shown);
  const room = MAX_DETAILS_LENGTH - [...before, "", ...after].join("; ").length;
  const how = fittingText(authentication, { room, escape: shown });
  return [...before, ...how === "" ? [] : [how], ...after].join("; ");
}

/** As much of a text as there is room for once it is escaped. */
function fittingText(
  text: string,
  { room, escape }: { room: number; escape: (value: string) => string },
): string {
  for (let length = text.length; length > 0; length--) {
    const escaped = escape(cap(text, length));
    if (escaped.length <= room) return escaped;
  }
  return "";
}

/** Keeps whoever shows a text from making a link of it. A fingerprint, which may begin with slashes, is none. */
function unlinked(value: string): string {
  return value.replace(/(?<!\bSHA256):\/\//g, "：//");
}

/** The plain sentences of a batch, a line each. */
export function sentences({ notifications }: Batch, escape?: (value: string) => string): string {
  return notifications.map((notification) => sentence(notification, escape)).join("\n");
}

/** How many of these lines, from the first, are within the limits together; at least 1. */
export function fittingLines(lines: readonly string[], limits: Limits): number {
  let length = -1;
  const beyond = lines.findIndex((line) => (length += 1 + lengthOf(line, limits.unit)) > limits.text);
  return beyond === -1 ? lines.length : Math.max(1, beyond);
}

/** How long a text is, as an API counts it. */
export function lengthOf(text: string, unit: Limits["unit"]): number {
  if (unit === "code units") return text.length;
  return unit === "bytes" ? new TextEncoder().encode(text).length : [...text].length;
}

/** What happened, in a few words, for services that show a title. */
export function headline({ notifications }: Batch): string {
  const [{ type, hostName }, ...more] = notifications;
  if (more.length > 0) return `${notifications.length} SSH logins and logouts on ${hostName}`;
  const happened = {
    open: "SSH login to",
    close: "SSH logout from",
    test: "Test of SSH notifications from",
    notice: "SSH notifications of",
  };
  return `${happened[type]} ${hostName}`;
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
