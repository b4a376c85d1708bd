// Parses the output of `status --prometheus` with a strict parser for the exposition format, and with promtool.

import assert from "node:assert/strict";
import { statusMetrics } from "../../../src/admin/status/status_metrics.ts";
import { type Status, statusOf } from "../../../src/admin/status/status_data.ts";
import { parseConfig } from "../../../src/config/config.ts";
import { runOther } from "../../helpers/command_line.ts";
import { HOSTILE_TEXTS } from "../../helpers/fixtures.ts";
import { Installation } from "../../helpers/program.ts";
import { PROMTOOL } from "../../helpers/promtool.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const CONFIG = parseConfig(`[notification]\nservice = "stdout"`, { hostName: () => "h" });

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Parses metrics as node_exporter does (https://prometheus.io/docs/instrumenting/exposition_formats/). Its textfile
 * collector also forbids timestamps.
 */
function parseExposition(text: string): Map<string, Sample[]> {
  assert.ok(text.endsWith("\n"), "the last line must end too");
  const families = new Map<string, Sample[]>();
  const seen = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, comment, described = "", rest = ""] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line) ?? [];
    if (comment === "HELP") {
      assert.ok(!families.has(described), `${described} is in two places`);
      assert.match(rest, /^(?:[^\\]|\\\\|\\n)+$/);
      families.set(described, []);
      current = described;
    } else if (comment === "TYPE") {
      assert.deepEqual([described, rest], [current, "gauge"]);
      assert.deepEqual(families.get(current), [], "TYPE must stand before the samples");
    } else {
      const [, name = "", labelText = "", value = ""] =
        /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/.exec(line) ??
          assert.fail(`no sample: ${JSON.stringify(line)}`);
      assert.equal(name, current, "the samples of a metric must stand together");
      assert.ok(!seen.has(`${name}${labelText}`), `${line} is there twice`);
      seen.add(`${name}${labelText}`);
      families.get(name)?.push({ labels: labelsIn(labelText), value: Number(value) });
    }
  }
  return families;
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text.replace(/^\{/, "");
  while (rest !== "" && rest !== "}") {
    const [whole, name = "", value = ""] =
      /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|(?=\}))/.exec(rest) ??
        assert.fail(`no label: ${rest}`);
    labels[name] = value.replace(/\\(.)/g, (_, character) => character === "n" ? "\n" : character);
    rest = rest.slice(whole.length);
  }
  return labels;
}

/** Runs promtool, where this machine can have it. */
async function askPromtool(text: string): Promise<void> {
  if (PROMTOOL === undefined) return;
  const checked = await runOther([PROMTOOL, "check", "metrics"], { input: text });
  assert.deepEqual(checked, { code: 0, stdout: "", stderr: "" });
}

function textOf(status: Status): string {
  return statusMetrics(status).map((line) => `${line}\n`).join("");
}

const FULL = statusOf({
  config: CONFIG,
  overview: {
    queue: { looks: "x", fault: undefined },
    lastRunAtMs: NOW_MS - 1_500,
    routes: [{
      name: "default",
      pending: 2,
      oldestPendingAtMs: NOW_MS - 90_000,
      dead: 3,
      deadReasons: [],
      notices: 1,
      newest: "broken",
      restsFromMs: 0,
      restsUntilMs: 0,
      failures: 4,
      lastDeliveredAtMs: NOW_MS - 100_000,
    }],
  },
  unread: { newestAtMs: NOW_MS - 2_000 },
  isQueueReadable: true,
  withoutRoom: [],
  spooled: { count: 0 },
  faults: [],
  nowMs: NOW_MS,
});

Deno.test("statusMetrics() reports the same state as status", async () => {
  const text = textOf(FULL);
  await askPromtool(text);
  const metrics = parseExposition(text);
  const values = Object.fromEntries(
    [...metrics].map((
      [name, samples],
    ) => [name.replace("ssh_session_notifier_", ""), samples.map(({ value }) => value)]),
  );
  assert.deepEqual(values, {
    build_info: [1],
    alive: [0],
    faults: [0],
    last_run_timestamp_seconds: [NOW_MS / 1000 - 1.5],
    has_unread_events: [1],
    unread_newest_age_seconds: [2],
    spooled_events: [0],
    spooled_oldest_age_seconds: [0],
    route_configured: [1],
    route_pending: [2],
    route_oldest_pending_age_seconds: [90],
    route_notices: [1],
    route_failures: [4],
    route_broken: [1],
    route_dead: [3],
    route_last_delivery_timestamp_seconds: [NOW_MS / 1000 - 100],
  });
  for (const [name, samples] of metrics) {
    if (name.includes("_route_")) assert.deepEqual(samples.map(({ labels }) => labels), [{ route: "default" }]);
  }
});

Deno.test("statusMetrics() keeps to the format for any name of a route", async () => {
  const [route] = FULL.routes;
  assert.ok(route !== undefined);
  const names = [...new Set(HOSTILE_TEXTS), 'a"b', "a\\", "a\nssh_session_notifier_alive 1", '",route="x'];
  const text = textOf({ ...FULL, routes: names.map((name) => ({ ...route, name })) });
  await askPromtool(text);
  const metrics = parseExposition(text);
  const pending = metrics.get("ssh_session_notifier_route_pending") ?? [];
  assert.equal(pending.length, names.length);
  assert.deepEqual(pending.map(({ labels }) => Object.keys(labels)), names.map(() => ["route"]));
  assert.equal(metrics.get("ssh_session_notifier_alive")?.length, 1);
  assert.ok(pending.some(({ labels }) => labels["route"] === 'a"b'));
});

Deno.test("statusMetrics() omits what cannot be read, and sets alive to 0", async () => {
  const text = textOf(statusOf({
    config: undefined,
    overview: undefined,
    unread: undefined,
    isQueueReadable: false,
    withoutRoom: [],
    spooled: undefined,
    faults: ["config.toml: broken", "the queue cannot be read"],
    nowMs: NOW_MS,
  }));
  await askPromtool(text);
  const metrics = parseExposition(text);
  assert.deepEqual([...metrics.keys()].map((name) => name.replace("ssh_session_notifier_", "")), [
    "build_info",
    "alive",
    "faults",
    "last_run_timestamp_seconds",
  ]);
  assert.equal(metrics.get("ssh_session_notifier_alive")?.[0]?.value, 0);
  assert.equal(metrics.get("ssh_session_notifier_faults")?.[0]?.value, 2);
});

Deno.test("status --prometheus prints the metrics of a real installation, alive once send has run", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "stdout"`);
  const alive = async () => {
    const { code, stdout, stderr } = await installation.status("--prometheus");
    assert.deepEqual([code, stderr], [0, ""]);
    await askPromtool(stdout);
    return parseExposition(stdout).get("ssh_session_notifier_alive")?.[0]?.value;
  };
  assert.equal(await alive(), 0);
  await installation.send();
  assert.equal(await alive(), 1);
  const both = await installation.status("--prometheus", "--json");
  assert.equal(both.code, 64);
  assert.match(both.stderr, /'--prometheus' cannot be used with option '--json'/);
});
