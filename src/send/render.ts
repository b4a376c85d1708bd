// Event -> Notification: what a service shows. Nothing that can't be seen gets through, and long values are cut so far
// that the sentence stays whole within the limits of every service. Pure.

import { cap } from "../event.ts";
import type { SessionNotification, TestNotification } from "../services/service.ts";
import type { JudgedEvent } from "../store/deliveries.ts";

/**
 * The longest value of an event that is shown, in UTF-16 code units. Four of them, each character escaped, and the
 * longest host name stay below Discord's 2000 characters and ntfy's 4096 bytes; the compliance test holds it.
 */
export const MAX_SHOWN_LENGTH = 128;

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/gu;

/** How this machine is shown. */
export interface HostOptions {
  readonly name: string;
  /** An IANA time zone. */
  readonly timezone: string;
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
    remoteHost: shown(event.remoteHost),
    terminal: shown(event.terminal),
    service: shown(event.service),
    hostName: host.name,
    time: localTime(event.occurredAtMs, host.timezone),
    urgency: event.urgent ? "urgent" : event.type === "close" ? "low" : "normal",
    authentication: "",
    duration: "",
    reasons: [...event.tampered.length > 0 ? ["environment tampered with"] : [], ...event.reasons.map(shown)],
    isRepeat: event.isRepeat,
  };
}

/** What a service shows when a person tries it. */
export function testNotification(atMs: number, { name, timezone }: HostOptions): TestNotification {
  return { type: "test", hostName: name, time: localTime(atMs, timezone) };
}

/** Replaces what can't be seen, or changes the direction of text, by U+FFFD, which shows that something was there. */
export function shown(value: string): string {
  return cap(value.replace(UNSEEN, "\uFFFD"), MAX_SHOWN_LENGTH);
}

/** An instant as `2026-11-23 11:13:32+13:00`. */
export function localTime(atMs: number, timezone: string): string {
  const zoned = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone);
  const clock = zoned.toPlainDateTime().toString({ smallestUnit: "second" })
    .replace("T", " ");
  return `${clock}${zoned.offset}`;
}
