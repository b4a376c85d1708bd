// Computes the status that `status` shows in any format. Pure.

import type { Config } from "../../config/config.ts";
import { type Problem, problemsOf } from "../../store/health.ts";
import type { Unread } from "../unread.ts";
import type { Warning } from "../warnings.ts";
import { IDLE, type Overview, type RouteOverview } from "../../store/overview.ts";
import { believedRest } from "../../store/routes.ts";
import type { Spooled } from "../../intake/spool.ts";

/** The state of a route. */
export interface RouteStatus extends RouteOverview {
  /** The name of its service; undefined if the route is no longer in the configuration. */
  readonly service: string | undefined;
  /** Undefined if the configuration cannot be read. */
  readonly isConfigured: boolean | undefined;
  /** When the next attempt is due, in milliseconds since the epoch; undefined if nothing is pending. */
  readonly nextAttemptAtMs: number | undefined;
}

/** The state of the queue, the spool and all routes. */
export interface Status {
  readonly nowMs: number;
  readonly routes: readonly RouteStatus[];
  /** Undefined if no event was ever recorded, or the queue cannot be read. */
  readonly unread: Unread | undefined;
  readonly isQueueReadable: boolean;
  /** Events in the spool; undefined if the spool cannot be read. */
  readonly spooled: Spooled | undefined;
  /** Why parts of this status are missing, one line each. */
  readonly faults: readonly string[];
  /** What a person should look at, although the alarm may work. */
  readonly warnings: readonly Warning[];
  /** When the last run of `send` ended; undefined if none has. */
  readonly lastRunAtMs: number | undefined;
  /** Why the alarm does not work; empty if a login right now would be notified. */
  readonly problems: readonly Problem[];
}

/** The data from which {@link statusOf} computes a status. */
export interface StatusSources extends Pick<Status, "nowMs" | "unread" | "isQueueReadable" | "spooled" | "faults"> {
  /** The directories whose disk is full. */
  readonly withoutRoom: readonly string[];
  /** Further problems, a few words each. */
  readonly others?: readonly string[];
  readonly warnings?: readonly Warning[];
  /** Undefined if the configuration cannot be read. */
  readonly config: Pick<Config, "routes" | "runDeadlineMs"> | undefined;
  /** Undefined if `send` has never run. */
  readonly overview: Overview | undefined;
}

/** Whether the newest outcome shows that the settings of a route must be corrected before anything is delivered. */
export function isBroken({ newest }: Pick<RouteOverview, "newest">): boolean {
  return newest === "broken" || newest === "refused";
}

/** Computes the status. Without a configuration, every known route counts as configured. */
export function statusOf(
  { config, overview, withoutRoom, others = [], warnings = [], ...rest }: StatusSources,
): Status {
  const known = new Map((overview?.routes ?? []).map((route) => [route.name, route]));
  const services = new Map((config?.routes ?? []).map(({ name, service }) => [name, service.name]));
  const names = [...services.keys(), ...[...known.keys()].filter((name) => !services.has(name))];
  const routes = names.map((name): RouteStatus => {
    const route = known.get(name) ?? { ...IDLE, name };
    return {
      ...route,
      service: config === undefined ? "unknown" : services.get(name),
      isConfigured: config === undefined ? undefined : services.has(name),
      nextAttemptAtMs: route.pending + route.notices === 0
        ? undefined
        : Math.max(believedRest(route, rest.nowMs), rest.nowMs),
    };
  });
  // Omits removed routes that have nothing pending or given up.
  const shown = routes.filter(({ service, pending, dead }) => service !== undefined || pending + dead > 0);
  const lastRunAtMs = overview?.lastRunAtMs;
  const problems = problemsOf({
    ...rest,
    unreadAtMs: rest.unread?.newestAtMs,
    configured: [...services.keys()],
    routes: overview?.routes ?? [],
    lastRunAtMs,
    runDeadlineMs: config?.runDeadlineMs ?? 0,
    withoutRoom,
    isUnreadable: rest.faults.length > 0,
    others,
  });
  return { ...rest, warnings, routes: shown, lastRunAtMs, problems };
}
