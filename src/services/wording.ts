// The words that services use for an event: sentence, headline and facts.

import { joined, plural } from "../text.ts";
import { forwarded, fullWidth, unlinked } from "./escapes.ts";
import { renderTemplate } from "./template.ts";
import type { Message, Notification, SessionNotification, Templates, Urgency } from "./service.ts";

/** The sign of an urgent message. It comes first, because a lock screen shows little more than the first words. */
const ALARM = "🚨";

/** Converts a value for a service's markup. */
type Escape = (value: string) => string;

/**
 * The plain sentence, the same as that of the Go program of the same name, followed by further facts in brackets.
 *
 * @param escape escapes a value for the service's markup
 */
export function sentence(notification: Notification, escape: Escape = (value) => value): string {
  const { type, time } = notification;
  const host = escape(notification.hostName);
  if (type === "test") return `This is a test from ${host} at ${time}: SSH logins and logouts will look like this`;
  if (type === "report") {
    return [`SSH report of ${host}:`, ...notification.lines.map((line) => escape(unlinked(line)))].join("\n");
  }
  if (type === "notice") return `${escape(notification.text)} (${host}, ${time})`;
  const own = ownWords(type, notification, escape);
  if (own !== undefined) return own;
  const happened = type === "open" ? "logged in to" : "logged out from";
  const { duration, isRepeat, reasons } = notification;
  // The reasons come first, because readers of a long line may not see its end.
  const facts = [isRepeat ? "possible repeat" : "", ...reasons, duration === "" ? "" : `after ${duration}`];
  return `${who(notification, escape)} ${happened} ${host}${via(notification, escape)} at ${time}${
    inBrackets([...facts, notification.authentication], escape)
  }`;
}

/**
 * Renders a template. No value can close our own signs, become a link, or contain markup of the service.
 *
 * @returns undefined without a template, or if it is blank for this event, because services refuse empty messages
 */
function ownWords(name: keyof Templates, notification: SessionNotification, escape: Escape): string | undefined {
  const template = notification.templates?.[name];
  if (template === undefined) return undefined;
  const { user, remoteHost, dnsName, place, clientPort, hostName, time, service, terminal, processId } = notification;
  const { authentication, duration, reasons, urgency, isRepeat } = notification;
  const safe = (value: string) => {
    // Some services mark values, and mustache would take an empty value with marks for a known one.
    if (value === "") return "";
    return escape(value === hostName ? value : unlinked(fullWidth(value, /[()[\]'"]/g)));
  };
  const yes = (isSo: boolean) => isSo ? "yes" : "";
  const facts = {
    user,
    address: remoteHost,
    dns_name: dnsName,
    place,
    port: clientPort === undefined ? "" : String(clientPort),
    host: hostName,
    time,
    kind: kindOf(notification),
    service,
    terminal,
    process: processId === undefined ? "" : String(processId),
    authentication,
    duration,
    reasons: reasons.join("; "),
    unexpected: yes(isUnexpected(notification)),
    urgent: yes(urgency === "urgent"),
    repeat: yes(isRepeat),
  };
  const words = renderTemplate(
    template,
    Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, safe(value)])) as typeof facts,
  );
  return words.trim() === "" ? undefined : words;
}

/**
 * The sentence for several routine events of the same user, address, authentication and service:
 * `'deploy' (192.0.2.10): 12 logins and 11 logouts on example.com via ssh (sshd) between … and … [publickey …]`.
 *
 * @param events in any order
 * @param escape escapes a value for the service's markup
 */
export function foldedSentence(
  events: readonly [SessionNotification, ...SessionNotification[]],
  escape: Escape = (value) => value,
): string {
  const [event] = events;
  const first = events.reduce((a, b) => b.occurredAtMs < a.occurredAtMs ? b : a).time;
  const last = events.reduce((a, b) => b.occurredAtMs > a.occurredAtMs ? b : a).time;
  const [date = ""] = first.split(" ");
  const to = last.startsWith(`${date} `) ? last.slice(date.length + 1) : last;
  const when = first === last ? `at ${first}` : `between ${first} and ${to}`;
  return `${who(event, escape)}: ${counted(events)} on ${escape(event.hostName)}${via(event, escape)} ${when}${
    inBrackets([event.authentication], escape)
  }`;
}

/** The user and the client: `'alice' (203.0.113.7)`. */
function who(event: SessionNotification, escape: Escape): string {
  const known = [event.remoteHost, event.dnsName, event.place].filter((value) => value !== "");
  const origin = known.map((value) => inParentheses(value, escape)).join(", ");
  return `'${escape(unlinked(event.user.replaceAll("'", "’")))}'${origin === "" ? "" : ` (${origin})`}`;
}

/** The terminal and the PAM service: ` via ssh (sshd)`; empty if unknown. */
function via({ terminal, service }: SessionNotification, escape: Escape): string {
  if (terminal === "" && service === "") return "";
  if (terminal === "" || service === "") return ` via ${inParentheses(terminal + service, escape)}`;
  return ` via ${inParentheses(terminal, escape)} (${inParentheses(service, escape)})`;
}

/** Otherwise a value could close our parentheses and forge the rest of the sentence. */
function withoutParentheses(value: string): string {
  return fullWidth(value, /[()]/g);
}

function inParentheses(value: string, escape: Escape): string {
  return escape(unlinked(withoutParentheses(value)));
}

/** The origin for a label: `203.0.113.7, port 50022 (Auckland, New Zealand; AS64500 Example Net)`. */
function fromText(notification: SessionNotification): string {
  const { remoteHost, dnsName, place, clientPort } = notification;
  const origin = joined([remoteHost, dnsName, clientPort === undefined ? "" : `port ${clientPort}`], ", ");
  // Otherwise a DNS name could forge a place.
  return place === "" ? origin : `${withoutParentheses(origin)} (${place})`;
}

/** The further facts in brackets after a sentence. */
function inBrackets(facts: readonly string[], escape: Escape): string {
  const known = facts.filter((value) => value !== "");
  if (known.length === 0) return "";
  // Otherwise a value could close our brackets and forge another message.
  const safe = known.map((value) => escape(unlinked(fullWidth(value, /[[\]]/g))));
  return ` [${safe.join("; ")}]`;
}

/** What the text of a message begins with if no title shows how urgent it is: `🚨 Unexpected: `; usually empty. */
export function alarm(message: Message): string {
  if (urgencyOf(message) !== "urgent") return "";
  const [first, ...more] = message.notifications;
  // The administrator's own words may be in another language, and can name {{unexpected}}.
  if (more.length === 0 && isSession(first) && ownWords(first.type, first, String) !== undefined) return `${ALARM} `;
  return message.notifications.some(isUnexpected) ? `${ALARM} Unexpected: ` : `${ALARM} `;
}

/** The title of a message for services that show one: the headline, which begins with 🚨 if it is urgent. */
export function title(message: Message): string {
  return `${urgencyOf(message) === "urgent" ? `${ALARM} ` : ""}${headline(message)}`;
}

/** What the message is about, without how urgent it is: `Unexpected SSH login to example.com`. */
export function headline({ notifications }: Message): string {
  const [first, ...more] = notifications;
  const { type, hostName } = first;
  if (type === "test") return `Test of SSH notifications from ${hostName}`;
  if (type === "notice") return `SSH notifications of ${hostName}`;
  if (type === "report") return `SSH report of ${hostName}`;
  if (more.length > 0) {
    const counts = `${countedByKind(notifications.filter(isSession))} on ${hostName}`;
    return notifications.some(isUnexpected) ? `Unexpected: ${counts}` : counts;
  }
  const own = ownWords(`title_${type}`, first, (value) => forwarded(value, hostName));
  if (own !== undefined) return own;
  const happened = `${kindOf(first)} ${type === "open" ? "login to" : "logout from"} ${hostName}`;
  // The other kinds are names, which keep their case.
  return isUnexpected(first) ? `Unexpected ${happened}` : happened.replace(/^console/, "Console");
}

function isUnexpected(notification: Notification): boolean {
  return isSession(notification) && notification.urgency === "urgent" && notification.reasons.length > 0;
}

/** The kinds of login that have another name than their PAM service. */
const KINDS: Readonly<Record<string, string>> = {
  sshd: "SSH",
  ssh: "SSH",
  login: "console",
  "su-l": "su",
  "sudo-i": "sudo",
};

/** What kind of login it is: SSH, console, su, sudo, or else the name of the PAM service. */
function kindOf({ service, terminal }: SessionNotification): string {
  const name = service === "" ? terminal : service;
  if (Object.hasOwn(KINDS, name)) return KINDS[name] ?? name;
  // Titles are shown without escaping in some apps, and a tampered event may have any text as its service.
  return /^[a-z][-\w]{0,31}$/i.test(service) ? service : "PAM";
}

/** How many kinds of login a headline lists. */
const MAX_KINDS = 3;

/** The counts of a digest by kind: `12 SSH logins and 9 logouts, 2 sudo logins`. */
function countedByKind(events: readonly SessionNotification[]): string {
  const kinds = [...Map.groupBy(events, kindOf)];
  const listed = kinds.slice(0, MAX_KINDS).map(([kind, events]) => counted(events, `${kind} `));
  const others = kinds.slice(MAX_KINDS).flatMap(([, events]) => events);
  return [...listed, ...others.length === 0 ? [] : [counted(others, "other ")]].join(", ");
}

/** `12 logins and 9 logouts`; omits logins or logouts if there are none. */
function counted(events: readonly SessionNotification[], kind = ""): string {
  const logins = events.filter(({ type }) => type === "open").length;
  const logouts = events.length - logins;
  if (logins === 0) return plural(logouts, `${kind}logout`);
  const login = plural(logins, `${kind}login`);
  return logouts === 0 ? login : `${login} and ${plural(logouts, "logout")}`;
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
  const { processId } = notification;
  // Some services show at most ten facts, so port and process are not facts of their own.
  const through = [
    terminal === "" || service === "" ? terminal + service : `${terminal} (${service})`,
    processId === undefined ? "" : `process ${processId}`,
  ];
  const facts = [
    { label: "User", value: user },
    { label: "From", value: fromText(notification) },
    { label: "Authentication", value: authentication },
    { label: "Session", value: duration },
    { label: "Why unexpected", value: reasons.join("; ") },
    { label: "Host", value: hostName },
    { label: "Time", value: time },
    { label: "Via", value: joined(through, ", ") },
    { label: "Note", value: notification.isRepeat ? "may have been sent before" : "" },
  ];
  return facts.filter(({ value }) => value !== "").map(({ label, value }) => ({ label, value: unlinked(value) }));
}
