import assert from "node:assert/strict";
import { inspectDelivery } from "../../src/admin/delivery.ts";
import { Findings } from "../../src/admin/finding.ts";
import { QueueBusyError } from "../../src/admin/unread.ts";
import { parseConfig } from "../../src/config/config.ts";
import { InboxError } from "../../src/store/inbox.ts";
import type { RouteOverview } from "../../src/store/overview.ts";
import { SpoolError } from "../../src/store/spool.ts";
import { routeOverview } from "../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;
const POSITION = { lastId: 7, lastUuid: "x" };
const LAST_DELIVERED_AT_MS = NOW_MS - 125 * MINUTE_MS;

function found(
  sources: {
    config?: string;
    routes?: readonly Partial<RouteOverview>[];
    unread?: { count: number; oldestAtMs?: number } | undefined;
    spooled?: { count: number; oldestAtMs?: number };
  },
): string[] {
  const { config = `notification.service = "stdout"`, routes = [{}], spooled = { count: 0 } } = sources;
  const unread = "unread" in sources ? sources.unread : { count: 0 };
  const findings = new Findings();
  inspectDelivery({
    routes: parseConfig(config, { hostName: () => "x" }).routes,
    overview: {
      position: POSITION,
      routes: routes.map((route) => routeOverview({ lastDeliveredAtMs: LAST_DELIVERED_AT_MS, ...route })),
    },
    unread,
    spooled,
    nowMs: NOW_MS,
  }, findings);
  return findings.all.map(({ level, message }) => `${level}: ${message}`);
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
    inspectDelivery({ routes: [], overview: undefined, unread, spooled, nowMs: NOW_MS }, findings);
    const [found] = findings.all.filter(({ level }) => level === "fault");
    assert.equal(found?.message, "x");
    assert.match(found?.mend ?? "", mend);
  }
});

Deno.test("inspectDelivery() tells a route that fails for a while from one that fails for long", () => {
  const failing = { pending: 2, failures: 4, lastError: "HTTP 503" };
  const lines = (minutes: number) =>
    found({ routes: [{ ...failing, oldestPendingAtMs: NOW_MS - minutes * MINUTE_MS }] });
  assert.match(lines(5).at(-1) ?? "", /^warning: 2 deliveries wait on route "default", .* 4 attempts failed: HTTP 503/);
  assert.match(lines(61).at(-1) ?? "", /^fault: 2 deliveries wait .* from 1 h 1 min ago; the last 4 attempts failed/);
});

Deno.test("inspectDelivery() faults a broken route at once, and says where to mend it", () => {
  const broken = { pending: 1, failures: 1, isBroken: true, lastError: "HTTP 404", oldestPendingAtMs: NOW_MS - 1_000 };
  assert.equal(
    found({ routes: [broken] }).at(-1),
    'fault: route "default" is broken: HTTP 404; 1 delivery waits, the oldest from 1 s ago',
  );
  assert.equal(found({ routes: [{ ...broken, pending: 0 }] }).some((line) => line.startsWith("fault")), false);
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
  assert.match(found({ routes: [] })[1] ?? "", /^warning: nothing has been delivered on route "default"/);
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
