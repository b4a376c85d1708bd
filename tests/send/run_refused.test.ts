// Runs with an event that a service refuses or fails on: it is found, and no longer delays the others.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { usersOf } from "../helpers/logins.ts";
import { DAY, DOWN, HOUR, MINUTE, response, routes, TAMPERED, World } from "../helpers/world.ts";
import { pendingCount } from "../../src/store/next.ts";

const POISON = response(400, { error: "no" });
const FINE = response(200, { id: "1" });

Deno.test("run() tries other events after a refused one, and gives it up only if it is refused again", async () => {
  using world = new World();
  for (const user of ["alice", "poison", "bob", "carol"]) world.login(user, TAMPERED);
  world.answer = ({ body }) => body.includes("'poison'") ? POISON : FINE;
  await world.run();
  const [told = "", ...more] = world.users().filter((text) => !/^[a-z]+$/.test(text));
  assert.deepEqual(more, []);
  assert.match(told, /^gave up 1 notification on route "default": HTTP 400: no \(/);
  // Each time in its rich form, then in its plain form; then the notice, and only then routine events.
  assert.deepEqual(world.users(), ["alice", "poison", "poison", "bob", "poison", "poison", "carol", told]);
  const isRich = world.requests.map(({ request }) => "title" in JSON.parse(request.body));
  assert.deepEqual(isRich, [true, true, false, true, true, false, true, true]);
  assert.deepEqual(world.states(), ["delivered", "dead", "delivered", "delivered"]);
  assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
});

Deno.test("run() finds that a single event is at fault, because the notice about it is delivered", async () => {
  using world = new World();
  world.login("poison");
  world.answer = ({ body }) => body.includes("'poison'") ? POISON : FINE;
  await world.run();
  assert.deepEqual(world.states(), ["dead"]);
  assert.equal(world.requests.length, 6);
  const told = world.messages().filter((message) => !message.startsWith("'"));
  assert.match(told[0] ?? "", /^route "default" works, but its service refused a notification: HTTP 400: no \(/);
  assert.match(told[1] ?? "", /^gave up 1 notification on route "default": HTTP 400: no \(/);
  assert.equal(told.length, 2);
  assert.equal(pendingCount(world.database), 0);
  assert.deepEqual(world.query("SELECT newest, failures FROM route"), [{ newest: "delivered", failures: 0 }]);
});

Deno.test("run() handles a service that quotes the refused content: the plain notice does not contain it", async () => {
  using world = new World();
  for (const user of ["poison1", "poison2", "poison3", "root", "bob"]) world.login(user, TAMPERED);
  world.login("alice");
  world.answer = ({ body }) => body.includes("poison") ? response(400, { error: "bad word: 'poison1'" }) : FINE;
  await world.run();
  assert.deepEqual(world.states(), ["dead", "dead", "dead", "delivered", "delivered", "delivered"]);
  assert.equal(pendingCount(world.database), 0);
  assert.deepEqual(world.query("SELECT newest FROM route"), [{ newest: "delivered" }]);
  const told = world.messages().filter((message) => message.includes("default") && !message.includes("poison"));
  assert.match(
    told[0] ?? "",
    /^route "default" works, but its service refused a notification; the log of send says why \(/,
  );
});

// Finding A2: each event was dead after two requests, 300 of them in 44 s.
Deno.test("run() gives nothing up while everything is refused, retries rarely, and delivers all once it works", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  world.logins(300);
  world.answer = ({ url }) => url.includes("//a.") ? POISON : FINE;
  await world.run();
  assert.deepEqual(world.counts("a"), { pending: 300 });
  const asked = () => world.requests.filter(({ request }) => request.url.includes("//a.")).length;
  assert.ok(asked() <= 22, `${asked()} requests in the first run`);
  await world.runRepeatedly(3 * DAY, 30 * MINUTE);
  assert.deepEqual(world.counts("a"), { pending: 300 });
  assert.ok(asked() <= 3 * 24 * 3, `${asked()} requests in 3 days`);
  const told = new Set(world.messages("//b.").filter((message) => !message.startsWith("'")));
  assert.equal(told.size, 1);
  assert.match([...told].join(), /^route "a" is broken, .*: HTTP 400: no \(/);
  world.answer = () => FINE;
  const before = asked();
  await world.runRepeatedly(2 * HOUR);
  assert.deepEqual(world.counts(), { delivered: 600 });
  assert.equal(pendingCount(world.database), 0);
  assert.ok(asked() - before < 20, `${asked() - before} requests once it worked`);
});

Deno.test("run() tries refused events at once after a change of the settings, and forgets the refusals", async () => {
  using world = new World();
  world.login("alice");
  world.login("bob");
  world.answer = () => POISON;
  await world.run();
  assert.deepEqual(world.counts(), { pending: 2 });
  await world.runRepeatedly(5 * HOUR, 10 * MINUTE);
  const before = world.requests.length;
  world.config = parseConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "https://ntfy.example/other"\n`, {
    hostName: () => "h",
  });
  world.answer = () => FINE;
  await world.run();
  assert.deepEqual(world.counts(), { delivered: 2 });
  assert.equal(world.requests.length - before, 3, "the events, and what the route has to tell of itself");
});

Deno.test("run() finds a refused event with few requests, and delivers all others", async () => {
  for (const size of [4, 7, 32]) {
    for (const place of [1, Math.ceil(size / 2), size]) {
      using world = new World();
      const poison = `user${place}'`;
      world.logins(size);
      world.answer = ({ body }) => `${JSON.parse(body).message}`.includes(`'${poison}`) ? POISON : FINE;
      await world.run();
      assert.deepEqual(world.counts(), { dead: 1, delivered: size - 1 }, `${place} of ${size}`);
      // Each refused digest and its halves; then the event alone, twice in two forms, and up to two notices.
      const most = 2 * Math.ceil(Math.log2(size)) + 1 + 4 + 2;
      assert.ok(world.requests.length <= most, `${world.requests.length} requests for ${place} of ${size}`);
      const plain = world.requests.filter(({ request }) => !("title" in JSON.parse(request.body)));
      const alone = [`user${place}`];
      assert.deepEqual(plain.map(({ request }) => usersOf(JSON.parse(request.body).message)), [alone, alone]);
      assert.equal(world.logged.filter(([severity]) => severity === "error").length, 1);
    }
  }
});

Deno.test("run() halves a digest that turns out too large for the service, and gives nothing up", async () => {
  using world = new World();
  world.logins(100);
  world.answer = ({ body }) => body.length > 1_500 ? response(413, { error: "too large" }) : response(200, { id: "1" });
  await world.run();
  assert.deepEqual(world.counts(), { delivered: 100 });
});

Deno.test("run() continues with the halves of a refused digest after an earlier run has ended", async () => {
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
  assert.ok(world.requests.length <= 2 * 5 + 1 + 4 + 2 + 1, `${world.requests.length} requests`);
});

Deno.test("run() is not blocked by events that a service or a firewall fails on", async () => {
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
    // Some messages are delivered, so the route is not at fault.
    for (let hour = 0; hour < 5; hour++) {
      world.login("late");
      await world.runRepeatedly(HOUR, 2 * MINUTE);
    }
    assert.deepEqual(left(), ["poison1", "poison2", "poison3"]);
    assert.ok(world.requests.length < 150, `${world.requests.length} requests`);
    // One notice for each batch that fails, not one for each attempt.
    const told = new Set(world.messages("//b.").filter((message) => !message.startsWith("'")));
    assert.ok(told.size <= 3, [...told].join("\n"));
  }
});

Deno.test("run() finds a failing event in a digest, even if nothing else is delivered meanwhile", async () => {
  using world = new World();
  world.config = { ...world.config, runDeadlineMs: 30_000 };
  world.logins(30);
  world.login("poison");
  world.answer = ({ body }) => body.includes("'poison") ? response(403) : response(200, { id: "1" });
  await world.runRepeatedly(2 * DAY, 10 * MINUTE);
  assert.deepEqual(world.counts(), { delivered: 30, pending: 1 });
});
