// The one rule for whether the alarm works, that is, whether a login now would cause a notification. `status`, its
// metrics, the heartbeat, `check` and the exit code of `send` use it. Pure.

import { formatAgo } from "../text.ts";
import type { RouteOverview } from "./overview.ts";
import type { Spooled } from "../intake/spool.ts";

/** After this wait, in milliseconds, an event is overdue: any burst is sent by then, and any rate limit is over. */
export const OVERDUE_AFTER_MS = 15 * 60 * 1000;

/** If an event stays unread for longer than this, in milliseconds, `send` does not start every minute as it should. */
export const UNREAD_AFTER_MS = 5 * 60 * 1000;

/** One reason why the alarm does not work. */
export interface Problem {
  /**
   * `unrun`: `send` has never run, for example just after installation. `broken`: a person must correct the settings of a
   * route. `failing`: the last attempt on a route failed; the next one may succeed.
   */
  readonly kind: "room" | "unreadable" | "unrun" | "stopped" | "unread" | "broken" | "failing" | "overdue" | "other";
  /** The affected route, if any. */
  readonly route?: string;
  /** A few words. */
  readonly text: string;
}

/** The input of the rule. */
export interface HealthSources {
  /** The names of the routes in the configuration. */
  readonly configured: readonly string[];
  readonly routes: readonly RouteOverview[];
  readonly nowMs: number;
  /** When the last run of `send` ended; undefined if none has ended yet. */
  readonly lastRunAtMs: number | undefined;
  /** How long a run may take, in milliseconds. */
  readonly runDeadlineMs: number;
  /** When the newest event that `send` has not read was recorded; undefined if there is none. */
  readonly unreadAtMs: number | undefined;
  readonly spooled: Spooled | undefined;
  /** The directories whose disk is full. */
  readonly withoutRoom: readonly string[];
  /** Whether some of these sources could not be read. */
  readonly isUnreadable: boolean;
  /** Problems found elsewhere, a few words each. */
  readonly others?: readonly string[];
}

/** Returns all reasons why the alarm does not work; empty if it works. */
export function problemsOf(sources: HealthSources): Problem[] {
  const { withoutRoom, isUnreadable, others = [] } = sources;
  return [
    ...withoutRoom.map((directory): Problem => ({ kind: "room", text: `there is no room in "${directory}"` })),
    ...isUnreadable ? [{ kind: "unreadable", text: "some of the state cannot be read" } as const] : [],
    ...others.map((text): Problem => ({ kind: "other", text })),
    ...sendProblems(sources),
    ...routeProblems(sources),
  ];
}

/** Whether `send` has stopped: its last run ended longer ago than a run may take plus {@link OVERDUE_AFTER_MS}. */
export function hasStopped(
  { nowMs, lastRunAtMs, runDeadlineMs }: Pick<HealthSources, "nowMs" | "runDeadlineMs"> & { lastRunAtMs: number },
): boolean {
  return nowMs - lastRunAtMs > OVERDUE_AFTER_MS + runDeadlineMs;
}

/** Checks that `send` runs, and that it reads the queue. */
function sendProblems({ nowMs, lastRunAtMs, runDeadlineMs, unreadAtMs, spooled }: HealthSources): Problem[] {
  const isLate = (sinceMs = nowMs) => nowMs - sinceMs > UNREAD_AFTER_MS;
  // Files stay in the spool until a hook moves them, so a file older than the last run of `send` has been read.
  const isSpoolRead = lastRunAtMs !== undefined && lastRunAtMs > (spooled?.oldestAtMs ?? 0);
  const problems: Problem[] = [];
  if (lastRunAtMs === undefined) problems.push({ kind: "unrun", text: "no run of send has ended yet" });
  else if (hasStopped({ nowMs, lastRunAtMs, runDeadlineMs })) {
    problems.push({ kind: "stopped", text: `the last run of send ended ${formatAgo(lastRunAtMs, nowMs)}` });
  }
  if (isLate(unreadAtMs) || (isLate(spooled?.oldestAtMs) && !isSpoolRead)) {
    problems.push({ kind: "unread", text: "send does not read the queue" });
  }
  return problems;
}

/**
 * Problems of the routes. A run of `send` waits up to a minute for a failing route, so a route that still fails at the
 * end of the run has a real problem. For a route that is no longer in the configuration, only overdue events count.
 */
export function routeProblems(
  { configured, routes, nowMs }: Pick<HealthSources, "configured" | "routes" | "nowMs">,
): Problem[] {
  const failing = routes.filter(({ name, newest }) => configured.includes(name) && FAILURES.has(newest));
  const overdue = routes.filter(({ oldestPendingAtMs: sinceMs = nowMs }) => nowMs - sinceMs > OVERDUE_AFTER_MS);
  return [
    ...failing.map(({ name, newest }): Problem => {
      const kind = newest === "retry" ? "failing" : "broken";
      return { kind, route: name, text: `route "${name}" is ${kind}` };
    }),
    ...overdue.map(({ name }): Problem => (
      { kind: "overdue", route: name, text: `an event on route "${name}" is overdue` }
    )),
  ];
}

/** The outcomes of a failed attempt: if one is the newest, nothing was delivered after it. */
const FAILURES: ReadonlySet<RouteOverview["newest"]> = new Set(["retry", "broken", "refused"] as const);
