// `status`: what is pending, why, what was given up, and what of the queue is unread. Changes nothing.

import type { Config } from "../config/config.ts";
import { readConfig } from "../config/read_config.ts";
import { formatDuration } from "../duration.ts";
import { ExitCode, Failure } from "../failure.ts";
import { oneLine } from "../log.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { print } from "../send/print.ts";
import { explainStoreError } from "../send/store_failure.ts";
import { InboxError, type Unread } from "../store/inbox.ts";
import { type Overview, readOverview, type RouteOverview } from "../store/overview.ts";
import { MAX_WAIT_MS } from "../store/routes.ts";
import { Spool, type Spooled, SpoolError } from "../store/spool.ts";
import { becomeSender } from "./become_sender.ts";
import { readUnread } from "./unread.ts";

/** What `status` may be told. */
export interface StatusOptions {
  /** Prints JSON in place of lines. */
  readonly json: boolean;
  /** In place of the fixed ones, for tests; any user may then run it. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/** How a route is doing, and whether the configuration has it. */
export interface RouteStatus extends RouteOverview {
  /** The name of its service; undefined where the route has gone from the configuration. */
  readonly service: string | undefined;
  /** When something is sent next, in milliseconds since the epoch; undefined where nothing is pending. */
  readonly nextAttemptAtMs: number | undefined;
}

/** How everything is doing. */
export interface Status {
  readonly nowMs: number;
  readonly routes: readonly RouteStatus[];
  /** Undefined where no event was ever recorded, or the queue can't be read. */
  readonly unread: Unread | undefined;
  /** What the queue database refused; undefined where the spool can't be read. */
  readonly spooled: Spooled | undefined;
  /** What keeps this from being complete, a line each. */
  readonly faults: readonly string[];
}

/** What a status is made of. */
export interface StatusSources extends Pick<Status, "nowMs" | "unread" | "spooled" | "faults"> {
  /** Undefined where the configuration can't be read. */
  readonly config: Pick<Config, "routes"> | undefined;
  /** Undefined where `send` has never run. */
  readonly overview: Overview | undefined;
}

/**
 * Prints how everything is doing.
 *
 * @returns 0, whatever there is to say
 * @throws {Failure} where this user may not look
 */
export function status({ json, stateDir, configFile = CONFIG_FILE }: StatusOptions): ExitCode {
  const paths = statePaths(stateDir);
  if (stateDir === undefined) becomeSender(paths, "status");
  const faults: string[] = [];
  const config = attempt(() => readConfig(configFile), faults);
  const overview = attempt(() => storeOverview(paths), faults);
  const unread = attempt(() => readUnread(paths, { overview, command: "status" }), faults);
  const spooled = attempt(() => new Spool(paths).inspect(), faults);
  const found = statusOf({ config, overview, unread, spooled, faults, nowMs: Date.now() });
  if (json) print(JSON.stringify(statusJson(found), null, 2));
  else for (const line of statusLines(found)) print(oneLine(line));
  return ExitCode.ok;
}

function storeOverview(paths: StatePaths): Overview | undefined {
  try {
    return readOverview(paths.deliveriesDatabase);
  } catch (error) {
    throw explainStoreError(error, paths);
  }
}

/** One part that can't be read hides no other. */
function attempt<T>(read: () => T, faults: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure || error instanceof InboxError || error instanceof SpoolError)) throw error;
    faults.push(...error.message.split("\n"));
    return undefined;
  }
}

/** Puts together what is known. Without a configuration, no route is said to have gone from it. */
export function statusOf({ config, overview, ...rest }: StatusSources): Status {
  const known = new Map((overview?.routes ?? []).map((route) => [route.name, route]));
  const services = new Map((config?.routes ?? []).map(({ name, service }) => [name, service.name]));
  const names = [...services.keys(), ...[...known.keys()].filter((name) => !services.has(name))];
  const routes = names.map((name): RouteStatus => {
    const route = known.get(name) ?? { ...UNKNOWN, name };
    return {
      ...route,
      service: config === undefined ? "unknown" : services.get(name),
      nextAttemptAtMs: route.pending + route.notices === 0 ? undefined : nextAttemptAtMs(route, rest.nowMs),
    };
  });
  // A route that has gone, and has left nothing behind, is no news.
  const shown = routes.filter(({ service, pending, dead }) => service !== undefined || pending + dead > 0);
  return { ...rest, routes: shown };
}

/** A route that never had anything to do. */
const UNKNOWN = { pending: 0, dead: 0, deadReasons: [], notices: 0, isBroken: false, restsUntilMs: 0, failures: 0 };

function nextAttemptAtMs({ restsUntilMs }: RouteOverview, nowMs: number): number {
  return restsUntilMs > nowMs && restsUntilMs <= nowMs + MAX_WAIT_MS ? restsUntilMs : nowMs;
}

/** A status for people. */
export function statusLines({ nowMs, routes, unread, spooled, faults }: Status): string[] {
  return [
    ...faults,
    `queue: ${queueText(unread, nowMs)}`,
    ...spooled === undefined || spooled.count === 0 ? [] : [`spool: ${spoolText(spooled, nowMs)}`],
    ...routes.flatMap((route) => routeTexts(route, nowMs).map((text) => `${routeTitle(route)}: ${text}`)),
  ];
}

function queueText(unread: Unread | undefined, nowMs: number): string {
  if (unread === undefined) return "no event is there";
  const { count, oldestAtMs } = unread;
  if (count === 0) return "send has read every event";
  const since = oldestAtMs === undefined ? "" : `, the oldest from ${ago(oldestAtMs, nowMs)}`;
  return `send has yet to read ${count} event${count === 1 ? "" : "s"}${since}`;
}

function spoolText({ count, oldestAtMs }: Spooled, nowMs: number): string {
  const since = oldestAtMs === undefined ? "" : `, the oldest from ${ago(oldestAtMs, nowMs)}`;
  return `${count} event${count === 1 ? "" : "s"} that the queue database refused${since}; send delivers them too`;
}

function routeTitle({ name, service }: RouteStatus): string {
  return `route "${name}"${service === undefined ? "" : ` (${service})`}`;
}

function routeTexts(route: RouteStatus, nowMs: number): string[] {
  const { name, service, dead, deadReasons, lastDeliveredAtMs } = route;
  const brings = `ssh-session-notifier retry --route ${name}`;
  const reasons = deadReasons.map(({ reason, count }) => `${count} for: ${reason}`).join("; ");
  return [
    ...service === undefined
      ? [`not in the configuration, so nothing is sent; "${brings} --to NAME" moves it to another route`]
      : [],
    pendingText(route, nowMs),
    ...dead > 0 ? [`${dead} given up (${reasons}); "${brings}" brings them back`] : [],
    lastDeliveredAtMs === undefined
      ? "nothing was delivered yet"
      : `the last delivery was ${ago(lastDeliveredAtMs, nowMs)}`,
  ];
}

function pendingText(route: RouteStatus, nowMs: number): string {
  const { service, pending, notices, oldestPendingAtMs, nextAttemptAtMs, failures, lastError, isBroken } = route;
  if (nextAttemptAtMs === undefined) return "nothing waits";
  const parts = [`${pending} pending`];
  if (oldestPendingAtMs !== undefined) parts.push(`the oldest from ${ago(oldestPendingAtMs, nowMs)}`);
  if (notices > 0) parts.push(`${notices} notice${notices === 1 ? "" : "s"} about other routes`);
  if (service !== undefined) {
    parts.push(nextAttemptAtMs > nowMs ? `next attempt in ${formatDuration(nextAttemptAtMs - nowMs)}` : "due now");
  }
  if (failures > 0) {
    const fault = isBroken ? "broken, mend it in the configuration" : `${failures} failed in a row`;
    parts.push(`${fault}: ${lastError ?? ""}`);
  }
  return parts.join(", ");
}

function ago(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`;
}

/** A status for programs: names in snake_case, instants as in ISO 8601, null for what is not there. */
export function statusJson({ nowMs, routes, unread, spooled, faults }: Status): unknown {
  return {
    at: instant(nowMs),
    queue: { unread: unread?.count ?? null, oldest_unread_at: instant(unread?.oldestAtMs) },
    spool: { count: spooled?.count ?? null, oldest_at: instant(spooled?.oldestAtMs) },
    routes: routes.map((route) => ({
      name: route.name,
      service: route.service ?? null,
      is_configured: route.service !== undefined,
      is_broken: route.isBroken,
      pending: route.pending,
      oldest_pending_at: instant(route.oldestPendingAtMs),
      next_attempt_at: instant(route.nextAttemptAtMs),
      failures: route.failures,
      last_error: route.lastError ?? null,
      dead: route.dead,
      dead_reasons: route.deadReasons,
      notices: route.notices,
      last_delivered_at: instant(route.lastDeliveredAtMs),
    })),
    faults,
  };
}

function instant(atMs: number | undefined): string | null {
  const date = new Date(atMs ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
