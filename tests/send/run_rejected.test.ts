// Runs with an event that a service rejects, or fails on: it is found among the others, which it holds up no longer.

import assert from "node:assert/strict";
import { usersOf } from "../helpers/logins.ts";
import { DAY, DOWN, HOUR, MINUTE, response, routes, TAMPERED, World } from "../helpers/world.ts";

Deno.test("run() tries a rejected event once more in its plain form, then goes on with the others", async () => {
  using world = new World();
  for (const user of ["alice", "poison", "bob"]) world.login(user);
  world.answer = ({ body }) => body.includes("poison") ? response(400, { error: "no" }) : response(200, { id: "1" });
  await world.run();
  assert.deepEqual(world.users(), ["alice", "poison", "poison", "bob"]);
  assert.deepEqual(world.requests.map(({ request }) => "title" in JSON.parse(request.body)), [true, true, false, true]);
  assert.deepEqual(world.states(), ["delivered", "dead", "delivered"]);
  assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
});

Deno.test("run() finds the event that a service rejects with few requests, and delivers all others", async () => {
  for (const size of [4, 7, 32]) {
    for (const place of [1, Math.ceil(size / 2), size]) {
      using world = new World();
      const poison = `user${place}'`;
      world.logins(size);
      world.answer = ({ body }) =>
        `${JSON.parse(body).message}`.includes(`'${poison}`)
          ? response(400, { error: "no" })
          : response(200, { id: "1" });
      await world.run();
      assert.deepEqual(world.counts(), { dead: 1, delivered: size - 1 }, `${place} of ${size}`);
      // The whole, two halves of each that is rejected, and the plain form of the last.
      const most = 2 * Math.ceil(Math.log2(size)) + 2;
      assert.ok(world.requests.length <= most, `${world.requests.length} requests for ${place} of ${size}`);
      const plain = world.requests.filter(({ request }) => !("title" in JSON.parse(request.body)));
      assert.deepEqual(plain.map(({ request }) => usersOf(JSON.parse(request.body).message)), [[`user${place}`]]);
      assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
    }
  }
});

Deno.test("run() halves a digest that is too large for the service, after all, and gives nothing up", async () => {
  using world = new World();
  world.logins(100);
  world.answer = ({ body }) => body.length > 1_500 ? response(413, { error: "too large" }) : response(200, { id: "1" });
  await world.run();
  assert.deepEqual(world.counts(), { delivered: 100 });
});

Deno.test("run() goes on with the halves of a rejected digest where a run before it ended", async () => {
  using world = new World();
  world.logins(32);
  world.answer = ({ body }) => {
    if (world.requests.length === 4) throw new Error("killed");
    return body.includes("'user7'") ? response(400) : response(200, { id: "1" });
  };
  await assert.rejects(world.run(), /killed/);
  const before = world.requests.length;
  await world.run();
  assert.deepEqual(world.counts(), { dead: 1, delivered: 31 });
  assert.equal(world.users()[before], world.users()[before - 1], "the part that was under way");
  assert.ok(world.requests.length <= 2 * 5 + 3);
});

Deno.test("run() is not held up by events that a service, or a firewall before it, fails on", async () => {
  for (const failure of [response(500), response(403), DOWN]) {
    using world = new World();
    world.config = { ...routes(["a", "b"]), runDeadlineMs: 30_000 };
    for (const user of ["poison1", "poison2", "intruder"]) world.login(user, TAMPERED);
    world.logins(40);
    world.login("poison3");
    world.answer = ({ url, body }) =>
      url.includes("//a.") && body.includes("'poison") ? failure : response(200, { id: "1" });
    const left = () =>
      world.query("SELECT user FROM delivery JOIN event ON id = event_id WHERE state <> 'delivered' AND user <> 'late'")
        .map(({ user }) => user);
    await world.runRepeatedly(10 * MINUTE);
    assert.equal(left().length, 43, "all but the intruder, who came first");
    // Now and then something comes that gets through: so it is not the route that is at fault.
    for (let hour = 0; hour < 5; hour++) {
      world.login("late");
      await world.runRepeatedly(HOUR, 2 * MINUTE);
    }
    assert.deepEqual(left(), ["poison1", "poison2", "poison3"]);
    assert.ok(world.requests.length < 150, `${world.requests.length} requests`);
    // Told once for each batch that fails, not again and again.
    const told = new Set(world.messages("//b.").filter((message) => !message.startsWith("'")));
    assert.ok(told.size <= 3, [...told].join("\n"));
  }
});

Deno.test("run() finds an event that it fails on in a digest, though nothing else gets through meanwhile", async () => {
  using world = new World();
  world.config = { ...world.config, runDeadlineMs: 30_000 };
  world.logins(30);
  world.login("poison");
  world.answer = ({ body }) => body.includes("'poison") ? response(403) : response(200, { id: "1" });
  await world.runRepeatedly(2 * DAY, 10 * MINUTE);
  assert.deepEqual(world.counts(), { delivered: 30, pending: 1 });
});
