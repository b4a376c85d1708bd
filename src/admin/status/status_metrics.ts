// Formats a status as metrics, for the textfile collector of Prometheus's node_exporter. Pure.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details

import denoConfig from "../../../deno.json" with { type: "json" };
import { oneLine } from "../../log.ts";
import { isBroken, type RouteStatus, type Status } from "./status_data.ts";

/** One metric; its samples must follow its help line without a gap. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

const PREFIX = "ssh_session_notifier_";

/**
 * Returns the lines of a `.prom` file. All metrics are gauges without timestamps, which the collector refuses. Metrics
 * that cannot be read are left out, and `alive` is then 0.
 */
export function statusMetrics(status: Status): string[] {
  return [...wholeMetrics(status), ...routeMetrics(status)].filter(({ samples }) => samples.length > 0).flatMap(
    ({ name, help, samples }) => [
      `# HELP ${PREFIX}${name} ${help}`,
      `# TYPE ${PREFIX}${name} gauge`,
      ...samples.map(({ labels, value }) => `${PREFIX}${name}${labelText(labels)} ${value}`),
    ],
  );
}

function wholeMetrics({ nowMs, unread, spooled, faults, lastRunAtMs, problems }: Status): Metric[] {
  const one = (value: number | undefined) => value === undefined ? [] : [{ value }];
  return [
    {
      name: "build_info",
      help: "1, with the version of the program.",
      samples: [{ labels: { version: denoConfig.version }, value: 1 }],
    },
    {
      name: "alive",
      help:
        "1 if a login right now would be notified: the disk has room, send runs, no route fails, no event is overdue.",
      samples: one(problems.length === 0 ? 1 : 0),
    },
    { name: "faults", help: "Number of parts of the status that cannot be read.", samples: one(faults.length) },
    {
      name: "last_run_timestamp_seconds",
      help: "When the last run of send ended; 0 if none has.",
      samples: one(seconds(lastRunAtMs)),
    },
    {
      name: "has_unread_events",
      help: "Whether the queue has events that send has yet to read.",
      samples: one(unread && Number(unread.newestAtMs !== undefined)),
    },
    {
      name: "unread_newest_age_seconds",
      help: "Age of the newest unread event; 0 if there is none.",
      samples: one(unread && age(unread.newestAtMs, nowMs)),
    },
    {
      name: "spooled_events",
      help: "Events in the spool, because the queue database refused them.",
      samples: one(spooled?.count),
    },
    {
      name: "spooled_oldest_age_seconds",
      help: "Age of the oldest event in the spool; 0 if there is none.",
      samples: one(spooled && age(spooled.oldestAtMs, nowMs)),
    },
  ];
}

function routeMetrics({ nowMs, routes }: Status): Metric[] {
  const each = (name: string, help: string, valueOf: (route: RouteStatus) => number | undefined): Metric => ({
    name: `route_${name}`,
    help,
    samples: routes.flatMap((route) => {
      const value = valueOf(route);
      return value === undefined ? [] : [{ labels: { route: route.name }, value }];
    }),
  });
  return [
    each("configured", "Whether the route is in the configuration.", ({ isConfigured }) => {
      return isConfigured === undefined ? undefined : Number(isConfigured);
    }),
    each("pending", "Events that are pending on the route.", ({ pending }) => pending),
    each(
      "oldest_pending_age_seconds",
      "Age of the oldest event that is pending on the route; 0 if there is none.",
      ({ oldestPendingAtMs }) => age(oldestPendingAtMs, nowMs),
    ),
    each("notices", "Notices about other routes that are pending on the route.", ({ notices }) => notices),
    each("failures", "Failed attempts on the route since its last delivery.", ({ failures }) => failures),
    each(
      "broken",
      "Whether the settings of the route must be corrected before anything is delivered.",
      (route) => isBroken(route) ? 1 : 0,
    ),
    each("dead", "Events that were given up on the route; the command retry restores them.", ({ dead }) => dead),
    each(
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

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return texts.length === 0 ? "" : `{${texts.join(",")}}`;
}

/** Escapes a label: names of routes come from the store, which is not trusted. */
function labelValue(value: string): string {
  return oneLine(value).replace(/[\\"]/g, "\\$&");
}
