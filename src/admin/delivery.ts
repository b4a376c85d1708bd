// Looks at what waits: in the queue, and on each route.

import type { Config } from "../config/config.ts";
import { formatAgo } from "../duration.ts";
import { CONFIG_FILE } from "../paths.ts";
import { plural } from "../plural.ts";
import { quotedForShell } from "../shell.ts";
import { UNREAD_AFTER_MS } from "../send/health.ts";
import type { Unread } from "../store/inbox.ts";
import type { Overview, RouteOverview } from "../store/overview.ts";
import type { Spooled } from "../store/spool.ts";
import { isPassingInQueue, isReadOnly, REMOUNT } from "../store/store_failure.ts";
import type { Findings } from "./finding.ts";
import { QueueBusyError } from "./unread.ts";

const AREA = "delivery";

/** A service may be down for a while; an event that waits longer than this, someone should know of. */
const PENDING_FAULT_MS = 60 * 60_000;

const TRY = "ssh-session-notifier test";
const REPAIR = "ssh-session-notifier repair";
const SEE = "see what send says: journalctl -u ssh-session-notifier (under cron: the system log)";

/** What is looked at. */
export interface DeliverySources {
  readonly routes: Config["routes"];
  /** Undefined where `send` has never run. */
  readonly overview: Overview | undefined;
  /** Undefined where no event was ever recorded; an error where the queue database can't be read. */
  readonly unread: Unread | Error | undefined;
  /** What the queue database refused; an error where the spool can't be read. */
  readonly spooled: Spooled | Error;
  readonly nowMs: number;
}

/** Looks at what waits, and says what is found. */
export function inspectDelivery(sources: DeliverySources, findings: Findings): void {
  const { routes, overview, nowMs } = sources;
  inspectQueue(sources, findings);
  inspectSpool(sources, findings);
  for (const { name, service } of routes) {
    for (const warning of service.warnings) {
      findings.warning(AREA, `route "${name}" (${service.name}): ${warning}`, "see that this is meant");
    }
    const route = overview?.routes.find((known) => known.name === name);
    if (route?.lastDeliveredAtMs === undefined) {
      findings.warning(AREA, `nothing has been delivered on route "${name}" (${service.name}) yet`, `${TRY} shows why`);
    } else {
      findings.pass(AREA, `the last delivery on route "${name}" was ${formatAgo(route.lastDeliveredAtMs, nowMs)}`);
    }
  }
  for (const route of overview?.routes ?? []) {
    inspectRoute(route, { isConfigured: routes.some(({ name }) => name === route.name), nowMs, findings });
  }
}

function inspectQueue({ unread, spooled, nowMs }: DeliverySources, findings: Findings): void {
  if (unread instanceof Error) {
    // What it holds goes unseen until then.
    findings.fault(AREA, unread.message, mendOf(unread));
    return;
  }
  if (unread === undefined) {
    if (!(spooled instanceof Error) && spooled.count > 0) return;
    findings.warning(AREA, "no login was ever recorded", "log in once by ssh, then look again");
    return;
  }
  const { count, oldestAtMs = nowMs } = unread;
  const events = plural(count, "event");
  if (count > 0 && nowMs - oldestAtMs > UNREAD_AFTER_MS) {
    findings.fault(AREA, `send has not read ${events}, the oldest from ${formatAgo(oldestAtMs, nowMs)}`, SEE);
  } else findings.pass(AREA, count === 0 ? "send has read every event" : `send has yet to read ${events}`);
}

/** `send` delivers what lies there as it does the rest; but the database should have taken it. */
function inspectSpool({ spooled, nowMs }: DeliverySources, findings: Findings): void {
  if (spooled instanceof Error) {
    findings.fault(AREA, spooled.message, mendOf(spooled));
    return;
  }
  const { count, oldestAtMs = nowMs } = spooled;
  if (count === 0) return;
  const since = `the oldest from ${formatAgo(oldestAtMs, nowMs)}`;
  const [lie, them] = count === 1 ? ["lies", "it"] : ["lie", "them"];
  const what = `${plural(count, "event")} ${lie} in the spool, since the queue database refused ${them}, ${since}`;
  findings.warning(AREA, what, REPAIR);
}

/** `repair` moves all of the queue aside, which is too much where nothing is wrong with it. */
function mendOf(error: Error): string {
  if (error instanceof QueueBusyError) return "end that one";
  if (isReadOnly(error)) return REMOUNT;
  return isPassingInQueue(error) ? "see that the disk has room; nothing is lost" : REPAIR;
}

function inspectRoute(
  { name, pending, dead, oldestPendingAtMs, failures, isBroken, lastError }: RouteOverview,
  { isConfigured, nowMs, findings }: { isConfigured: boolean; nowMs: number; findings: Findings },
): void {
  if (pending > 0 && !isConfigured) {
    findings.fault(
      AREA,
      `${deliveries(pending, "wait")} for route "${name}", which is not in the configuration`,
      `ssh-session-notifier retry --route ${quotedForShell(name)} --to NAME moves them to another route`,
    );
    return;
  }
  if (dead > 0) {
    findings.warning(
      AREA,
      `${deliveries(dead, "were given up")} on route "${name}"`,
      "status says why, retry brings them back",
    );
  }
  if (pending === 0) return;
  const oldest = `the oldest from ${formatAgo(oldestPendingAtMs ?? nowMs, nowMs)}`;
  const waited = `${deliveries(pending, "wait")} on route "${name}", ${oldest}`;
  if (isBroken) {
    const message = `route "${name}" is broken: ${lastError ?? ""}; ${deliveries(pending, "wait")}, ${oldest}`;
    findings.fault(AREA, message, `correct its settings in ${CONFIG_FILE}, then ${TRY}`);
  } else if (failures > 0) {
    const message = `${waited}; ${failures === 1 ? "the last attempt" : `the last ${failures} attempts`} failed: ${
      lastError ?? ""
    }`;
    if (nowMs - (oldestPendingAtMs ?? nowMs) > PENDING_FAULT_MS) findings.fault(AREA, message, `${TRY} tries it now`);
    else findings.warning(AREA, message, `${TRY} tries it now`);
  } else findings.pass(AREA, waited);
}

function deliveries(count: number, what: "wait" | "were given up"): string {
  if (count !== 1) return `${count} deliveries ${what}`;
  return `1 delivery ${what === "wait" ? "waits" : "was given up"}`;
}
