// Checks the unread events in the queue, the pending notifications on each route, and the record of the last resort.

import type { Config } from "../../config/config.ts";
import { formatAgo, plural, quotedForShell } from "../../text.ts";
import type { Id } from "../../ids.ts";
import { CONFIG_FILE } from "../../paths.ts";
import { type Problem, problemsOf } from "../../store/health.ts";
import { PROXY_REFUSAL, SOCKS_REFUSAL } from "../../services/judge_answer.ts";
import type { Overview, RouteOverview } from "../../store/overview.ts";
import type { Spooled } from "../../intake/spool.ts";
import { statIfThere } from "../../sqlite/files.ts";
import { lastResortFaults, type LastResortSources } from "../../store/last_resort.ts";
import { queueFaultId, REMOUNT } from "../../store/store_failure.ts";
import type { Findings } from "./finding.ts";
import type { Unread } from "../unread.ts";

const TRY = "ssh-session-notifier test";
const REPAIR = "ssh-session-notifier repair";
const SEE = "read the log of send: journalctl -u ssh-session-notifier (with cron: the system log)";

/** What {@link inspectDelivery} checks. */
export interface DeliverySources extends Pick<Config, "routes" | "runDeadlineMs"> {
  /** Undefined if `send` has never run. */
  readonly overview: Overview | undefined;
  /** Undefined if no event has been recorded yet; an error if the queue's files cannot be examined. */
  readonly unread: Unread | Error | undefined;
  /** Events in the spool; an error if the spool cannot be read. */
  readonly spooled: Spooled | Error;
  readonly nowMs: number;
}

/**
 * Checks pending events, and reports a fault for each problem for which `status` says that the alarm does not work.
 * scheduler.ts reports a `send` that does not run.
 */
export function inspectDelivery(sources: DeliverySources, findings: Findings): void {
  const { routes, overview, nowMs } = sources;
  const problems = problemsIn(sources);
  inspectQueue(sources, { problems, findings });
  inspectSpool(sources, findings);
  for (const { name, service } of routes) {
    for (const warning of service.warnings) {
      findings.warning(
        "delivery.setting",
        `route "${name}" (${service.name}): ${warning}`,
        "make sure this is intended",
      );
    }
    const route = overview?.routes.find((known) => known.name === name);
    if (route?.lastDeliveredAtMs === undefined) {
      findings.warning(
        "delivery.none-yet",
        `no notification has been delivered on route "${name}" (${service.name}) yet`,
        route?.lastTestedAtMs === undefined ? `test the route: ${TRY}` : "a test has passed: log in once over SSH",
      );
    } else {
      const ago = formatAgo(route.lastDeliveredAtMs, nowMs);
      findings.pass("delivery.last", `the last delivery on route "${name}" was ${ago}`);
    }
  }
  for (const route of overview?.routes ?? []) {
    const own = problems.filter((problem) => problem.route === route.name);
    if (route.pending > 0 && !routes.some(({ name }) => name === route.name)) {
      findings.fault(
        "delivery.route-removed",
        `${deliveries(route.pending, "are pending")} on route "${route.name}", which is not in the configuration`,
        `move them to another route: ssh-session-notifier retry --route ${quotedForShell(route.name)} --to NAME`,
      );
    } else inspectRoute(route, { problems: own, nowMs, findings });
  }
}

/** Omits unreadable databases and full disks, which are reported elsewhere. */
function problemsIn({ routes, runDeadlineMs, overview, unread, spooled, nowMs }: DeliverySources): Problem[] {
  return problemsOf({
    configured: routes.map(({ name }) => name),
    routes: overview?.routes ?? [],
    nowMs,
    lastRunAtMs: overview?.lastRunAtMs,
    runDeadlineMs,
    unreadAtMs: unread instanceof Error ? undefined : unread?.newestAtMs,
    spooled: spooled instanceof Error ? undefined : spooled,
    withoutRoom: [],
    isUnreadable: false,
  });
}

function inspectQueue(
  { overview, unread, spooled, nowMs }: DeliverySources,
  { problems, findings }: { problems: readonly Problem[]; findings: Findings },
): void {
  const fault = overview?.queue.fault;
  // No event in it can be sent until this is fixed.
  if (fault !== undefined) findings.fault(fault.id, fault.message, READING_HINTS[fault.id]);
  if (unread instanceof Error) return reportUnreadable(unread, { otherwise: "queue.not-readable", findings });
  const isUnread = problems.some(({ kind }) => kind === "unread");
  const hasSpooled = !(spooled instanceof Error) && spooled.count > 0;
  const newestAtMs = unread?.newestAtMs;
  if (isUnread && newestAtMs === undefined) {
    findings.fault("delivery.spool-unread", "send does not read the events in the spool", SEE);
  }
  if (unread === undefined) {
    if (hasSpooled) return;
    findings.warning("delivery.no-login", "no login was ever recorded", "log in once over SSH, then run check again");
    return;
  }
  if (newestAtMs === undefined) findings.pass("delivery.unread", "send has read every event");
  else if (!isUnread) findings.pass("delivery.unread", "send has yet to read new events");
  else {
    const when = formatAgo(newestAtMs, nowMs);
    findings.fault("delivery.unread", `send has not read all events, the newest from ${when}`, SEE);
  }
}

/** Warns about events in the spool: `send` delivers them too, but something keeps the hook from using the database. */
function inspectSpool({ spooled, nowMs }: DeliverySources, findings: Findings): void {
  if (spooled instanceof Error) return reportUnreadable(spooled, { otherwise: "spool.not-readable", findings });
  const { count, oldestAtMs = nowMs } = spooled;
  if (count === 0) return;
  const since = `the oldest from ${formatAgo(oldestAtMs, nowMs)}`;
  const [lie, them] = count === 1 ? ["is", "it"] : ["are", "them"];
  const what = `${plural(count, "event")} ${lie} in the spool because the queue database refused ${them}, ${since}`;
  findings.warning("delivery.spooled", what, REPAIR);
}

/** Suggests `repair`, which replaces the whole database, only if nothing else explains the error. */
const READING_HINTS = {
  "queue.read-only": REMOUNT,
  "queue.unavailable": "make sure that the disk has room; no event is lost",
  "queue.not-readable": REPAIR,
} as const;

function reportUnreadable(error: Error, { otherwise, findings }: { otherwise: Id; findings: Findings }): void {
  const id = queueFaultId(error);
  findings.fault(id === "queue.not-readable" ? otherwise : id, error.message, READING_HINTS[id]);
}

/** Checks the record of the last resort of the hook, and the spool in /run. */
export function inspectLastResort(sources: LastResortSources, findings: Findings): void {
  const problems = lastResortFaults(sources);
  for (const { id, message, hint } of problems) findings.fault(id, message, hint);
  // Without the file, a pass would prove nothing.
  if (problems.length > 0 || statIfThere(sources.paths.unrecordedFile) === undefined) return;
  findings.pass("hook.last-resort", "the last resort has recorded no login in the last 24 hours");
}

function inspectRoute(
  route: RouteOverview,
  { problems, nowMs, findings }: { problems: readonly Problem[]; nowMs: number; findings: Findings },
): void {
  const { name, pending, dead, oldestPendingAtMs } = route;
  if (dead > 0) {
    findings.warning(
      "delivery.given-up",
      `${deliveries(dead, "were given up")} on route "${name}"`,
      "see the reasons: ssh-session-notifier status; after fixing them, run: ssh-session-notifier retry",
    );
  }
  const waiting = pending === 0
    ? "nothing is pending"
    : `${deliveries(pending, "are pending")}, the oldest from ${formatAgo(oldestPendingAtMs ?? nowMs, nowMs)}`;
  if (problems.length > 0) reportWorst(problems, { route, waiting, findings });
  else if (pending > 0) findings.pass("delivery.waiting", `route "${name}": ${waiting}`);
}

function reportWorst(
  problems: readonly Problem[],
  { route, waiting, findings }: { route: RouteOverview; waiting: string; findings: Findings },
): void {
  const { name, failures, lastError = "" } = route;
  const kinds = problems.map(({ kind }) => kind);
  if (kinds.includes("broken")) {
    const what = [PROXY_REFUSAL, SOCKS_REFUSAL].includes(lastError) ? "the proxy" : "its settings";
    findings.fault(
      "delivery.broken",
      `route "${name}" is broken: ${lastError}; ${waiting}`,
      `correct ${what} in ${CONFIG_FILE}, then run ${TRY}`,
    );
  } else if (kinds.includes("failing")) {
    const attempts = failures > 1 ? `the last ${failures} attempts` : "the last attempt";
    const message = `route "${name}" is failing: ${attempts} failed: ${lastError}; ${waiting}`;
    findings.fault("delivery.failing", message, `try it now: ${TRY}`);
  } else findings.fault("delivery.overdue", `an event on route "${name}" is overdue: ${waiting}`, SEE);
}

function deliveries(count: number, what: "are pending" | "were given up"): string {
  if (count !== 1) return `${count} notifications ${what}`;
  return `1 notification ${what === "are pending" ? "is pending" : "was given up"}`;
}
