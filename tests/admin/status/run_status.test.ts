// What `status` says about a store that a real run has left.

import assert from "node:assert/strict";
import { revive } from "../../../src/store/revive.ts";
import { type RouteStatus, statusOf } from "../../../src/admin/status/status_data.ts";
import type { Config } from "../../../src/config/config.ts";
import { readOverview } from "../../../src/store/overview.ts";
import { DOWN, HOUR, MINUTE, response, routes, World } from "../../helpers/world.ts";

/** The status of each route, by its name. */
function routesOf(world: World, config: Config = world.config): ReadonlyMap<string, RouteStatus> {
  const { routes } = statusOf({
    config,
    overview: readOverview(world.paths.deliveriesDatabase),
    unread: {},
    isQueueReadable: true,
    spooled: { count: 0 },
    withoutRoom: [],
    faults: [],
    nowMs: world.clock.nowMs(),
  });
  return new Map(routes.map((route) => [route.name, route]));
}

Deno.test("status shows a removed route as long as it has a pending or a given-up delivery", async () => {
  using world = new World();
  world.config = routes(["a", "b", "kept"]);
  world.login("poison");
  world.login("user1");
  world.answer = ({ url, body }) => {
    if (url.includes("//b.")) return DOWN;
    return url.includes("//a.") && body.includes("'poison'") ? response(400) : response(200, { id: "1" });
  };
  await world.runRepeatedly(HOUR);
  assert.deepEqual(world.counts("a"), { dead: 1, delivered: 1 });
  assert.deepEqual(world.counts("b"), { pending: 2 });
  const left = routes(["kept"]);
  const shown = routesOf(world, left);
  assert.deepEqual([...shown.keys()].toSorted(), ["a", "b", "kept"]);
  assert.equal(shown.get("a")?.dead, 1);
  assert.equal(shown.get("a")?.nextAttemptAtMs, undefined);
  assert.equal(shown.get("a")?.isConfigured, false);

  world.database.exec("DELETE FROM delivery WHERE state <> 'delivered'");
  assert.deepEqual([...routesOf(world, left).keys()], ["kept"]);
});

Deno.test("status names the next attempt of a route: now if it does not pause, else the end of its pause", async () => {
  using world = new World();
  world.login();
  world.answer = () => DOWN;
  // A pause that ends within the run is waited for.
  await world.runRepeatedly(HOUR);
  const nextAttemptAtMs = () => routesOf(world).get("default")?.nextAttemptAtMs ?? NaN;
  const inMs = nextAttemptAtMs() - world.clock.nowMs();
  assert.ok(inMs >= 0 && inMs <= HOUR, `${inMs}`);
  revive(world.database, { route: "default", nowMs: world.clock.nowMs() });
  assert.equal(nextAttemptAtMs(), world.clock.nowMs());
  world.clock.pass(MINUTE);
  assert.equal(nextAttemptAtMs(), world.clock.nowMs());
});
