import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type DeliverySources, inspectDelivery } from "../../src/admin/delivery.ts";
import { type Finding, Findings } from "../../src/admin/finding.ts";
import { QueueBusyError } from "../../src/admin/unread.ts";
import { statusOf } from "../../src/admin/status_of.ts";
import { parseConfig } from "../../src/config/config.ts";
import { PROXY_REFUSAL } from "../../src/services/http.ts";
import { InboxError } from "../../src/store/inbox.ts";
import type { RouteOverview } from "../../src/store/overview.ts";
import { SpoolError } from "../../src/store/spool.ts";
import { routeOverview } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;
const POSITION = { lastId: 7, lastUuid: "x" };
const LAST_DELIVERED_AT_MS = NOW_MS - 125 * MINUTE_MS;

interface Sources {
  readonly config?: string;
  readonly routes?: readonly Partial<RouteOverview>[];
  readonly unread?: { count: number; oldestAtMs?: number } | undefined;
  readonly spooled?: { count: number; oldestAtMs?: number };
}

function sourcesOf(sources: Sources): DeliverySources {
  const { config = `notification.service = "stdout"`, routes = [{}], spooled = { count: 0 } } = sources;
  const unread = "unread" in sources ? sources.unread : { count: 0 };
  return {
    ...parseConfig(config, { hostName: () => "x" }),
    overview: {
      position: POSITION,
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

function found(sources: Sources): string[] {
  return findingsOf(sourcesOf(sources)).map(({ level, message }) => `${level}: ${message}`);
}

/** What is at fault, and what to do about it. */
function faultsOf(sources: DeliverySources): string[] {
  return findingsOf(sources).filter(({ level }) => level === "fault").map(({ message, mend }) => `${message}; ${mend}`);
}

Deno.test("inspectDelivery() says when the last delivery was, and that nothing waits", () => {
  assert.deepEqual(found({}), [
    "pass: send has read every event",
    'pass: the last delivery on route "default" was 2 h 5 min ago',
  ]);
});

Deno.test("inspectDelivery() faults a send that does not run", () => {
  assert.match(
    found({ unread: { count: 1, oldestAtMs: NOW_MS - MINUTE_MS } })[0] ?? "",
    /^pass: send has yet to read 1/,
  );
  assert.match(
    found({ unread: { count: 3, oldestAtMs: NOW_MS - 6 * MINUTE_MS } })[0] ?? "",
    /^fault: send has not read 3 events, the oldest from 6 min ago/,
  );
  assert.match(found({ unread: undefined })[0] ?? "", /^warning: no login was ever recorded/);
});

Deno.test("inspectDelivery() says what lies in the spool, and that repair mends what put it there", () => {
  assert.match(
    found({ spooled: { count: 3, oldestAtMs: NOW_MS - 6 * MINUTE_MS } })[1] ?? "",
    /^warning: 3 events lie in the spool, since the queue database refused them, the oldest from 6 min ago/,
  );
  assert.match(
    found({ unread: undefined, spooled: { count: 1 } })[0] ?? "",
    /^warning: 1 event lies in the spool, since the queue database refused it/,
  );
});

Deno.test("inspectDelivery() sends nobody to repair a queue with which nothing is wrong", () => {
  const error = (code: string) => Object.assign(new Error("no"), { code });
  const table: [error: Error, mend: RegExp][] = [
    [new InboxError("x", { cause: new Error("it is not a plain file") }), /^ssh-session-notifier repair$/],
    [new InboxError("x", { cause: error("EIO") }), /^ssh-session-notifier repair$/],
    [new InboxError("x", { cause: error("ENOSPC") }), /^see that the disk has room/],
    [new QueueBusyError("x"), /^end that one$/],
    [new SpoolError("x", { cause: error("EACCES") }), /^ssh-session-notifier repair$/],
  ];
  for (const [fault, mend] of table) {
    const findings = new Findings();
    const spooled = fault instanceof SpoolError ? fault : { count: 0 };
    const unread = fault instanceof SpoolError ? { count: 0 } : fault;
    inspectDelivery({ routes: [], runDeadlineMs: 0, overview: undefined, unread, spooled, nowMs: NOW_MS }, findings);
    const [found] = findings.all.filter(({ level }) => level === "fault");
    assert.equal(found?.message, "x");
    assert.match(found?.mend ?? "", mend);
  }
});

Deno.test("inspectDelivery() faults a route whose last attempt failed, and says what to do", () => {
  const waiting = { pending: 2, oldestPendingAtMs: NOW_MS - 5 * MINUTE_MS };
  const table: [route: Partial<RouteOverview>, line: string | undefined][] = [
    [
      { ...waiting, newest: "retry", failures: 4, lastError: "HTTP 503" },
      'route "default" is failing: the last 4 ' +
      "attempts failed: HTTP 503; 2 deliveries wait, the oldest from 5 min ago; ssh-session-notifier test tries it now",
    ],
    [
      { newest: "retry", failures: 1, lastError: "HTTP 503" },
      'route "default" is failing: the last attempt failed: ' +
      "HTTP 503; nothing waits; ssh-session-notifier test tries it now",
    ],
    [
      { ...waiting, newest: "broken", failures: 1, lastError: "HTTP 404" },
      'route "default" is broken: HTTP 404; 2 ' +
      "deliveries wait, the oldest from 5 min ago; correct its settings in /etc/ssh-session-notifier/config.toml, " +
      "then ssh-session-notifier test",
    ],
    [
      { newest: "refused", failures: 1, lastError: "HTTP 400" },
      'route "default" is broken: HTTP 400; nothing waits; ' +
      "correct its settings in /etc/ssh-session-notifier/config.toml, then ssh-session-notifier test",
    ],
    [
      { newest: "broken", failures: 1, lastError: PROXY_REFUSAL },
      `route "default" is broken: ${PROXY_REFUSAL}; nothing ` +
      "waits; correct the proxy in /etc/ssh-session-notifier/config.toml, then ssh-session-notifier test",
    ],
    [
      { pending: 1, oldestPendingAtMs: NOW_MS - 16 * MINUTE_MS, newest: "delivered" },
      'an event on route "default" is ' +
      "overdue: 1 delivery waits, the oldest from 16 min ago; " +
      "see what send says: journalctl -u ssh-session-notifier (under cron: the system log)",
    ],
    [{ ...waiting, newest: "delivered" }, undefined],
    [{ newest: "delivered", dead: 3 }, undefined],
  ];
  for (const [route, line] of table) {
    assert.deepEqual(faultsOf(sourcesOf({ routes: [route] })), line === undefined ? [] : [line], JSON.stringify(route));
  }
});

// Finding D17: one rule for all who ask.
Deno.test("inspectDelivery() faults exactly what status says keeps the alarm from working", () => {
  const age = fc.constantFrom(0, 4, 6, 14, 16, 24, 26, 61).map((minutes) => NOW_MS - minutes * MINUTE_MS);
  const queued = fc.oneof(fc.constant({ count: 0 }), fc.record({ count: fc.constant(2), oldestAtMs: age }));
  const route = fc.record({
    newest: fc.constantFrom<RouteOverview["newest"]>("none", "delivered", "retry", "broken", "refused"),
    pending: fc.constantFrom(0, 1),
    dead: fc.constantFrom(0, 1),
    oldest: age,
  });
  fc.assert(fc.property(
    route,
    fc.option(age, { nil: undefined }),
    fc.option(queued, { nil: undefined }),
    queued,
    ({ oldest, ...rest }, lastRunAtMs, unread, spooled) => {
      const overview = {
        position: POSITION,
        routes: [routeOverview({ ...rest, ...rest.pending > 0 ? { oldestPendingAtMs: oldest } : {} })],
        ...lastRunAtMs === undefined ? {} : { lastRunAtMs },
      };
      const config = parseConfig(`notification.service = "stdout"`, { hostName: () => "x" });
      const sources = { ...config, overview, unread, spooled, nowMs: NOW_MS };
      const { problems } = statusOf({ ...sources, config, isQueueReadable: true, withoutRoom: [], faults: [] });
      // Except for a send that does not run: see scheduler.test.ts.
      const isAtFault = problems.some(({ kind }) => kind !== "unrun" && kind !== "stopped");
      assert.equal(faultsOf(sources).length > 0, isAtFault, JSON.stringify([problems, faultsOf(sources)]));
    },
  ));
});

Deno.test("inspectDelivery() names deliveries that were given up, and those of a route that has gone", () => {
  assert.match(
    found({ routes: [{ dead: 3 }] }).at(-1) ?? "",
    /^warning: 3 deliveries were given up on route "default"/,
  );
  assert.match(
    found({ routes: [{}, { name: "old", pending: 1 }] }).at(-1) ?? "",
    /^fault: 1 delivery waits for route "old", which is not in the configuration/,
  );
  assert.equal(found({ routes: [{}, { name: "old" }] }).length, 2);
});

Deno.test("inspectDelivery() warns where nothing was delivered yet, and of unwise settings", () => {
  const warnings = (sources: Sources) =>
    findingsOf(sourcesOf(sources)).filter(({ level }) => level === "warning").map(({ message, mend }) => (
      `${message}; ${mend}`
    ));
  const nothing = 'no login has been notified on route "default" (stdout) yet';
  assert.deepEqual(warnings({ routes: [] }), [`${nothing}; ssh-session-notifier test shows whether it works`]);
  // Finding D5: the test has passed, so it is not the route.
  const tested = { lastDeliveredAtMs: undefined, lastTestedAtMs: NOW_MS } as unknown as Partial<RouteOverview>;
  assert.deepEqual(warnings({ routes: [tested] }), [`${nothing}; a test has passed: log in once by ssh`]);
  const discord = (host: string) =>
    found({
      config:
        `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://${host}/api/webhooks/1/secret-token"`,
    }).filter((line) => line.startsWith("warning"));
  for (const host of ["discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"]) {
    assert.deepEqual(discord(host), [], host);
  }
  for (const host of ["discord.example", "evil-discord.com", "discord.com.example"]) {
    assert.deepEqual(discord(host), [
      `warning: route "default" (discord): webhook_url leads to ${host}, which is not a host of Discord`,
    ]);
  }
  const ntfy = (url: string) =>
    found({ config: `[notification]\nservice = "ntfy"\nntfy.topic_url = "${url}"\n` })
      .filter((line) => line.startsWith("warning"));
  assert.deepEqual(ntfy("https://ntfy.example/topic"), []);
  assert.deepEqual(ntfy("http://127.0.0.1:8080/topic"), []);
  assert.match(
    ntfy("http://ntfy.example/topic").join(),
    /plain http: the network can read the notifications, and any token with them$/,
  );
});
