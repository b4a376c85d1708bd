// A status as metrics, for the textfile collector of Prometheus's node_exporter. Pure.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details

import denoConfig from "../../deno.json" with { type: "json" };
import { oneLine } from "../log.ts";
import { isBroken, type RouteStatus, type Status } from "./status_of.ts";

/** One metric: all its samples stand together, behind its help. */
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
 * The lines of a `.prom` file. All are gauges, and none has a timestamp, which the collector refuses. Nothing is said of
 * what can't be read; then `alive` is 0.
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
        "Whether a login now would be notified: there is room, send runs and reads, no route is failing, no event is overdue.",
      samples: one(problems.length === 0 ? 1 : 0),
    },
    { name: "faults", help: "How many parts of the status can't be read.", samples: one(faults.length) },
    {
      name: "last_run_timestamp_seconds",
      help: "When the last run of send came to its end; 0: never.",
      samples: one(seconds(lastRunAtMs)),
    },
    { name: "unread_events", help: "Events in the queue that send has yet to read.", samples: one(unread?.count) },
    {
      name: "unread_oldest_age_seconds",
      help: "How long ago the oldest of these happened; 0: there is none.",
      samples: one(unread && age(unread.oldestAtMs, nowMs)),
    },
    { name: "spooled_events", help: "Events that the queue database refused.", samples: one(spooled?.count) },
    {
      name: "spooled_oldest_age_seconds",
      help: "How long ago the oldest of these happened; 0: there is none.",
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
    each("configured", "Whether the configuration has the route.", ({ isConfigured }) => {
      return isConfigured === undefined ? undefined : Number(isConfigured);
    }),
    each("pending", "Events that wait on the route.", ({ pending }) => pending),
    each(
      "oldest_pending_age_seconds",
      "How long ago the oldest of these happened; 0: there is none.",
      ({ oldestPendingAtMs }) => age(oldestPendingAtMs, nowMs),
    ),
    each("notices", "What the route has yet to tell of other routes.", ({ notices }) => notices),
    each("failures", "Attempts on the route that failed since its last delivery.", ({ failures }) => failures),
    each(
      "broken",
      "Whether a person has to correct the settings of the route before anything gets through.",
      (route) => isBroken(route) ? 1 : 0,
    ),
    each("dead", "Events that were given up on the route; retry brings them back.", ({ dead }) => dead),
    each(
      "last_delivery_timestamp_seconds",
      "When the last event was delivered on the route; 0: never.",
      ({ lastDeliveredAtMs }) => seconds(lastDeliveredAtMs),
    ),
  ];
}

function seconds(ms = 0): number {
  return ms / 1000;
}

/** A clock that was set back makes nothing younger than now. */
function age(atMs: number | undefined, nowMs: number): number {
  return seconds(Math.max(0, nowMs - (atMs ?? nowMs)));
}

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return texts.length === 0 ? "" : `{${texts.join(",")}}`;
}

/** The store names the routes, and it is no more to be trusted than the rest. */
function labelValue(value: string): string {
  return oneLine(value).replace(/[\\"]/g, "\\$&");
}
