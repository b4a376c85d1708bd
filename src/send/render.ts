// Event -> Notification: what a service shows. Nothing that can't be seen gets through, and long values are cut so far
// that the sentence stays whole within the limits of every service. Pure.

import { parseAddress } from "../config/address.ts";
import { formatDuration } from "../duration.ts";
import { cap } from "../event.ts";
import type { SessionNotification, TestNotification, Urgency } from "../services/service.ts";
import type { JudgedEvent } from "../store/stored_event.ts";
import { type AuthMethod, parseAuthInfo } from "./auth_info.ts";

/**
 * The longest value of an event that is shown, in UTF-16 code units: longer than most names of hosts. A service cuts what
 * it has no room for further still.
 */
export const MAX_SHOWN_LENGTH = 128;

/** The longest text on how the user got in, and how many methods it tells. */
const MAX_AUTHENTICATION_LENGTH = 400;
const MAX_METHODS = 4;

/** The longest text in it that somebody else than sshd has written, such as the id of a certificate. */
const MAX_QUOTED_LENGTH = 64;

/** What log.ts has, and what a font need not know: who reads it can't tell one such character from another. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;

/** How this machine is shown. */
export interface HostOptions {
  readonly name: string;
  /** An IANA time zone. */
  readonly timezone: string;
  /** What people call keys, by their fingerprints. */
  readonly keyNames?: ReadonlyMap<string, string>;
}

/** What a service shows of an event. */
export function notificationOf(
  event: JudgedEvent,
  host: HostOptions,
): SessionNotification {
  return {
    type: event.type,
    uuid: event.uuid,
    occurredAtMs: event.occurredAtMs,
    user: shown(event.user),
    ...placeOf(event),
    terminal: shown(event.terminal),
    service: shown(event.service),
    hostName: host.name,
    time: localTime(event.occurredAtMs, host.timezone),
    urgency: urgencyOf(event),
    authentication: isWitnessed(event) ? authenticationText(event.authInfo, host.keyNames) : "",
    duration: event.durationMs === undefined ? "" : formatDuration(event.durationMs),
    reasons: [
      ...event.tampered.length > 0 ? ["environment tampered with"] : [],
      ...event.reasons.map((reason) => shown(reason)),
    ],
    isRepeat: event.isRepeat,
  };
}

/** Where the client is: never a name instead of the address, since the client's own DNS may choose the name. */
function placeOf(
  { address, remoteHost }: JudgedEvent,
): Pick<SessionNotification, "address" | "remoteHost" | "dnsName"> {
  const isName = address !== "" && parseAddress(remoteHost) === undefined;
  return isName
    ? { address, remoteHost: shown(address), dnsName: shown(remoteHost) }
    : { address, remoteHost: shown(remoteHost), dnsName: "" };
}

/** How loud an event is to be. */
export function urgencyOf({ type, urgent }: Pick<JudgedEvent, "type" | "urgent">): Urgency {
  if (urgent) return "urgent";
  return type === "close" ? "low" : "normal";
}

/** What a service shows when a person tries it. */
export function testNotification(atMs: number, { name, timezone }: HostOptions): TestNotification {
  return { type: "test", hostName: name, time: localTime(atMs, timezone) };
}

/**
 * Whether what the event says of the authentication is told at all. Who had a hand in one variable may have replaced
 * this one too, without a trace; and at close only the open event vouches for it.
 */
function isWitnessed({ type, tampered, openedBy }: JudgedEvent): boolean {
  return tampered.length === 0 && (type === "open" || openedBy !== undefined);
}

/**
 * How the user got in, for people: `publickey ED25519 SHA256:… (work laptop), password`.
 *
 * @param authInfo hostile, as the event has it
 * @param keyNames what people call keys, by their fingerprints
 */
export function authenticationText(authInfo: string, keyNames: ReadonlyMap<string, string> = new Map()): string {
  const methods = parseAuthInfo(authInfo);
  const texts = methods.slice(0, MAX_METHODS).map((method) => methodText(method, keyNames));
  if (methods.length > MAX_METHODS) texts.push(`and ${methods.length - MAX_METHODS} more`);
  return cap(texts.join(", "), MAX_AUTHENTICATION_LENGTH);
}

function methodText({ method, key, more }: AuthMethod, keyNames: ReadonlyMap<string, string>): string {
  const named = (fingerprint: string) => {
    const name = keyNames.get(fingerprint);
    return name === undefined ? fingerprint : `${fingerprint} (${shown(name, MAX_QUOTED_LENGTH)})`;
  };
  const texts = [/^[-a-z0-9@./]{1,64}$/.test(method) ? method : quoted(method)];
  if (key !== undefined) {
    texts.push(`${key.type} ${named(key.fingerprint)}`);
    if (key.certificate !== undefined) {
      const { id, serial, authority } = key.certificate;
      texts.push(`ID ${quoted(id)} (serial ${serial}) CA ${authority.type} ${named(authority.fingerprint)}`);
    }
  } else if (method === "publickey") texts.push("with a key that can't be read");
  // Of a security key it is a count of signatures, which tells nobody anything.
  if (more !== "" && method !== "publickey") texts.push(moreText(more));
  return texts.join(" ");
}

/** Who came, and from where: of `hostbased` in the words of auth2-hostbased.c, else the name that the method has. */
function moreText(more: string): string {
  const [, user, host] = /^client user "(.*)", client host "(.*)"$/s.exec(more) ?? [];
  return user === undefined || host === undefined
    ? quoted(more)
    : `client user ${quoted(user)}, client host ${quoted(host)}`;
}

/** What somebody else has written, so that it can't pass for what sshd says. */
function quoted(value: string): string {
  return `"${shown(value.replaceAll('"', "”"), MAX_QUOTED_LENGTH)}"`;
}

/**
 * Replaces what can't be seen, or changes the direction of text, by U+FFFD, which shows that something was there.
 *
 * @param maxLength the longest result, in UTF-16 code units
 */
export function shown(value: string, maxLength: number = MAX_SHOWN_LENGTH): string {
  return cap(value.replace(UNSEEN, "\uFFFD"), maxLength);
}

/** An instant as `2026-11-23 11:13:32+13:00`. */
export function localTime(atMs: number, timezone: string): string {
  const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone);
  const clock = zoned.toPlainDateTime().toString({ smallestUnit: "second" })
    .replace("T", " ");
  return `${clock}${zoned.offset}`;
}
