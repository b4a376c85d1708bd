// Examples that tests vary: an ordinary event, its notification, a route, and texts of an attacker.

import type { SessionEvent } from "../../src/event.ts";
import type { Message, Notification, SessionNotification } from "../../src/services/service.ts";
import { parseAddress } from "../../src/session/address.ts";
import type { Verdict } from "../../src/session/judge.ts";
import { NO_PLACE } from "../../src/session/place.ts";
import { parseAuthInfo, type ParsedEvent } from "../../src/session/auth_info.ts";
import { siteOf } from "../../src/session/site.ts";
import type { JudgedEvent, Judgement } from "../../src/store/events.ts";
import { IDLE, type RouteOverview } from "../../src/store/overview.ts";

/** The key that alice logs in with, and its fingerprint from ssh-keygen -lf. */
export const ALICE_KEY = {
  public: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDY76wCDeVAvwIL6O4FIZmSL2P8YJGFNk3e1BerOXDKX",
  fingerprint: "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE",
} as const;

/** Encodes a string or bytes as in SSH (RFC 4251, section 5). */
export function sshString(value: string | Uint8Array): number[] {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const { length } = bytes;
  return [length >>> 24, length >>> 16 & 0xff, length >>> 8 & 0xff, length & 0xff, ...bytes];
}

/**
 * A certificate for alice's key, as sshd would write it into SSH_AUTH_INFO_0. Its signature is invalid, but only sshd
 * checks it.
 */
export function certificate(
  { id, serial, extensions = "extensions" }: { id: string; serial: bigint; extensions?: string },
) {
  const key = Uint8Array.fromBase64(ALICE_KEY.public.split(" ")[1] ?? "").subarray(-32);
  const type = "ssh-ed25519-cert-v01@openssh.com";
  const blob = [
    ...[sshString(type), sshString("nonce"), sshString(key)],
    [...new Uint8Array(new BigUint64Array([serial]).buffer)].reverse(),
    [0, 0, 0, 1],
    ...[sshString(id), sshString("principals")],
    [...new Uint8Array(8), ...new Uint8Array(8).fill(255)],
    ...[sshString("options"), sshString(extensions), sshString("")],
    // Signed by the same key.
    ...[sshString(new Uint8Array([...sshString("ssh-ed25519"), ...sshString(key)])), sshString("signature")],
  ].flat();
  const { fingerprint } = ALICE_KEY;
  return { line: `${type} ${new Uint8Array(blob).toBase64()}`, fingerprint, authority: fingerprint };
}

/**
 * An ordinary event: alice logs in from 203.0.113.7. It occurred on a fixed day; to the clock of the host, it is so old that
 * `send` may keep it as history.
 */
export function sessionEvent(overrides: Partial<SessionEvent> = {}): SessionEvent {
  return {
    uuid: "0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11",
    occurredAtMs: Date.UTC(2026, 10, 22, 22, 13, 32),
    type: "open",
    user: "alice",
    remoteHost: "203.0.113.7",
    terminal: "ssh",
    service: "sshd",
    connection: "203.0.113.7 50022 198.51.100.1 22",
    authInfo: `publickey ${ALICE_KEY.public}\n`,
    parentPid: 4711,
    tampered: [],
    ...overrides,
  };
}

/** The same event as the store keeps it. */
export function parsedEvent(overrides: Partial<SessionEvent> = {}): ParsedEvent {
  const { authInfo, ...event } = sessionEvent(overrides);
  return { ...event, auth: parseAuthInfo(authInfo) };
}

/** The same event after judgement: nothing is unexpected. */
export function judgedEvent(
  { authInfo, ...overrides }: Partial<JudgedEvent & Pick<SessionEvent, "authInfo">> = {},
): JudgedEvent {
  return {
    id: 1,
    urgent: false,
    address: "203.0.113.7",
    place: "",
    countryCode: "",
    asn: undefined,
    keyFingerprint: "",
    reasons: [],
    isRepeat: false,
    ...parsedEvent(authInfo === undefined ? {} : { authInfo }),
    ...overrides,
  };
}

/** The verdict about an ordinary event: it is neither allowlisted nor urgent. */
export function verdict(overrides: Partial<Verdict> = {}): Verdict {
  const address = parseAddress(overrides.address ?? "");
  return {
    address: "",
    site: address === undefined ? "" : siteOf(address),
    place: NO_PLACE,
    keyFingerprint: "",
    tampered: [],
    rule: undefined,
    reasons: [],
    unexpected: false,
    urgent: false,
    level: "all",
    ...overrides,
  };
}

/** A judgement of an event: route `r` delivers it, and it is not urgent. */
export function judgement(
  eventId: number,
  { routes = ["r"], openedBy, durationMs, ...overrides }: Partial<Omit<Judgement, "verdict"> & Verdict> = {},
): Judgement {
  return { eventId, verdict: verdict(overrides), routes, openedBy, durationMs };
}

/** The notification of that event. */
export function notification(overrides: Partial<SessionNotification> = {}): SessionNotification {
  return {
    type: "open",
    user: "alice",
    remoteHost: "203.0.113.7",
    dnsName: "",
    address: "203.0.113.7",
    place: "",
    countryCode: "",
    asn: undefined,
    clientPort: 50022,
    terminal: "ssh",
    service: "sshd",
    processId: 4711,
    hostName: "example.com",
    time: "2026-11-23 11:13:32+13:00",
    uuid: "0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11",
    sessionId: "0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11",
    occurredAtMs: Date.UTC(2026, 10, 22, 22, 13, 32),
    urgency: "normal",
    authentication: "",
    duration: "",
    reasons: [],
    isRepeat: false,
    ...overrides,
  };
}

/** The store's state of a route without pending deliveries. */
export function routeOverview(overrides: Partial<RouteOverview> = {}): RouteOverview {
  return { name: "default", ...IDLE, ...overrides };
}

/**
 * A page of 4096 random bytes that is not a valid database page, first page or other: its type byte is invalid
 * (https://www.sqlite.org/fileformat2.html, 1.6). Purely random bytes sometimes look like a page of rows.
 */
export function garbagePage(): Uint8Array<ArrayBuffer> {
  const bytes = crypto.getRandomValues(new Uint8Array(4096));
  bytes[0] = bytes[100] = 0xff;
  return bytes;
}

/** The message of one request. */
export function messageWith(first: Notification, ...more: readonly Notification[]): Message {
  return { id: "6d0f3b52-1f0e-4c55-8f4e-0a6c1d7b9e21", notifications: [first, ...more] };
}

/** Well-formed texts that break careless handling of lines, terminals, quoting, markup or lengths. */
export const HOSTILE_TEXTS: readonly string[] = [
  "",
  " ",
  "\n<3>sshd: all is well\r\n",
  "\x1b[2J\x1b]0;owned\x07",
  "\u202egnp.exe\u2066\u200b\ufeff",
  "\u2028\u2029\u0085",
  "\0",
  "'; DROP TABLE event; --",
  '{"type":"open","__proto__":{}}',
  '"}],"content":"@everyone',
  "@everyone <@1> <@&2> <#3> https://evil.example [x](https://evil.example) ||x|| `x` **x** \\",
  "<b>&amp;</b><script>alert(1)</script>",
  "$(reboot) `reboot` %s%n ${HOME}",
  "(not valid UTF-8)",
  "👩‍👩‍👧‍👦🏳️‍🌈é𝒳",
  "A".repeat(100_000),
  "😀".repeat(25_000),
  "*".repeat(1_000),
  "漢".repeat(1_000),
];

/** Texts that services, or the apps that show their messages, interpret. */
export const MARKUP: Readonly<Record<string, string>> = {
  "a mention of a user": "<@1> <@!1>",
  "a mention of a role": "<@&1>",
  "a mention of all": "@everyone @here <!channel> <!here> @room",
  "a mention by name": "@somebody @somebody:example.org",
  "a channel": "<#1> #general #room:example.org !room:example.org",
  "a command": "</ban:1> /start /start@bot",
  "a number to call": "+1-212-555-0123 $USD",
  "a time": "<t:1:R>",
  "an emoji": "<:x:1> <a:x:1>",
  "a shortcode": ":skull:",
  "a link": "https://evil.example/x",
  "a link without a scheme": "www.evil.example evil.example/x a@evil.example",
  "a link in brackets": "<https://evil.example> <https://evil.example|bank>",
  "a masked link": "[bank](https://evil.example)",
  "an image": "![x](https://evil.example/x.png) <img src=//evil.example/x>",
  "an invitation": "discord.gg/x",
  "HTML": "<b>x</b> </code><a href='https://evil.example'>x</a> &lt;b&gt;",
  "code": "`x` ``x``",
  "a block of code": "```x```",
  "a spoiler": "||x||",
  "bold and underlined": "**x** __x__",
  "italic": "*x* _x_",
  "struck out": "~~x~~",
  "a heading": "# x",
  "a quote": "> x >>> x",
  "a backslash, which could undo ours": "\\<@1> \\\\<@1> x\\",
};
