// How everything is doing, as data: what `status` shows in one form or another. Pure.

import type { Config } from "../config/config.ts";
import { type Problem, problemsOf } from "../send/health.ts";
import type { Unread } from "../store/inbox.ts";
import { IDLE, type Overview, type RouteOverview } from "../store/overview.ts";
import { believedRest } from "../store/routes.ts";
import type { Spooled } from "../store/spool.ts";

/** How a route is doing, and whether the configuration has it. */
export interface RouteStatus extends RouteOverview {
  /** The name of its service; undefined where the route has gone from the configuration. */
  readonly service: string | undefined;
  /** Undefined where the configuration can't be read. */
  readonly isConfigured: boolean | undefined;
  /** When something is sent next, in milliseconds since the epoch; undefined where nothing is pending. */
  readonly nextAttemptAtMs: number | undefined;
}

/** How everything is doing. */
export interface Status {
  readonly nowMs: number;
  readonly routes: readonly RouteStatus[];
  /** Undefined where no event was ever recorded, or the queue can't be read. */
  readonly unread: Unread | undefined;
  /** Whether the queue can be read. */
  readonly isQueueReadable: boolean;
  /** What the queue database refused; undefined where the spool can't be read. */
  readonly spooled: Spooled | undefined;
  /** What keeps this from being complete, a line each. */
  readonly faults: readonly string[];
  /** When the last run of `send` came to its end; undefined where none has yet. */
  readonly lastRunAtMs: number | undefined;
  /** What keeps the alarm from working; empty if a login now would be notified. */
  readonly problems: readonly Problem[];
}

/** What a status is made of. */
export interface StatusSources extends Pick<Status, "nowMs" | "unread" | "isQueueReadable" | "spooled" | "faults"> {
  /** The directories on whose disk there is no room. */
  readonly withoutRoom: readonly string[];
  /** Problems that were found elsewhere, a few words each. */
  readonly others?: readonly string[];
  /** Undefined where the configuration can't be read. */
  readonly config: Pick<Config, "routes" | "runDeadlineMs"> | undefined;
  /** Undefined where `send` has never run. */
  readonly overview: Overview | undefined;
}

/** Whether a person has to correct the settings of a route before anything gets through, by its newest outcome. */
export function isBroken({ newest }: Pick<RouteOverview, "newest">): boolean {
  return newest === "broken" || newest === "refused";
}

/** Puts together what is known. Without a configuration, no route is said to have gone from it. */
export function statusOf({ config, overview, withoutRoom, others = [], ...rest }: StatusSources): Status {
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
  // A route that has gone, and has left nothing behind, is no news.
  const shown = routes.filter(({ service, pending, dead }) => service !== undefined || pending + dead > 0);
  const lastRunAtMs = overview?.lastRunAtMs;
  const problems = problemsOf({
    ...rest,
    configured: [...services.keys()],
    routes: overview?.routes ?? [],
    lastRunAtMs,
    runDeadlineMs: config?.runDeadlineMs ?? 0,
    withoutRoom,
    isUnreadable: rest.faults.length > 0,
    others,
  });
  return { ...rest, routes: shown, lastRunAtMs, problems };
}
