// Examples that tests vary: an honest event, its notification, and texts such as an attacker would write.

import type { SessionEvent } from "../../src/event.ts";
import type { Batch, Notification, SessionNotification } from "../../src/services/service.ts";
import type { JudgedEvent } from "../../src/store/deliveries.ts";

/** The key that alice logs in with, and what ssh-keygen -lf says of it. */
export const ALICE_KEY = {
  public: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDY76wCDeVAvwIL6O4FIZmSL2P8YJGFNk3e1BerOXDKX",
  fingerprint: "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE",
} as const;

/** An honest event: alice logs in from 203.0.113.7. */
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

/** The same event, once it is judged: nothing is unexpected about it. */
export function judgedEvent(overrides: Partial<JudgedEvent> = {}): JudgedEvent {
  return { id: 1, urgent: false, keyFingerprint: "", reasons: [], isRepeat: false, ...sessionEvent(), ...overrides };
}

/** What is shown of that event. */
export function notification(overrides: Partial<SessionNotification> = {}): SessionNotification {
  return {
    type: "open",
    user: "alice",
    remoteHost: "203.0.113.7",
    terminal: "ssh",
    service: "sshd",
    hostName: "example.com",
    time: "2026-11-23 11:13:32+13:00",
    uuid: "0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11",
    occurredAtMs: Date.UTC(2026, 10, 22, 22, 13, 32),
    urgency: "normal",
    authentication: "",
    duration: "",
    reasons: [],
    isRepeat: false,
    ...overrides,
  };
}

/** What goes out in one request. */
export function batchOf(first: Notification, ...more: readonly Notification[]): Batch {
  return { id: "6d0f3b52-1f0e-4c55-8f4e-0a6c1d7b9e21", notifications: [first, ...more] };
}

/** Texts that break what is careless: lines, terminals, quoting, markup, lengths. All of them are well-formed. */
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
