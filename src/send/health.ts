// The one rule for "the alarm works": a login right now would be notified. `status`, its metrics, the heartbeat, `check`
// and the exit code of `send` all use it. Pure.

import { formatAgo } from "../duration.ts";
import type { Unread } from "../store/inbox.ts";
import type { RouteOverview } from "../store/overview.ts";
import type { Spooled } from "../store/spool.ts";

/** An event that waits longer is overdue, in milliseconds: by then, any burst is sent and any rate limit is over. */
export const OVERDUE_AFTER_MS = 15 * 60 * 1000;

/** If `send` has not read an event for longer than this, in milliseconds, it does not start each minute. */
export const UNREAD_AFTER_MS = 5 * 60 * 1000;

/**
 * Why the alarm does not work. `unrun`: `send` has never run, as just after an installation. `broken`: a person has to
 * correct the settings of a route. `failing`: the last attempt on a route failed; the next one may succeed.
 */
export type ProblemKind =
  | "room"
  | "unreadable"
  | "unrun"
  | "stopped"
  | "unread"
  | "broken"
  | "failing"
  | "overdue"
  | "other";

/** One reason why the alarm does not work. */
export interface Problem {
  readonly kind: ProblemKind;
  /** The route that it is about, if it is about one. */
  readonly route?: string;
  /** A few words. */
  readonly text: string;
}

/** The state of the routes. */
export interface RouteSources {
  /** The names of the routes that the configuration has. */
  readonly configured: readonly string[];
  readonly routes: readonly RouteOverview[];
  readonly nowMs: number;
}

/** What the rule depends on. */
export interface HealthSources extends RouteSources {
  /** When the last run of `send` ended; undefined where none has yet. */
  readonly lastRunAtMs: number | undefined;
  /** How long a run may take, in milliseconds. */
  readonly runDeadlineMs: number;
  /** Undefined if no event was ever recorded, or if that can't be read. */
  readonly unread: Unread | undefined;
  readonly spooled: Spooled | undefined;
  /** The directories whose disk is full. */
  readonly withoutRoom: readonly string[];
  /** Whether some of all this could not be read. */
  readonly isUnreadable: boolean;
  /** Problems that were found elsewhere, a few words each. */
  readonly others?: readonly string[];
}

/** All reasons why the alarm does not work; empty if it works. */
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

/** Whether `send` has stopped: the last run ended longer ago than a run may take plus an event may wait. */
export function hasStopped(
  { nowMs, lastRunAtMs, runDeadlineMs }: Pick<HealthSources, "nowMs" | "runDeadlineMs"> & { lastRunAtMs: number },
): boolean {
  return nowMs - lastRunAtMs > OVERDUE_AFTER_MS + runDeadlineMs;
}

/** Whether `send` runs, and reads. */
function sendProblems({ nowMs, lastRunAtMs, runDeadlineMs, unread, spooled }: HealthSources): Problem[] {
  const isLate = (sinceMs = nowMs) => nowMs - sinceMs > UNREAD_AFTER_MS;
  // Files stay in the spool until a hook moves them; any run that has ended since has read them.
  const isSpoolRead = lastRunAtMs !== undefined && lastRunAtMs > (spooled?.oldestAtMs ?? 0);
  return [
    ...lastRunAtMs === undefined ? [{ kind: "unrun", text: "no run of send has ended yet" } as const] : [],
    ...lastRunAtMs !== undefined && hasStopped({ nowMs, lastRunAtMs, runDeadlineMs })
      ? [{ kind: "stopped", text: `the last run of send ended ${formatAgo(lastRunAtMs, nowMs)}` } as const]
      : [],
    ...isLate(unread?.oldestAtMs) || (isLate(spooled?.oldestAtMs) && !isSpoolRead)
      ? [{ kind: "unread", text: "send does not read the queue" } as const]
      : [],
  ];
}

/**
 * Problems of the routes. A run of `send` waits up to a minute for a failing route, so one that still fails at the end
 * of the run has a real problem. Of routes that are no longer in the configuration, only overdue events count.
 */
export function routeProblems({ configured, routes, nowMs }: RouteSources): Problem[] {
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

/** Newest outcomes after which nothing was delivered. */
const FAILURES: ReadonlySet<RouteOverview["newest"]> = new Set(["retry", "broken", "refused"] as const);
