// What services say of an event: the sentence, the headline, the facts; and how a value loses its meaning as markup.

import type { Batch, Notification, SessionNotification, Urgency } from "./service.ts";

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
  const place = placeOf(notification).map(shown).join(", ");
  const from = place === "" ? "" : ` (${place})`;
  const happened = type === "open" ? "logged in to" : "logged out from";
  const via = terminal === "" || service === "" ? shown(terminal + service) : `${shown(terminal)} (${shown(service)})`;
  const known = details(notification, escape);
  return `'${escape(unlinked(notification.user.replaceAll("'", "’")))}'${from} ${happened} ${host}${
    via === "" ? "" : ` via ${via}`
  } at ${time}${known === "" ? "" : ` [${known}]`}`;
}

/** Where the client is: its address, followed by its name in the DNS. */
function placeOf({ remoteHost, dnsName }: SessionNotification): string[] {
  return [remoteHost, dnsName].filter((value) => value !== "");
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
  const { user, authentication, duration, reasons, hostName, time, terminal, service } = notification;
  const facts = [
    { label: "User", value: user },
    { label: "From", value: placeOf(notification).join(", ") },
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
