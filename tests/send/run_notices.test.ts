// Notices on other routes when a route gives up or breaks: sent until delivered, without endless loops.

import assert from "node:assert/strict";
import { DAY, DOWN, HOUR, MINUTE, response, routes, World } from "../helpers/world.ts";
import { pendingCount } from "../../src/store/next.ts";

Deno.test("run() reports given up deliveries on the other routes, until the notice is delivered, and on the route itself", async () => {
  using world = new World();
  world.config = routes(["a", "b", "c"]);
  for (const user of ["alice", "poison", "poison2"]) world.login(user);
  let isDown = true;
  world.answer = ({ url, body }) => {
    if (url.includes("//a.") && body.includes("'poison")) return response(400, { error: "topic-secret no" });
    return url.includes("//c.") && isDown ? DOWN : response(200, { id: "1" });
  };
  await world.run();
  const told = (host: string) => world.messages(host).filter((message) => message.startsWith("gave up"));
  assert.deepEqual(told("//a.").length, 2);
  assert.match(told("//b.").join(), /^gave up [12] notifications? on route "a": HTTP 400: \[secret\] no \(/);
  isDown = false;
  await world.runRepeatedly(HOUR);
  assert.equal(new Set(told("//c.")).size, 1);
  assert.match(told("//c.").join(), /^gave up 2 notifications on route "a": HTTP 400/);
  assert.equal(pendingCount(world.database), 0);
});

Deno.test("run() never makes a notice about a notice, even if all routes refuse or break", async () => {
  for (const answer of [response(400), response(404)]) {
    using world = new World();
    world.config = routes(["a", "b", "c"]);
    for (let count = 0; count < 3; count++) world.login();
    world.answer = () => answer;
    await world.runRepeatedly(2 * DAY, 10 * MINUTE);
    assert.deepEqual(world.counts(), { pending: 9 });
    // Each has a notice about the other two and, if it refuses, about itself.
    const notices = Number(world.query("SELECT count(*) AS n FROM notice")[0]?.["n"]);
    assert.ok(notices <= 9, `${notices} notices`);
    // Each also has a plain form, which is not another notice.
    const rich = world.messages().filter((message) => !message.startsWith("'") && !message.includes("the log of send"));
    const distinct = new Set(rich);
    assert.ok(distinct.size <= 9, `${distinct.size} notices were made`);
  }
});

Deno.test("run() does not let two intermittent routes report each other indefinitely", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  world.login();
  const asked = new Map<string, number>();
  world.answer = ({ url }) => {
    const count = (asked.get(url) ?? 0) + 1;
    asked.set(url, count);
    return count % 2 === 1 ? response(404) : response(200, { id: "1" });
  };
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(pendingCount(world.database), 0);
  assert.ok(world.requests.length <= 8, `${world.requests.length} requests`);
});

Deno.test("run() reports once that a route is broken, and again if it breaks again", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  let isBroken = true;
  world.answer = ({ url }) =>
    url.includes("//a.") && isBroken ? response(403, { error: "no" }) : response(200, { id: "1" });
  const told = () => world.messages("//b.").filter((message) => !message.startsWith("'"));
  world.login();
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(told().length, 1);
  assert.match(told()[0] ?? "", /^route "a" is broken, its notifications wait until it is fixed: HTTP 403: no \(/);
  isBroken = false;
  await world.runRepeatedly(2 * HOUR, 10 * MINUTE);
  isBroken = true;
  world.login();
  await world.runRepeatedly(DAY, 10 * MINUTE);
  assert.equal(told().length, 2);
});
