import assert from "node:assert/strict";
import { statusJson } from "../../../src/admin/status/status_json.ts";
import { statusLines } from "../../../src/admin/status/status_lines.ts";
import { type Status, statusOf, type StatusSources } from "../../../src/admin/status/status_data.ts";
import { parseConfig } from "../../../src/config/config.ts";
import type { RouteOverview } from "../../../src/store/overview.ts";
import { routeOverview } from "../../helpers/fixtures.ts";

const NOW_MS = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;
const CONFIG = parseConfig(`[notification]\nservice = "stdout"`, { hostName: () => "h" });

interface Sources extends Partial<StatusSources> {
  readonly routes?: readonly Partial<RouteOverview>[];
  readonly lastRunAtMs?: number;
}

function statusFrom({ routes = [], lastRunAtMs = NOW_MS - 12_000, ...sources }: Sources): Status {
  const overview = {
    queue: { looks: "x", fault: undefined },
    lastRunAtMs,
    routes: routes.map((route) => routeOverview(route)),
  };
  return statusOf({
    config: CONFIG,
    overview,
    unread: {},
    isQueueReadable: true,
    spooled: { count: 0 },
    withoutRoom: [],
    faults: [],
    nowMs: NOW_MS,
    ...sources,
  });
}

function lines(sources: Sources): string[] {
  return statusLines(statusFrom(sources));
}

Deno.test("a status shows warnings, with hints, and the alarm works in spite of them", () => {
  const warning = { id: "store.backup-failing", message: "no backup", hint: "free space" } as const;
  const status = statusFrom({ warnings: [warning] });
  const [first, ...more] = statusLines(status);
  assert.deepEqual([first, more.at(-1)], ["warning: no backup; hint: free space", "alarm: works"]);
  const json = statusJson(status) as { warnings: unknown; is_alive: boolean };
  assert.deepEqual([json.warnings, json.is_alive], [[warning], true]);
});

Deno.test("statusLines() does not claim that an unreadable queue is empty", () => {
  assert.ok(lines({ unread: undefined, isQueueReadable: false }).includes("queue: cannot be read"));
  assert.ok(lines({ unread: undefined }).includes("queue: no event was ever recorded"));
});

Deno.test("statusLines() shows what is pending on a route, since when, why, and the next attempt", () => {
  const waiting = { pending: 2, oldestPendingAtMs: NOW_MS - 185 * MINUTE_MS, lastDeliveredAtMs: NOW_MS - MINUTE_MS };
  const failing = {
    ...waiting,
    newest: "retry",
    failures: 4,
    lastError: "HTTP 503",
    restsUntilMs: NOW_MS + 12 * MINUTE_MS,
  } as const;
  const table: [route: Partial<RouteOverview>, line: string][] = [
    [{}, "nothing is pending"],
    [waiting, "2 pending, the oldest from 3 h 5 min ago, due now"],
    [failing, "2 pending, the oldest from 3 h 5 min ago, next attempt in 12 min, 4 failed in a row: HTTP 503"],
    [
      { ...failing, newest: "broken", lastError: "HTTP 404" },
      "2 pending, the oldest from 3 h 5 min ago, next attempt in 12 min, broken, correct its settings: HTTP 404",
    ],
    // The clock was set back; send ignores such a time too.
    [{ ...waiting, restsUntilMs: NOW_MS + 9e9 }, "2 pending, the oldest from 3 h 5 min ago, due now"],
    [{ notices: 1 }, "0 pending, 1 notice, due now"],
  ];
  for (const [route, line] of table) {
    assert.equal(lines({ routes: [route] })[1], `route "default" (stdout): ${line}`);
  }
});

Deno.test("statusLines() shows given-up notifications with reasons, and removed routes", () => {
  const deadReasons = [{ reason: "HTTP 400", count: 2 }, { reason: "too \n long", count: 1 }];
  assert.ok(
    lines({ routes: [{ dead: 3, deadReasons }] }).includes(
      'route "default" (stdout): 3 given up (2 for: HTTP 400; 1 for: too \n long); ' +
        "to retry: ssh-session-notifier retry --route default",
    ),
  );
  const gone = lines({ routes: [{ name: "old", pending: 1 }, { name: "forgotten" }] });
  assert.ok(gone.some((line) => /^route "old": not in the configuration, .*retry --route old --to NAME/.test(line)));
  assert.ok(!gone.some((line) => line.includes("forgotten")));
});

Deno.test("statusLines() shows unread events, and continues if a part cannot be read", () => {
  assert.equal(lines({ unread: undefined })[0], "queue: no event was ever recorded");
  assert.equal(
    lines({ unread: { newestAtMs: NOW_MS - MINUTE_MS } })[0],
    "queue: send has yet to read new events, the newest from 1 min ago",
  );
  assert.equal(
    lines({ spooled: { count: 2, oldestAtMs: NOW_MS - MINUTE_MS } })[1],
    "spool: 2 events that the queue database refused, the oldest from 1 min ago; send delivers them too",
  );
  const broken = lines({ config: undefined, faults: ["config.toml: broken"], routes: [{ pending: 1 }] });
  assert.equal(broken[0], "config.toml: broken");
  assert.ok(broken.some((line) => line.startsWith('route "default" (unknown): 1 pending')));
});

Deno.test("statusOf() says whether the alarm works, and why not", () => {
  const old = NOW_MS - 16 * MINUTE_MS;
  const table: [sources: Sources, problems: string[]][] = [
    [{}, []],
    [{ routes: [{ pending: 1, oldestPendingAtMs: NOW_MS - MINUTE_MS, dead: 1 }] }, []],
    // A run may take 10 minutes, and an event may be pending for 15.
    [{ lastRunAtMs: NOW_MS - 25 * MINUTE_MS }, []],
    [{ lastRunAtMs: NOW_MS - 26 * MINUTE_MS }, ["the last run of send ended 26 min ago"]],
    // The clock was set back since.
    [{ lastRunAtMs: NOW_MS + 9e9 }, []],
    [{ overview: undefined }, ["no run of send has ended yet"]],
    [{ unread: { newestAtMs: old } }, ["send does not read the queue"]],
    [{ unread: { newestAtMs: NOW_MS - 6 * MINUTE_MS } }, ["send does not read the queue"]],
    [{ unread: { newestAtMs: NOW_MS - 4 * MINUTE_MS } }, []],
    [
      { spooled: { count: 1, oldestAtMs: NOW_MS - 6 * MINUTE_MS }, lastRunAtMs: NOW_MS - 7 * MINUTE_MS },
      ["send does not read the queue"],
    ],
    // send has read it, but no hook has run since to remove it.
    [{ spooled: { count: 1, oldestAtMs: old }, lastRunAtMs: NOW_MS - MINUTE_MS }, []],
    [{ faults: ["config.toml: broken"], config: undefined }, ["some of the state cannot be read"]],
    [{ withoutRoom: ["/a/queue"] }, ['there is no room in "/a/queue"']],
    [{ routes: [{ newest: "retry" }] }, ['route "default" is failing']],
    [{ routes: [{ newest: "broken" }] }, ['route "default" is broken']],
    [{ routes: [{ newest: "refused" }] }, ['route "default" is broken']],
    [{ routes: [{ newest: "delivered", dead: 3 }] }, []],
    [{ others: ["the hook could not run"] }, ["the hook could not run"]],
    [{ routes: [{ pending: 1, oldestPendingAtMs: old }] }, ['an event on route "default" is overdue']],
    [{ routes: [{ name: "gone", newest: "broken" }] }, []],
  ];
  for (const [sources, problems] of table) {
    const status = statusFrom(sources);
    assert.deepEqual(status.problems.map(({ text }) => text), problems);
    assert.equal(
      statusLines(status).at(-1),
      problems.length === 0 ? "alarm: works" : `alarm: does not work: ${problems.join("; ")}`,
    );
    const json = JSON.parse(JSON.stringify(statusJson(status)));
    assert.deepEqual([json.is_alive, json.problems], [problems.length === 0, problems]);
  }
});
