// Formats a status as metrics, for the textfile collector of Prometheus's node_exporter. Pure.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details

import denoConfig from "../../../deno.json" with { type: "json" };
import { oneLine } from "../../log.ts";
import { isBroken, type RouteStatus, type Status } from "./status_data.ts";

const PREFIX = "ssh_session_notifier_";

/**
 * Returns the lines of a `.prom` file. All metrics are gauges without timestamps, which the collector refuses. Metrics
 * that cannot be read are left out, and `alive` is then 0.
 */
export function statusMetrics(status: Status): string[] {
  return [...wholeMetrics(status), ...routeMetrics(status)];
}

/** The lines of one metric; its samples must follow its help line without a gap. */
function gauge(name: string, help: string, samples: readonly [labels: string, value: number | undefined][]): string[] {
  const known = samples.filter(([, value]) => value !== undefined);
  if (known.length === 0) return [];
  return [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} gauge`,
    ...known.map(([labels, value]) => `${PREFIX}${name}${labels} ${value}`),
  ];
}

function wholeMetrics({ nowMs, unread, spooled, faults, lastRunAtMs, problems }: Status): string[] {
  const one = (name: string, help: string, value: number | undefined) => gauge(name, help, [["", value]]);
  return [
    ...gauge("build_info", "1, with the version of the program.", [[`{version="${denoConfig.version}"}`, 1]]),
    ...one(
      "alive",
      "1 if a login right now would be notified: the disk has room, send runs, no route fails, no event is overdue.",
      problems.length === 0 ? 1 : 0,
    ),
    ...one("faults", "Number of parts of the status that cannot be read.", faults.length),
    ...one(
      "last_run_timestamp_seconds",
      "When a full run of send last ended, by its record of at least every 15 minutes; 0 if none has.",
      seconds(lastRunAtMs),
    ),
    ...one(
      "has_unread_events",
      "Whether the queue has events that send has yet to read.",
      unread && Number(unread.newestAtMs !== undefined),
    ),
    ...one(
      "unread_newest_age_seconds",
      "Age of the newest unread event; 0 if there is none.",
      unread && age(unread.newestAtMs, nowMs),
    ),
    ...one("spooled_events", "Events in the spool, because the queue database refused them.", spooled?.count),
    ...one(
      "spooled_oldest_age_seconds",
      "Age of the oldest event in the spool; 0 if there is none.",
      spooled && age(spooled.oldestAtMs, nowMs),
    ),
  ];
}

function routeMetrics({ nowMs, routes }: Status): string[] {
  const each = (name: string, help: string, valueOf: (route: RouteStatus) => number | undefined) =>
    gauge(`route_${name}`, help, routes.map((route) => [`{route="${labelValue(route.name)}"}`, valueOf(route)]));
  return [
    ...each(
      "configured",
      "Whether the route is in the configuration.",
      ({ isConfigured }) => isConfigured === undefined ? undefined : Number(isConfigured),
    ),
    ...each("pending", "Events that are pending on the route.", ({ pending }) => pending),
    ...each(
      "oldest_pending_age_seconds",
      "Age of the oldest event that is pending on the route; 0 if there is none.",
      ({ oldestPendingAtMs }) => age(oldestPendingAtMs, nowMs),
    ),
    ...each("notices", "Notices about other routes that are pending on the route.", ({ notices }) => notices),
    ...each("failures", "Failed attempts on the route since its last delivery.", ({ failures }) => failures),
    ...each(
      "broken",
      "Whether the settings of the route must be corrected before anything is delivered.",
      (route) => Number(isBroken(route)),
    ),
    ...each("dead", "Events that were given up on the route; the command retry restores them.", ({ dead }) => dead),
    ...each(
      "last_delivery_timestamp_seconds",
      "When the last event was delivered on the route; 0 if none was.",
      ({ lastDeliveredAtMs }) => seconds(lastDeliveredAtMs),
    ),
  ];
}

function seconds(ms = 0): number {
  return ms / 1000;
}

/** Never negative, even if the clock was set back. */
function age(atMs: number | undefined, nowMs: number): number {
  return seconds(Math.max(0, nowMs - (atMs ?? nowMs)));
}

/** Escapes a label: names of routes come from the store, which is not trusted. */
function labelValue(value: string): string {
  return oneLine(value).replace(/[\\"]/g, "\\$&");
}
