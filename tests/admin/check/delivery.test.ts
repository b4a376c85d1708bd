import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type DeliverySources, inspectDelivery } from "../../../src/admin/check/delivery.ts";
import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import type { Unread } from "../../../src/admin/unread.ts";
import { statusOf } from "../../../src/admin/status/status_data.ts";
import { parseConfig } from "../../../src/config/config.ts";
import { PROXY_REFUSAL } from "../../../src/services/judge_answer.ts";
import type { RouteOverview } from "../../../src/store/overview.ts";
import { SourceError } from "../../../src/intake/record.ts";
import { CONFIG_FILE } from "../../../src/paths.ts";
import { assertAllFound, type LevelAndId } from "../../helpers/findings.ts";
import { routeOverview } from "../../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;
const QUEUE = { looks: "x", fault: undefined };
const REPAIR = "ssh-session-notifier repair";
const TEST = "ssh-session-notifier test";
const LAST_DELIVERED_AT_MS = NOW_MS - 125 * MINUTE_MS;

interface Sources {
  readonly config?: string;
  readonly routes?: readonly Partial<RouteOverview>[];
  readonly unread?: Unread | undefined;
  readonly spooled?: { count: number; oldestAtMs?: number };
}

function sourcesOf(sources: Sources): DeliverySources {
  const { config = `notification.service = "stdout"`, routes = [{}], spooled = { count: 0 } } = sources;
  const unread = "unread" in sources ? sources.unread : {};
  return {
    ...parseConfig(config, { hostName: () => "x" }),
    overview: {
      queue: QUEUE,
      lastRunAtMs: NOW_MS - MINUTE_MS,
      routes: routes.map((route) => routeOverview({ lastDeliveredAtMs: LAST_DELIVERED_AT_MS, ...route })),
    },
    unread,
    spooled,
    nowMs: NOW_MS,
  };
}

function findingsOf(sources: DeliverySources): readonly Finding[] {
  const findings = new Findings();
  inspectDelivery(sources, findings);
  return findings.all;
}

function found(sources: Sources): readonly Finding[] {
  return findingsOf(sourcesOf(sources));
}

/** Returns only the faults. */
function faultsOf(sources: DeliverySources): Finding[] {
  return findingsOf(sources).filter(({ level }) => level === "fault");
}

Deno.test("inspectDelivery() reports the last delivery, and that nothing is pending", () => {
  assertAllFound(found({}), [["pass delivery.unread"], ["pass delivery.last", 'route "default"', "2 h 5 min ago"]]);
});

Deno.test("inspectDelivery() reports a send that does not run", () => {
  const first = (unread: Sources["unread"]) => found({ unread }).slice(0, 1);
  assertAllFound(first({ newestAtMs: NOW_MS - MINUTE_MS }), [["pass delivery.unread"]]);
  assertAllFound(first({ newestAtMs: NOW_MS - 6 * MINUTE_MS }), [["fault delivery.unread", "6 min ago"]]);
  assertAllFound(first(undefined), [["warning delivery.no-login"]]);
});

Deno.test("inspectDelivery() warns about spooled events and suggests repair", () => {
  assertAllFound(found({ spooled: { count: 3, oldestAtMs: NOW_MS - 6 * MINUTE_MS } }).slice(1, 2), [
    ["warning delivery.spooled", "3 events", "6 min ago", "ssh-session-notifier repair"],
  ]);
  assertAllFound(found({ unread: undefined, spooled: { count: 1 } }).slice(0, 1), [
    ["warning delivery.spooled", "1 event ", "ssh-session-notifier repair"],
  ]);
});

Deno.test("inspectDelivery() does not suggest repair for an intact queue", () => {
  const error = (code: string) => Object.assign(new Error("no"), { code });
  const table: [error: Error, ...expected: [LevelAndId, ...string[]]][] = [
    [new SourceError("x", { cause: new Error("it is not a plain file") }), "fault queue.not-readable", REPAIR],
    [new SourceError("x", { cause: error("EIO") }), "fault queue.not-readable", REPAIR],
    [new SourceError("x", { cause: error("ENOSPC") }), "fault queue.unavailable"],
    [new SourceError("x", { cause: error("EROFS") }), "fault queue.read-only"],
    [new SourceError("x", { cause: error("EACCES") }), "fault spool.not-readable", REPAIR],
  ];
  for (const [fault, ...expected] of table) {
    const findings = new Findings();
    const isOfSpool = expected[0] === "fault spool.not-readable";
    const spooled = isOfSpool ? fault : { count: 0 };
    const unread = isOfSpool ? {} : fault;
    inspectDelivery({ routes: [], runDeadlineMs: 0, overview: undefined, unread, spooled, nowMs: NOW_MS }, findings);
    const faults = findings.all.filter(({ level }) => level === "fault");
    assertAllFound(faults, [expected]);
    assert.deepEqual(faults.map(({ message, hint }) => [message, hint === REPAIR]), [["x", expected.includes(REPAIR)]]);
  }
});

Deno.test("inspectDelivery() reports why send cannot read the queue, as the last run noted it", () => {
  for (const id of ["queue.not-readable", "queue.unavailable", "queue.read-only"] as const) {
    const { overview, ...rest } = sourcesOf({});
    assert.ok(overview !== undefined);
    const queue = { looks: "", fault: { id, message: "Cannot read x" } };
    assertAllFound(faultsOf({ ...rest, overview: { ...overview, queue } }), [[`fault ${id}`, "Cannot read x"]]);
  }
});

Deno.test("inspectDelivery() reports a route whose last attempt failed, with a hint", () => {
  const waiting = { pending: 2, oldestPendingAtMs: NOW_MS - 5 * MINUTE_MS };
  const table: [route: Partial<RouteOverview>, ...expected: [LevelAndId, ...string[]][]][] = [
    [
      { ...waiting, newest: "retry", failures: 4, lastError: "HTTP 503" },
      ["fault delivery.failing", 'route "default"', " 4 ", "HTTP 503", " 2 ", "5 min ago", TEST],
    ],
    [
      { newest: "retry", failures: 1, lastError: "HTTP 503" },
      ["fault delivery.failing", 'route "default"', "HTTP 503", TEST],
    ],
    [
      { ...waiting, newest: "broken", failures: 1, lastError: "HTTP 404" },
      ["fault delivery.broken", 'route "default"', "HTTP 404", " 2 ", "5 min ago", "settings", CONFIG_FILE, TEST],
    ],
    [
      { newest: "refused", failures: 1, lastError: "HTTP 400" },
      ["fault delivery.broken", 'route "default"', "HTTP 400", "settings", CONFIG_FILE, TEST],
    ],
    [
      { newest: "broken", failures: 1, lastError: PROXY_REFUSAL },
      ["fault delivery.broken", 'route "default"', PROXY_REFUSAL, "the proxy in", CONFIG_FILE, TEST],
    ],
    [
      { pending: 1, oldestPendingAtMs: NOW_MS - 16 * MINUTE_MS, newest: "delivered" },
      ["fault delivery.overdue", 'route "default"', " 1 ", "16 min ago", "journalctl -u ssh-session-notifier"],
    ],
    [{ ...waiting, newest: "delivered" }],
    [{ newest: "delivered", dead: 3 }],
  ];
  for (const [route, ...expected] of table) {
    assertAllFound(faultsOf(sourcesOf({ routes: [route] })), expected, JSON.stringify(route));
  }
});

// Finding D17: check and status must apply the same rule.
Deno.test("inspectDelivery() reports a fault exactly when status says that the alarm does not work", () => {
  const age = fc.constantFrom(0, 4, 6, 14, 16, 24, 26, 61).map((minutes) => NOW_MS - minutes * MINUTE_MS);
  const queued = fc.oneof(fc.constant({ count: 0 }), fc.record({ count: fc.constant(2), oldestAtMs: age }));
  const written = fc.oneof(fc.constant({}), fc.record({ newestAtMs: age }));
  const route = fc.record({
    newest: fc.constantFrom<RouteOverview["newest"]>("none", "delivered", "retry", "broken", "refused"),
    pending: fc.constantFrom(0, 1),
    dead: fc.constantFrom(0, 1),
    oldest: age,
  });
  fc.assert(fc.property(
    route,
    fc.option(age, { nil: undefined }),
    fc.option(written, { nil: undefined }),
    queued,
    ({ oldest, ...rest }, lastRunAtMs, unread, spooled) => {
      const overview = {
        queue: QUEUE,
        routes: [routeOverview({ ...rest, ...rest.pending > 0 ? { oldestPendingAtMs: oldest } : {} })],
        ...lastRunAtMs === undefined ? {} : { lastRunAtMs },
      };
      const config = parseConfig(`notification.service = "stdout"`, { hostName: () => "x" });
      const sources = { ...config, overview, unread, spooled, nowMs: NOW_MS };
      const { problems } = statusOf({ ...sources, config, isQueueReadable: true, withoutRoom: [], faults: [] });
      // scheduler.test.ts covers a send that does not run.
      const isAtFault = problems.some(({ kind }) => kind !== "unrun" && kind !== "stopped");
      assert.equal(faultsOf(sources).length > 0, isAtFault, JSON.stringify([problems, faultsOf(sources)]));
    },
  ));
});

Deno.test("inspectDelivery() reports given-up deliveries, and deliveries of a removed route", () => {
  assertAllFound(found({ routes: [{ dead: 3 }] }).slice(-1), [
    ["warning delivery.given-up", "3 notifications", 'route "default"'],
  ]);
  assertAllFound(found({ routes: [{}, { name: "old", pending: 1 }] }).slice(-1), [
    ["fault delivery.route-removed", "1 notification", 'route "old"'],
  ]);
  assert.equal(found({ routes: [{}, { name: "old" }] }).length, 2);
});

Deno.test("inspectDelivery() warns if nothing has been delivered yet, and about unsafe settings", () => {
  const warnings = (sources: Sources) => found(sources).filter(({ level }) => level === "warning");
  const nothing = ["warning delivery.none-yet", 'route "default" (stdout)'] as const;
  assertAllFound(warnings({ routes: [] }), [[...nothing, TEST]]);
  // Finding D5: a passed test shows that the route works.
  const tested = { lastDeliveredAtMs: undefined, lastTestedAtMs: NOW_MS } as unknown as Partial<RouteOverview>;
  assertAllFound(warnings({ routes: [tested] }), [[...nothing, "SSH"]]);
  assert.ok(!warnings({ routes: [tested] })[0]?.hint.includes(TEST));
  const discord = (host: string) =>
    warnings({
      config:
        `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://${host}/api/webhooks/1/secret-token"`,
    });
  for (const host of ["discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"]) {
    assert.deepEqual(discord(host), [], host);
  }
  for (const host of ["discord.example", "evil-discord.com", "discord.com.example"]) {
    assertAllFound(discord(host), [
      ["warning delivery.setting", 'route "default" (discord)', "webhook_url", ` ${host},`, "Discord"],
    ]);
    assert.ok(!discord(host)[0]?.message.includes("secret-token"));
  }
  const ntfy = (url: string) => warnings({ config: `[notification]\nservice = "ntfy"\nntfy.topic_url = "${url}"\n` });
  assert.deepEqual(ntfy("https://ntfy.example/topic"), []);
  assert.deepEqual(ntfy("http://127.0.0.1:8080/topic"), []);
  assertAllFound(ntfy("http://ntfy.example/topic"), [
    ["warning delivery.setting", 'route "default" (ntfy)', "topic_url", "plain http"],
  ]);
});
