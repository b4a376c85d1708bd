// One notice that a route cannot deliver blocks no other one, and causes no further notice.

import assert from "node:assert/strict";
import { revive } from "../../src/store/revive.ts";
import type { Exchange } from "../../src/transport/exchange.ts";
import { DAY, DOWN, HOUR, MINUTE, response, routes, World } from "../helpers/world.ts";

const FAILURES: Readonly<Record<string, Exchange>> = {
  "fails on": response(503),
  refuses: response(400),
  "blames the settings for": response(401),
  drops: DOWN,
};

for (const [what, failing] of Object.entries(FAILURES)) {
  Deno.test(`run() delivers the other notices of a route whose service ${what} one of them, and makes no notice about it`, async () => {
    using world = new World();
    world.config = routes(["a", "b", "c"]);
    world.login("user1");
    world.answer = ({ url, body }) => {
      // `a` breaks first, so the notice about it is the older one.
      if (url.includes("//a.")) return response(401);
      if (url.includes("//c.")) return world.clock.monotonicMs() < HOUR ? DOWN : response(401);
      return body.includes('route \\"a\\"') ? failing : response(200, { id: "1" });
    };
    await world.runRepeatedly(2 * DAY, 10 * MINUTE);
    const told = world.messages("//b.");
    assert.ok(told.some((message) => message.includes('route "a"')), told.join("\n"));
    assert.ok(told.some((message) => message.includes('route "c"')), told.join("\n"));
    assert.deepEqual(world.users("//b.").filter((user) => user === "user1"), ["user1"]);
    const other = world.messages().filter((message) => !/^'user1'|route "[ac]"/.test(message));
    assert.deepEqual([...new Set(other)], []);
  });
}

Deno.test("run() sends the other notices before it tries a refused notice again", async () => {
  using world = new World();
  world.config = routes(["a", "b", "c"]);
  world.login("user1");
  let isOpen = false;
  world.answer = ({ url, body }) => {
    if (!url.includes("//b.")) return response(401);
    if (!isOpen) return DOWN;
    return body.includes('route \\"a\\"') ? response(400) : response(200, { id: "1" });
  };
  await world.run();
  isOpen = true;
  world.requests.length = 0;
  revive(world.database, { route: "b", nowMs: world.clock.nowMs() });
  await world.run();
  const about = world.messages("//b.").map((message) => /'user1'|route "(\w)"/.exec(message)?.[1] ?? "the login");
  // The refused notice in both forms.
  assert.deepEqual(about.slice(0, 3), ["a", "a", "c"]);
});

Deno.test("run() never gives up a delivery on a broken route, even if it was retried for almost a week before", async () => {
  using world = new World();
  world.login("user1");
  const breaksAtMs = 7 * DAY;
  world.answer = () => world.clock.monotonicMs() < breaksAtMs ? DOWN : response(401);
  await world.runRepeatedly(20 * DAY, 30 * MINUTE);
  assert.deepEqual(world.states(), ["pending"]);
  world.answer = () => response(200, { id: "1" });
  await world.runRepeatedly(DAY, 30 * MINUTE);
  assert.deepEqual(world.states(), ["delivered"]);
});
