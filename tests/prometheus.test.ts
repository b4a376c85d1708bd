// The alert rules and the dashboard: what Prometheus itself says of them, with metrics that `status` really writes.

import assert from "node:assert/strict";
import { parse, stringify } from "npm:yaml@2.9.1";
import { ROOT } from "../.ci/checkout.ts";
import { statusMetrics } from "../src/admin/status/status_metrics.ts";
import { statusOf, type StatusSources } from "../src/admin/status/status_data.ts";
import { parseConfig } from "../src/config/config.ts";
import { IDLE, type RouteOverview } from "../src/store/overview.ts";
import { LACKS_ALERTMANAGER } from "./helpers/alertmanager.ts";
import { displaysOf } from "./helpers/mdoc.ts";
import { PROMTOOL } from "./helpers/promtool.ts";

const RULES = `${ROOT}/.github/prometheus/ssh-session-notifier.rules.yml`;
const MINUTE_MS = 60_000;
const MINUTES = 120;
const CONFIG = parseConfig(`[notification]\nservice = "stdout"`, { hostName: () => "h" });
const WORKING: Omit<StatusSources, "nowMs"> = {
  config: CONFIG,
  overview: { queue: { looks: "x", fault: undefined }, lastRunAtMs: 0, routes: [{ ...IDLE, name: "default" }] },
  unread: {},
  isQueueReadable: true,
  withoutRoom: [],
  spooled: { count: 0 },
  faults: [],
};

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const { groups: [{ rules }] } = parse(await Deno.readTextFile(RULES)) as { groups: [{ rules: readonly Rule[] }] };
const dashboard: Dashboard = JSON.parse(
  await Deno.readTextFile(`${ROOT}/.github/grafana/ssh-session-notifier.json`),
);

/** The status of a host at a time, with what is different from one that works. `send` ends a run each minute. */
function statusAt(nowMs: number, { route, overview, ...changes }: Change): ReturnType<typeof statusOf> {
  const routes = [{ ...IDLE, name: "default", lastDeliveredAtMs: 0, ...route }];
  return statusOf({
    ...WORKING,
    overview: { queue: { looks: "x", fault: undefined }, lastRunAtMs: nowMs, routes, ...overview },
    nowMs,
    ...changes,
  });
}

type Change = Partial<Omit<StatusSources, "nowMs" | "overview">> & {
  readonly route?: Partial<RouteOverview>;
  readonly overview?: { readonly lastRunAtMs: number };
};

/** The series of `promtool test rules`, one value a minute, of the metrics that a host writes. */
function seriesOf(changeAt: (minute: number) => Change | undefined): { series: string; values: string }[] {
  const values = new Map<string, string[]>();
  for (let minute = 0; minute <= MINUTES; minute++) {
    const change = changeAt(minute);
    const lines = change === undefined ? [] : statusMetrics(statusAt(minute * MINUTE_MS, change));
    for (const line of lines.filter((line) => !line.startsWith("#"))) {
      const [, name = "", labels = "", value = ""] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(line);
      const series = `${name}{${[labels, 'instance="h:9100"'].filter((part) => part !== "").join(",")}}`;
      const soFar = values.get(series) ?? [];
      while (soFar.length < minute) soFar.push("_");
      soFar.push(value);
      values.set(series, soFar);
    }
  }
  return [...values].map(([series, list]) => ({ series, values: list.join(" ") }));
}

async function promtool(...args: string[]): Promise<void> {
  assert.ok(PROMTOOL !== undefined);
  const { success, stdout, stderr } = await new Deno.Command(PROMTOOL, { args }).output();
  const decoder = new TextDecoder();
  assert.ok(success, `${decoder.decode(stdout)}${decoder.decode(stderr)}`);
}

/** Passes a YAML file to promtool. */
async function promtoolWith(args: readonly string[], content: unknown): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".yml" });
  try {
    await Deno.writeTextFile(file, stringify(content, { lineWidth: 0 }));
    await promtool(...args, file);
  } finally {
    await Deno.remove(file);
  }
}

/** Asserts which alerts fire at the end. */
async function assertFiring(series: readonly { series: string; values: string }[], alerts: readonly string[]) {
  const samples = alerts.toSorted().map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }));
  await promtoolWith(["test", "rules"], {
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [{
      interval: "1m",
      input_series: series,
      promql_expr_test: [{
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: `${MINUTES}m`,
        exp_samples: samples,
      }],
    }],
  });
}

const mtime = (values: string) => ({
  series: 'node_textfile_mtime_seconds{file="/var/lib/prometheus/node-exporter/ssh.prom",instance="h:9100"}',
  values,
});
const FRESH = mtime(`0+60x${MINUTES}`);

/** What is wrong with a host, and the alerts for it. */
const SITUATIONS: readonly [name: string, changeAt: (minute: number) => Change | undefined, alerts: string[]][] = [
  ["a host that works", () => ({}), []],
  ["a route that fails for nine minutes", (minute) => minute > MINUTES - 10 ? { route: { newest: "retry" } } : {}, []],
  ["a route that fails", () => ({ route: { newest: "retry" } }), ["SshNotifierNotWorking"]],
  ["a full disk", () => ({ withoutRoom: ["/var"] }), ["SshNotifierNotWorking"]],
  ["a hook that could not run", () => ({ others: ["the hook could not run"] }), ["SshNotifierNotWorking"]],
  [
    "a route with wrong settings",
    () => ({ route: { newest: "broken" } }),
    ["SshNotifierNotWorking", "SshNotifierRouteBroken"],
  ],
  [
    "an event that is pending since the start",
    () => ({ route: { pending: 1, oldestPendingAtMs: 0 } }),
    ["SshNotifierNotWorking", "SshNotifierEventsPending"],
  ],
  ["an event that was given up", () => ({ route: { dead: 1 } }), ["SshNotifierEventsGivenUp"]],
  [
    "send that has stopped",
    (minute) => ({ overview: { lastRunAtMs: Math.min(minute, 10) * MINUTE_MS } }),
    ["SshNotifierNotWorking", "SshNotifierSendStopped"],
  ],
  [
    "a queue that send does not read",
    () => ({ unread: { newestAtMs: 0 } }),
    ["SshNotifierNotWorking", "SshNotifierEventsUnread"],
  ],
  [
    "events in the spool",
    (minute) => ({ spooled: { count: 2, oldestAtMs: minute * MINUTE_MS } }),
    ["SshNotifierEventsSpooled"],
  ],
  [
    "a configuration that cannot be read",
    () => ({ config: undefined, faults: ["config.toml: broken"] }),
    ["SshNotifierNotWorking", "SshNotifierStateUnreadable"],
  ],
  ["a host that is gone", (minute) => minute < 60 ? {} : undefined, ["SshNotifierMetricsMissing"]],
];

for (const [name, changeAt, alerts] of SITUATIONS) {
  Deno.test({
    name: `Prometheus alerts for ${name}: ${alerts.join(", ") || "nothing"}`,
    ignore: PROMTOOL === undefined,
    fn: () => assertFiring([...seriesOf(changeAt), FRESH], alerts),
  });
}

Deno.test({
  name: "Prometheus alerts if the metrics are no longer written, and not about files of others",
  ignore: PROMTOOL === undefined,
  fn: async () => {
    const works = seriesOf(() => ({}));
    await assertFiring([...works, mtime(`0+60x60 3600x${MINUTES}`)], ["SshNotifierMetricsStale"]);
    const other = mtime(`0x${MINUTES}`);
    await assertFiring([...works, FRESH, { ...other, series: other.series.replace("ssh.prom", "apt_ssh.prom") }], []);
  },
});

Deno.test("every alert is tried above, has a severity, and says what to do", () => {
  const tried = new Set([...SITUATIONS.flatMap(([, , alerts]) => alerts), "SshNotifierMetricsStale"]);
  assert.deepEqual(rules.map(({ alert }) => alert).toSorted(), [...tried].toSorted());
  for (const { alert, labels, annotations } of rules) {
    assert.ok(["critical", "warning"].includes(labels["severity"] ?? ""), alert);
    assert.match(annotations["summary"] ?? "", /\{\{ \$labels\.instance \}\}/, alert);
    const description = annotations["description"] ?? "";
    assert.match(description, /ssh-session-notifier/, alert);
    // The name of a route comes from the store, which may be forged, and a person may copy the command to a root shell.
    assert.doesNotMatch(description, /\$labels\.route/, alert);
  }
});

Deno.test("the rules and the dashboard use only metrics that the program has", () => {
  const known = new Set(
    statusMetrics(statusAt(0, {})).filter((line) => !line.startsWith("#")).map((line) => /^\w+/.exec(line)?.[0]),
  );
  const { panels, templating } = dashboard;
  const expressions = [
    ...rules.map(({ expr }) => expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...templating.list.flatMap(({ definition }) => definition ?? []),
  ];
  const used = new Set(expressions.flatMap((text) => text.match(/ssh_session_notifier_\w+/g) ?? []));
  assert.deepEqual([...used].filter((name) => !known.has(name)), []);
  assert.ok(used.size > 10);
});

Deno.test({
  name: "promtool accepts the rules, and each query of the dashboard",
  ignore: PROMTOOL === undefined,
  fn: async () => {
    await promtool("check", "rules", RULES);
    const queries = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    await promtoolWith(["check", "rules"], {
      groups: [{ name: "panels", rules: queries.map((expr, index) => ({ record: `panel_${index}`, expr })) }],
    });
  },
});

Deno.test("the panels of the dashboard do not overlap, and fit its 24 columns", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, gridPos: { x, w } } of panels) assert.ok(x + w <= 24, title);
  for (const [index, { title, gridPos: a }] of panels.entries()) {
    for (const { gridPos: b, title: other } of panels.slice(index + 1)) {
      const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      assert.ok(isApart, `${title} and ${other}`);
    }
  }
});

Deno.test("the rules expect the file that the manual writes", async () => {
  const page = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`);
  const line = displaysOf(page).find((text) => text.includes("status --prometheus >")) ?? "";
  assert.match(line, /mv ssh\.prom\.new ssh\.prom$/m);
});

interface Routing {
  readonly route: { readonly receiver: string; readonly routes: readonly unknown[] };
  readonly receivers?: readonly unknown[];
  readonly inhibit_rules?: readonly unknown[];
}

Deno.test({
  name: "Alertmanager routes events and the alerts about hosts as ssh-session-notifier(8) says",
  ignore: LACKS_ALERTMANAGER,
  fn: async () => {
    const page = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`);
    const [events, hosts, ...more] = displaysOf(page).filter((text) => text.startsWith("route:")).map((text) =>
      parse(text) as Routing
    );
    assert.ok(events !== undefined && hosts !== undefined && more.length === 0);
    const routes = [...events.route.routes, ...hosts.route.routes];
    const config = { ...hosts, ...events, route: { ...events.route, routes } };
    assert.ok(config.inhibit_rules?.length === 1 && config.receivers?.length === 2);
    const file = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      await Deno.writeTextFile(file, stringify(config, { lineWidth: 0 }));
      const amtool = async (...args: string[]) => {
        const { success, stdout, stderr } = await new Deno.Command("amtool", { args }).output();
        assert.ok(success, new TextDecoder().decode(stderr));
        return new TextDecoder().decode(stdout).trim();
      };
      await amtool("check-config", file);
      const receiver = (...labels: string[]) => amtool("config", "routes", "test", `--config.file=${file}`, ...labels);
      const job = "job=ssh-session-notifier";
      assert.equal(await receiver("alertname=SshLogin", "severity=critical", job), "oncall");
      assert.equal(await receiver("alertname=SshNotifierNotice", "severity=warning", job), "chat");
      for (const { alert, labels } of rules) {
        const expected = labels["severity"] === "critical" ? "oncall" : "chat";
        assert.equal(await receiver(`alertname=${alert}`, `severity=${labels["severity"]}`, "job=node"), expected);
      }
    } finally {
      await Deno.remove(file);
    }
  },
});
