// How long a route is paused, whatever the clock does.

import assert from "node:assert/strict";
import { recordVerdict, unjudged } from "../../src/store/events.ts";
import { next } from "../../src/store/next.ts";
import { openToWrite } from "../../src/store/open.ts";
import { believedRest, routeState } from "../../src/store/routes.ts";
import { begin, settle } from "../../src/store/settle.ts";
import { takeInEvents } from "../../src/store/take_in.ts";
import { judgement, sessionEvent } from "../helpers/fixtures.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOW_MS = Date.UTC(2026, 10, 23);

Deno.test("believedRest() is the end of the pause, unless the clock was set back to before its beginning", () => {
  const rest = { restsFromMs: NOW_MS, restsUntilMs: NOW_MS + HOUR_MS };
  const until = (nowMs: number) => believedRest(rest, nowMs);
  for (const nowMs of [NOW_MS, NOW_MS + HOUR_MS - 1]) assert.equal(until(nowMs), rest.restsUntilMs);
  assert.equal(until(NOW_MS + HOUR_MS), 0);
  // A small correction of the clock.
  assert.equal(until(NOW_MS - 1_000), rest.restsUntilMs);
  // A clock that was hours ahead at boot, until the network was up.
  for (const hours of [1, 2, 23, 24 * 365]) assert.equal(until(NOW_MS - hours * HOUR_MS), 0, `${hours} h`);
});

Deno.test("settle() records the pause of the route, whatever the outcome", () => {
  const outcomes = [
    { kind: "delivered" },
    { kind: "retry", reason: "HTTP 503" },
    { kind: "broken", reason: "HTTP 404" },
  ] as const;
  const database = openToWrite(":memory:");
  takeInEvents(database, [sessionEvent()], { horizon: undefined });
  const routes = outcomes.map(({ kind }) => kind);
  for (const { id } of unjudged(database, 1)) recordVerdict(database, judgement(id, { routes }), NOW_MS);
  for (const outcome of outcomes) {
    const route = outcome.kind;
    const batch = next(database, { route, nowMs: NOW_MS, limit: 1 }) ?? assert.fail();
    begin(database, batch, NOW_MS);
    settle(database, batch, { outcome, atMs: NOW_MS, waitMs: HOUR_MS });
    assert.equal(believedRest(routeState(database, route), NOW_MS), NOW_MS + HOUR_MS);
    assert.equal(believedRest(routeState(database, route), NOW_MS - 2 * HOUR_MS), 0);
  }
  database.close();
});
