// What the alerts of services that forward to other services have in common: a severity, and when they started.

import { urgencyOf } from "./wording.ts";
import type { Message, Notification, Urgency } from "./service.ts";

/** The names that Prometheus and PagerDuty share. */
const SEVERITIES = { urgent: "critical", normal: "warning", low: "info" } as const satisfies Record<Urgency, string>;

/** The severity of a message. A test has that of an ordinary login, so that it is routed like one. */
export function severityOf(message: Message): (typeof SEVERITIES)[Urgency] {
  return SEVERITIES[urgencyOf(message)];
}

/**
 * When something happened, as RFC 3339 in UTC: the time of the event, or `nowMs` for anything else. If the
 * clock was badly wrong, the time is limited to between 1970 and now.
 *
 * @param nowMs the time of the attempt, in milliseconds since the epoch
 */
export function startedAt(notification: Notification, nowMs: number): string {
  const atMs = "occurredAtMs" in notification ? notification.occurredAtMs : nowMs;
  return new Date(Math.min(Math.max(atMs, 0), nowMs)).toISOString();
}
