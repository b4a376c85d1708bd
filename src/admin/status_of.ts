// How everything is doing, as data: what `status` shows in one form or another. Pure.

import type { Config } from "../config/config.ts";
import { formatDuration } from "../duration.ts";
import { healthOf, OVERDUE_AFTER_MS, UNREAD_AFTER_MS } from "../send/health.ts";
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
  /** What of the alarm does not work, a few words each; none if a login now would be told. */
  readonly problems: readonly string[];
}

/** What a status is made of. */
export interface StatusSources extends Pick<Status, "nowMs" | "unread" | "isQueueReadable" | "spooled" | "faults"> {
  /** The directories on whose disk there is no room. */
  readonly withoutRoom: readonly string[];
  /** What last_resort.ts finds. Default: nothing. */
  readonly lastResort?: readonly string[];
  /** Undefined where the configuration can't be read. */
  readonly config: Pick<Config, "routes" | "runDeadlineMs"> | undefined;
  /** Undefined where `send` has never run. */
  readonly overview: Overview | undefined;
}

/** Puts together what is known. Without a configuration, no route is said to have gone from it. */
export function statusOf({ config, overview, withoutRoom, lastResort = [], ...rest }: StatusSources): Status {
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
  return {
    ...rest,
    routes: shown,
    lastRunAtMs,
    problems: [...problemsOf({ config, overview, withoutRoom, ...rest }), ...lastResort],
  };
}

/**
 * What of the alarm does not work. `send` runs every minute, so where it has not ended for as long as an event may wait,
 * or as a run may take, it does not run any more.
 */
function problemsOf({ config, overview, unread, spooled, withoutRoom, faults, nowMs }: StatusSources): string[] {
  const lastRunAtMs = overview?.lastRunAtMs;
  const isLate = (sinceMs = nowMs) => nowMs - sinceMs > UNREAD_AFTER_MS;
  // What lies in the spool stays there until a hook moves it; a run that has ended since has read it.
  const isSpoolRead = lastRunAtMs !== undefined && lastRunAtMs > (spooled?.oldestAtMs ?? 0);
  const silenceMs = nowMs - (lastRunAtMs ?? nowMs);
  const configured = config?.routes.map(({ name }) => name) ?? [];
  const { failing, overdue } = healthOf(overview?.routes ?? [], { configured, nowMs });
  return [
    ...withoutRoom.map((directory) => `there is no room in "${directory}"`),
    ...faults.length > 0 ? ["not all of it can be read"] : [],
    ...lastRunAtMs === undefined ? ["no run of send has come to its end yet"] : [],
    ...silenceMs > OVERDUE_AFTER_MS + (config?.runDeadlineMs ?? 0)
      ? [`the last run of send ended ${formatDuration(silenceMs)} ago`]
      : [],
    ...isLate(unread?.oldestAtMs) || (isLate(spooled?.oldestAtMs) && !isSpoolRead)
      ? ["send does not read what is queued"]
      : [],
    ...failing.map((route) => `route "${route}" is failing`),
    ...overdue.map((route) => `an event on route "${route}" is overdue`),
  ];
}
