// The words that services use for an event: sentence, headline and facts; and how values are made safe for markup.

import type { Message, Notification, SessionNotification, Urgency } from "./service.ts";

/**
 * The plain sentence, the same as that of the Go program of the same name, followed by further facts in brackets.
 *
 * @param escape escapes a value for the service's markup
 */
export function sentence(
  notification: Notification,
  escape: (value: string) => string = (value) => value,
): string {
  const { type, time } = notification;
  // Otherwise a value could close our parentheses and forge the rest of the sentence.
  const shown = (value: string) => escape(unlinked(value.replaceAll("(", "（").replaceAll(")", "）")));
  const host = escape(notification.hostName);
  if (type === "test") return `This is a test from ${host} at ${time}: SSH logins and logouts will look like this`;
  if (type === "report") {
    return [`SSH report of ${host}:`, ...notification.lines.map((line) => escape(unlinked(line)))].join("\n");
  }
  if (type === "notice") return `${escape(notification.text)} (${host}, ${time})`;
  const { terminal, service } = notification;
  const origin = [...originOf(notification), notification.place].filter((value) => value !== "").map(shown).join(", ");
  const from = origin === "" ? "" : ` (${origin})`;
  const happened = type === "open" ? "logged in to" : "logged out from";
  const via = terminal === "" || service === "" ? shown(terminal + service) : `${shown(terminal)} (${shown(service)})`;
  const known = details(notification, escape);
  return `'${escape(unlinked(notification.user.replaceAll("'", "’")))}'${from} ${happened} ${host}${
    via === "" ? "" : ` via ${via}`
  } at ${time}${known === "" ? "" : ` [${known}]`}`;
}

/** The client's address, followed by its DNS name. */
function originOf({ remoteHost, dnsName }: SessionNotification): string[] {
  return [remoteHost, dnsName].filter((value) => value !== "");
}

/** The origin for a label: `203.0.113.7 (Auckland, New Zealand; AS64500 Example Net)`. */
function fromText(notification: SessionNotification): string {
  const origin = originOf(notification).join(", ");
  // Otherwise a DNS name could forge a place.
  const unbracketed = origin.replaceAll("(", "（").replaceAll(")", "）");
  return notification.place === "" ? origin : `${unbracketed} (${notification.place})`;
}

/** The further facts in brackets after the sentence. */
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
  // Otherwise a value could close our brackets and forge another message.
  return known.filter((value) => value !== "")
    .map((value) => escape(unlinked(value.replaceAll("[", "［").replaceAll("]", "］")))).join("; ");
}

/** Prevents apps from turning a text into a link. Leaves fingerprints alone, which may begin with slashes. */
export function unlinked(value: string): string {
  return value.replace(/(?<!\bSHA256):\/\//g, "：//");
}

/** A short title, for services that show one. */
export function headline({ notifications }: Message): string {
  const [first, ...more] = notifications;
  const { type, hostName } = first;
  if (more.length > 0) return `${notifications.length} SSH logins and logouts on ${hostName}`;
  const happened = {
    open: "SSH login to",
    close: "SSH logout from",
    test: "Test of SSH notifications from",
    notice: "SSH notifications of",
    report: "SSH report of",
  };
  return `${isUnexpected(first) ? "Unexpected " : ""}${happened[type]} ${hostName}`;
}

function isUnexpected(notification: Notification): boolean {
  return isSession(notification) && notification.urgency === "urgent" && notification.reasons.length > 0;
}

/** Whether a notification is about a session event. */
export function isSession(notification: Notification): notification is SessionNotification {
  return notification.type === "open" || notification.type === "close";
}

/** The urgency of a message: the highest of its notifications. */
export function urgencyOf({ notifications }: Message): Urgency {
  const urgencies = notifications.map((notification) =>
    isSession(notification) ? notification.urgency : notification.type === "report" ? "low" : "normal"
  );
  if (urgencies.includes("urgent")) return "urgent";
  return urgencies.includes("normal") ? "normal" : "low";
}

/**
 * The facts of an event, for services that show labels. The values are not escaped, but cannot become links. Brackets
 * and quotes need no change outside a sentence.
 */
export function factsOf(notification: SessionNotification): { label: string; value: string }[] {
  const { user, authentication, duration, reasons, hostName, time, terminal, service } = notification;
  const facts = [
    { label: "User", value: user },
    { label: "From", value: fromText(notification) },
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
 * Prevents apps from turning a value into a link: replaces the dots of anything like a DNS name with U+FF0E, because
 * phones also link names without `https://`. Addresses, fingerprints and this host's own name stay as they are.
 */
export function undomained(value: string, hostName: string): string {
  return value === hostName ? value : unlinked(value).replace(/\.(?=\p{L})/gu, "．");
}

/** Characters that begin a mention, room, topic, command or number, and their look-alikes. */
const SIGNS: Readonly<Record<string, string>> = { "@": "＠", "#": "＃", "/": "／", "!": "！", "+": "＋", "$": "＄" };

/** Like {@link undomained}, and also replaces the characters that begin mentions or commands in chats. */
export function inert(value: string, hostName: string): string {
  if (value === hostName) return value;
  return undomained(value, hostName).replace(/(?<![\p{L}\p{N}])[@#/!+$]/gu, (sign) => SIGNS[sign] ?? sign);
}

/** Replaces the ASCII characters that a pattern matches with their full-width look-alikes, which no service interprets. */
export function fullWidth(value: string, pattern: RegExp): string {
  // U+FF01 to U+FF5E are in the order of ASCII.
  return value.replace(pattern, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));
}
