// Whether events get through, told from what the store knows: for the heartbeat, and for those who look. Pure.

import type { RouteOverview } from "../store/overview.ts";

/**
 * What waits for longer is overdue, in milliseconds. A burst is away by then, a service's pause for a breath is over, and
 * an intruder has had time enough.
 */
export const OVERDUE_AFTER_MS = 15 * 60 * 1000;

/** `send` starts at least each minute; an event that it has not read for longer than this shows that it does not. */
export const UNREAD_AFTER_MS = 5 * 60 * 1000;

/** What keeps events from getting through; both empty where they do. */
export interface Health {
  /** The routes of the configuration whose last attempt failed: nothing has got through since. */
  readonly failing: readonly string[];
  /** The routes, also those that have gone from the configuration, with an event that is overdue. */
  readonly overdue: readonly string[];
}

/** What health is told from. */
export interface HealthOptions {
  /** The names of the routes that the configuration has. */
  readonly configured: readonly string[];
  readonly nowMs: number;
}

/**
 * How the routes are doing. A run of `send` waits up to a minute for a route that fails, so one that is failing at its
 * end has not just stumbled.
 */
export function healthOf(routes: readonly RouteOverview[], { configured, nowMs }: HealthOptions): Health {
  return {
    failing: routes.filter(({ name, failures }) => failures > 0 && configured.includes(name)).map(({ name }) => name),
    overdue: routes.filter(({ oldestPendingAtMs }) => isOverdue(oldestPendingAtMs, nowMs)).map(({ name }) => name),
  };
}

/** Whether what waits since an instant is overdue; undefined: nothing waits. */
function isOverdue(sinceMs: number | undefined, nowMs: number): boolean {
  return sinceMs !== undefined && nowMs - sinceMs > OVERDUE_AFTER_MS;
}
