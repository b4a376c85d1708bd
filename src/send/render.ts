// Converts an event or a notice to a notification. Replaces invisible characters, and truncates long values so that the whole
// sentence fits the limits of every service. Pure.

import { parseAddress } from "../session/address.ts";
import { formatDuration, plural } from "../text.ts";
import { cap } from "../event.ts";
import type {
  NoticeNotification,
  ReportNotification,
  SessionNotification,
  Templates,
  TestNotification,
  Urgency,
} from "../services/service.ts";
import type { JudgedEvent } from "../store/events.ts";
import { type Notice, QUEUE_DATABASE } from "../store/notices.ts";
import type { AuthMethod } from "../session/auth_info.ts";

/**
 * The maximum length of a value of an event, in UTF-16 code units: longer than most host names. A service may truncate
 * it further.
 */
export const MAX_SHOWN_LENGTH = 128;

/** The maximum length of the authentication text, in UTF-16 code units, and the maximum number of methods in it. */
const MAX_AUTHENTICATION_LENGTH = 400;
const MAX_METHODS = 4;

/** The maximum length of a text in it that sshd did not choose, such as the ID of a certificate. */
const MAX_QUOTED_LENGTH = 64;

/** The characters that log.ts replaces, and those that fonts may lack, which readers cannot tell apart. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;

/** How this host is shown. */
export interface HostOptions {
  readonly name: string;
  /** An IANA time zone. */
  readonly timezone: string;
  /** Names of keys, by fingerprint. */
  readonly keyNames?: ReadonlyMap<string, string>;
  /** The administrator's own words for events. */
  readonly templates?: Templates;
}

/** Creates the notification of an event. */
export function notificationOf(event: JudgedEvent, host: HostOptions): SessionNotification {
  // Not spread: after a spread, V8 without its compiler adds each property three times as slowly.
  const { address, remoteHost, dnsName } = originOf(event);
  return {
    type: event.type,
    uuid: event.uuid,
    sessionId: event.type === "open" ? event.uuid : event.openUuid ?? "",
    occurredAtMs: event.occurredAtMs,
    user: shown(event.user),
    address,
    remoteHost,
    dnsName,
    place: shown(event.place),
    countryCode: event.countryCode,
    asn: event.asn,
    clientPort: clientPortOf(event),
    terminal: shown(event.terminal.replace(/^\/dev\//, "")),
    service: shown(event.service),
    processId: event.parentPid > 0 ? event.parentPid : undefined,
    hostName: host.name,
    time: localTime(event.occurredAtMs, host.timezone),
    urgency: urgencyOf(event),
    authentication: isWitnessed(event) ? authenticationText(event.auth, host.keyNames) : "",
    duration: event.durationMs === undefined ? "" : formatDuration(event.durationMs),
    reasons: [
      ...event.tampered.length > 0 ? ["environment tampered with"] : [],
      ...event.reasons.map((reason) => shown(reason)),
    ],
    isRepeat: event.isRepeat,
    ...(host.templates === undefined ? {} : { templates: host.templates }),
  };
}

/** The client's address and name. A name never replaces the address, because the client's DNS may choose the name. */
function originOf({ address, remoteHost }: JudgedEvent) {
  const isName = address !== "" && address !== remoteHost && parseAddress(remoteHost) === undefined;
  return isName
    ? { address, remoteHost: shown(address), dnsName: shown(remoteHost) }
    : { address, remoteHost: shown(remoteHost), dnsName: "" };
}

/** The client's port, from `SSH_CONNECTION`. The user can replace that value after the login. */
function clientPortOf(event: JudgedEvent): number | undefined {
  const [address = "", port = ""] = event.connection.split(" ");
  if (!isWitnessed(event) || event.address === "") return undefined;
  if (address !== event.address && parseAddress(address)?.toString() !== event.address) return undefined;
  return /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535 ? Number(port) : undefined;
}

/** The urgency of an event. */
export function urgencyOf({ type, urgent }: Pick<JudgedEvent, "type" | "urgent">): Urgency {
  if (urgent) return "urgent";
  return type === "close" ? "low" : "normal";
}

/** Creates the notification of the `test` command. */
export function testNotification(atMs: number, { name, timezone }: HostOptions): TestNotification {
  return { type: "test", hostName: name, time: localTime(atMs, timezone) };
}

/** Creates the notification of a notice. Its reason comes from a service, so it is hostile; that of a report is ours. */
export function noticeNotification(
  notice: Notice,
  { name, timezone }: HostOptions,
): NoticeNotification | ReportNotification {
  if (notice.kind === "report") {
    const { lines, hours }: Pick<ReportNotification, "lines" | "hours"> = JSON.parse(notice.reason);
    return { type: "report", hostName: name, time: localTime(notice.occurredAtMs, timezone), lines, hours };
  }
  const { text, reason } = wordsOf(notice);
  return {
    type: "notice",
    hostName: name,
    time: localTime(notice.occurredAtMs, timezone),
    text: reason === undefined ? text : `${text}: ${shown(reason)}`,
    plainText: reason === undefined ? text : `${text}; the log of send says why`,
  };
}

function wordsOf({ about, kind, count, reason }: Notice): { text: string; reason?: string } {
  if (kind === "unreadable") {
    const text = `${plural(count, "record")} in the queue cannot be read and may include logins; ` +
      "hint: run ssh-session-notifier check, then ssh-session-notifier repair";
    return { text };
  }
  if (about === QUEUE_DATABASE) {
    const text = `lost ${plural(count, "event")}, which may include logins: send did not read the queue in time, and ` +
      "it keeps only the newest 10,000 events; hint: look for them in the log of sshd";
    return { text };
  }
  if (kind === "full") {
    const text = "logins may be missing: the record of logins for which the hook could not run is full; " +
      "hint: run ssh-session-notifier check";
    return { text };
  }
  const route = `route "${shown(about)}"`;
  if (kind === "refused") return { text: `${route} works, but its service refused a notification`, reason };
  if (kind === "broken") return { text: `${route} is broken, its notifications wait until it is fixed`, reason };
  return { text: `gave up ${plural(count, "notification")} on ${route}`, reason };
}

/**
 * Whether authentication and port are shown. An attacker that tampered with one variable may also have replaced these
 * undetected; at close, only the open event confirms them.
 */
function isWitnessed({ type, tampered, openedBy }: JudgedEvent): boolean {
  return tampered.length === 0 && (type === "open" || openedBy !== undefined);
}

/**
 * Describes how the user authenticated: `publickey ED25519 SHA256:… (work laptop), password`.
 *
 * @param methods from the event; hostile
 * @param keyNames names of keys, by fingerprint
 */
export function authenticationText(
  methods: readonly AuthMethod[],
  keyNames: ReadonlyMap<string, string> = new Map(),
): string {
  const texts = methods.slice(0, MAX_METHODS).map((method) => methodText(method, keyNames));
  if (methods.length > MAX_METHODS) texts.push(`and ${methods.length - MAX_METHODS} more`);
  return cap(texts.join(", "), MAX_AUTHENTICATION_LENGTH);
}

function methodText({ method, key, more = "" }: AuthMethod, keyNames: ReadonlyMap<string, string>): string {
  const named = (fingerprint: string) => {
    const name = keyNames.get(fingerprint);
    return name === undefined ? fingerprint : `${fingerprint} (${shown(name, MAX_QUOTED_LENGTH)})`;
  };
  const texts = [/^[-a-z0-9@./]{1,64}$/.test(method) ? method : quoted(method)];
  if (key !== undefined) {
    texts.push(`${key.type} ${named(key.fingerprint)}`);
    if (key.certificate !== undefined) {
      const { id, serial, authority } = key.certificate;
      texts.push(`ID ${quoted(id)} (serial ${serial})`);
      if (authority !== undefined) texts.push(`CA ${authority.type} ${named(authority.fingerprint)}`);
    }
  } else if (method === "publickey") texts.push("with a key that can't be read");
  if (more !== "") texts.push(moreText(more));
  return texts.join(" ");
}

/** The rest of the line: for `hostbased` the client's user and host (auth2-hostbased.c), else a quoted text. */
function moreText(more: string): string {
  const [, user, host] = /^client user "(.*)", client host "(.*)"$/s.exec(more) ?? [];
  return user === undefined || host === undefined
    ? quoted(more)
    : `client user ${quoted(user)}, client host ${quoted(host)}`;
}

/** Quotes a text that sshd did not write, so it cannot imitate sshd's own words. */
function quoted(value: string): string {
  return `"${shown(value.replaceAll('"', "”"), MAX_QUOTED_LENGTH)}"`;
}

/**
 * Replaces each character that is invisible or changes the direction of text with U+FFFD.
 *
 * @param maxLength the maximum length of the result, in UTF-16 code units
 */
export function shown(value: string, maxLength: number = MAX_SHOWN_LENGTH): string {
  return cap(value.replace(UNSEEN, "\uFFFD"), maxLength);
}

/** Formats an instant: `2026-11-23 11:13:32+13:00`. */
export function localTime(atMs: number, timezone: string): string {
  const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone);
  return zoned.toString({ smallestUnit: "second", timeZoneName: "never" }).replace("T", " ");
}
