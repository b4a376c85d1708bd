// Formats a status as lines, for people. Pure.

import { formatAgo, formatDuration, plural, quotedForShell } from "../../text.ts";
import type { Unread } from "../unread.ts";
import type { Spooled } from "../../intake/spool.ts";
import { isBroken, type RouteStatus, type Status } from "./status_data.ts";

/** Returns the lines of a status. */
export function statusLines(status: Status): string[] {
  const { nowMs, routes, unread, isQueueReadable, spooled, faults, warnings, lastRunAtMs, problems } = status;
  return [
    ...faults,
    ...warnings.map(({ message, hint }) => `warning: ${message}; hint: ${hint}`),
    `queue: ${isQueueReadable ? queueText(unread, nowMs) : "cannot be read"}`,
    ...spooled === undefined || spooled.count === 0 ? [] : [`spool: ${spoolText(spooled, nowMs)}`],
    ...routes.flatMap((route) => routeTexts(route, nowMs).map((text) => `${routeTitle(route)}: ${text}`)),
    ...lastRunAtMs === undefined ? [] : [`send: the last full run ended ${formatAgo(lastRunAtMs, nowMs)}`],
    `alarm: ${problems.length === 0 ? "works" : `does not work: ${problems.map(({ text }) => text).join("; ")}`}`,
  ];
}

function queueText(unread: Unread | undefined, nowMs: number): string {
  if (unread === undefined) return "no event was ever recorded";
  const { newestAtMs } = unread;
  if (newestAtMs === undefined) return "send has read every event";
  return `send has yet to read new events, the newest from ${formatAgo(newestAtMs, nowMs)}`;
}

function spoolText({ count, oldestAtMs }: Spooled, nowMs: number): string {
  const since = oldestAtMs === undefined ? "" : `, the oldest from ${formatAgo(oldestAtMs, nowMs)}`;
  return `${plural(count, "event")} that the queue database refused${since}; send delivers them too`;
}

function routeTitle({ name, service }: RouteStatus): string {
  return `route "${name}"${service === undefined ? "" : ` (${service})`}`;
}

function routeTexts(route: RouteStatus, nowMs: number): string[] {
  const { name, service, dead, deadReasons, lastDeliveredAtMs } = route;
  const brings = `ssh-session-notifier retry --route ${quotedForShell(name)}`;
  const reasons = deadReasons.map(({ reason, count }) => `${count} for: ${reason}`).join("; ");
  return [
    ...service === undefined
      ? [`not in the configuration, so nothing is sent; to move its notifications: ${brings} --to NAME`]
      : [],
    pendingText(route, nowMs),
    ...dead > 0 ? [`${dead} given up (${reasons}); to retry: ${brings}`] : [],
    lastDeliveredAtMs === undefined
      ? "nothing has been delivered yet"
      : `the last delivery was ${formatAgo(lastDeliveredAtMs, nowMs)}`,
  ];
}

function pendingText(route: RouteStatus, nowMs: number): string {
  const { service, pending, notices, oldestPendingAtMs, nextAttemptAtMs, failures, lastError } = route;
  const failed = failures === 0
    ? []
    : [`${isBroken(route) ? "broken, correct its settings" : `${failures} failed in a row`}: ${lastError ?? ""}`];
  if (nextAttemptAtMs === undefined) return ["nothing is pending", ...failed].join(", ");
  const parts = [`${pending} pending`];
  if (oldestPendingAtMs !== undefined) parts.push(`the oldest from ${formatAgo(oldestPendingAtMs, nowMs)}`);
  if (notices > 0) parts.push(plural(notices, "notice"));
  if (service !== undefined) {
    parts.push(nextAttemptAtMs > nowMs ? `next attempt in ${formatDuration(nextAttemptAtMs - nowMs)}` : "due now");
  }
  return [...parts, ...failed].join(", ");
}
