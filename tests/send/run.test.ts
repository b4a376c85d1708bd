// A whole run with a real store and a real queue database: each event is sent once, to the right routes.

import assert from "node:assert/strict";
import type { Exchange } from "../../src/transport/exchange.ts";
import { openDatabase, transaction } from "../../src/sqlite/open.ts";
import { queueLogins, usersOf } from "../helpers/logins.ts";
import { DOWN, MINUTE, response, routes, TAMPERED, World } from "../helpers/world.ts";
import { waitFor } from "../helpers/wait_for.ts";
import { pendingCount } from "../../src/store/next.ts";
import { inboxPosition, takeInUnrecorded } from "../../src/store/take_in.ts";

Deno.test("run() delivers each event once, the oldest first, and makes no request if nothing is due", async () => {
  using world = new World();
  await world.run();
  assert.equal(world.requests.length, 0);
  for (const user of ["alice", "bob", "carol"]) world.login(user);
  await world.run();
  await world.run();
  assert.deepEqual(world.users(), ["alice", "bob", "carol"]);
  assert.deepEqual(world.states(), ["delivered", "delivered", "delivered"]);
  assert.equal(pendingCount(world.database), 0);
});

Deno.test("run() delivers events that arrive while it works", async () => {
  using world = new World();
  world.login("alice");
  world.answer = () => {
    if (world.requests.length === 1) world.login("bob");
    return response(200, { id: "1" });
  };
  await world.run();
  assert.deepEqual(world.users(), ["alice", "bob"]);
});

Deno.test("run() ends at its deadline or on a signal, after the request in flight is settled", async () => {
  using world = new World();
  for (let count = 0; count < 3; count++) world.login();
  world.answer = () => {
    world.clock.pass(6 * MINUTE);
    return response(200, { id: "1" });
  };
  await world.run(); // 10 minutes
  assert.deepEqual(world.states(), ["delivered", "delivered", "pending"]);

  world.answer = () => {
    world.stop.abort();
    return response(200, { id: "1" });
  };
  for (let count = 0; count < 2; count++) world.login();
  await world.run();
  assert.deepEqual(world.states(), ["delivered", "delivered", "delivered", "pending", "pending"]);
});

Deno.test("run() logs no secret", async () => {
  using world = new World();
  world.login();
  world.answer = () => ({
    kind: "failed",
    failure: "network",
    detail: "cannot reach https://ntfy.example/topic-secret",
  });
  await world.run();
  assert.ok(world.logged.length > 0);
  assert.doesNotMatch(JSON.stringify(world.logged), /topic-secret/);
});

Deno.test("run() sends each route the events that it asks for", async () => {
  using world = new World();
  world.config = routes(
    ["all"],
    `[routes.opens]\nservice = "ntfy"\ntopic_url = "https://opens.example/t"\nevents = ["open"]\n` +
      `[routes.oncall]\nservice = "ntfy"\ntopic_url = "https://oncall.example/t"\nnotify = "unexpected"\n`,
  );
  world.login("alice");
  world.login("bob", { type: "close" });
  world.login("intruder", TAMPERED);
  await world.run();
  assert.deepEqual(world.users("//all."), ["intruder", "alice", "bob"]);
  assert.deepEqual(world.users("//opens."), ["intruder", "alice"]);
  assert.deepEqual(world.users("//oncall."), ["intruder"]);
});

Deno.test("run() lets no route delay another, whatever its outcome", async () => {
  using world = new World();
  world.config = routes(["down", "broken", "limited", "hanging", "refusing", "fine"]);
  world.logins(20);
  const { promise: hangs, resolve: endIt } = Promise.withResolvers<Exchange>();
  world.answer = ({ url }) => {
    if (url.includes("//down.")) return DOWN;
    if (url.includes("//broken.")) return response(401);
    if (url.includes("//limited.")) return response(429, {}, { "retry-after": "3600" });
    if (url.includes("//refusing.")) return response(422);
    return url.includes("//hanging.") ? hangs : response(200, { id: "1" });
  };
  const running = world.run();
  const becomes = async (route: string, expected: unknown) => {
    const isSo = () => JSON.stringify(world.counts(route)) === JSON.stringify(expected);
    await waitFor(isSo, { what: `${route}: ${JSON.stringify(expected)}` });
  };
  await becomes("fine", { delivered: 20 });
  for (const name of ["down", "broken", "limited", "hanging", "refusing"]) await becomes(name, { pending: 20 });
  world.stop.abort();
  endIt(DOWN);
  await running;
});

Deno.test("run() delivers between pages while intake continues and events keep arriving", async () => {
  using world = new World();
  world.logins(5_000);
  const positions: number[] = [];
  world.answer = () => {
    positions.push(inboxPosition(world.database).lastId);
    if (world.requests.length < 10) queueLogins(world.paths.queueDatabase, 500);
    if (world.requests.length === 20) world.stop.abort();
    return response(200, { id: "1" });
  };
  await world.run();
  assert.ok((positions[0] ?? Infinity) < 5_000, `${positions}`);
  assert.equal(world.requests.length, 20, "told to end, it ended");
});

Deno.test("run() reports once that the queue has dropped events that were not read, and delivers the others", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  world.login("alice");
  await world.run();
  for (const user of ["bob", "carol", "dave"]) world.login(user);
  const database = openDatabase(world.paths.queueDatabase, { busyTimeoutMs: 1_000 });
  database.exec("DELETE FROM event WHERE id <= 3");
  database.close();
  await world.run();
  await world.run();
  for (const host of ["//a.", "//b."]) {
    const messages = world.messages(host);
    const notices = messages.filter((message) => message.startsWith("lost 2 events, which may include logins"));
    assert.equal(notices.length, 1, messages.join("\n"));
    assert.deepEqual(messages.filter((message) => !notices.includes(message)).map((text) => usersOf(text).join()), [
      "alice",
      "dave",
    ]);
  }
  const errors = world.logged.filter(([severity]) => severity === "error").map(([, message]) => message);
  assert.deepEqual(errors, ["2 events had been deleted from the full queue before send read them"]);
});

Deno.test("run() reports any number of unreadable records in one notice, and delivers the valid ones", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  const spoil = (count: number) => {
    const database = openDatabase(world.paths.queueDatabase, { busyTimeoutMs: 1_000 });
    const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, 0, '{}')");
    transaction(database, () => {
      for (let row = 0; row < count; row++) insert.run(crypto.randomUUID());
    });
    database.close();
  };
  world.login("alice");
  spoil(3_000);
  world.login("bob");
  await world.run();
  for (const host of ["//a.", "//b."]) {
    const messages = world.messages(host);
    const notices = messages.filter((message) => message.includes("cannot be read"));
    assert.deepEqual(notices.map((text) => text.split(" ", 1)[0]), ["3000"]);
    assert.deepEqual(messages.filter((message) => !notices.includes(message)).map((text) => usersOf(text).join()), [
      "alice",
      "bob",
    ]);
  }
  const toldBefore = world.requests.length;
  spoil(1);
  await world.run();
  assert.equal(world.requests.length, toldBefore, "within the hour");
  world.clock.pass(61 * MINUTE);
  await world.run();
  const last = world.messages("//a.").at(-1) ?? "";
  assert.match(last, /^1 record in the queue cannot be read .*hint: run ssh-session-notifier check/);
});

Deno.test("run() reports once on every route that the file of the last resort is full", async () => {
  using world = new World();
  world.config = routes(["a", "b"]);
  const position = { file: "f", offset: 1 };
  takeInUnrecorded(world.database, { events: [], unreadable: 0, position, isNewFile: true, isFull: true });
  await world.run();
  takeInUnrecorded(world.database, { events: [], unreadable: 0, position, isNewFile: false, isFull: true });
  await world.run();
  assert.equal(world.requests.length, 2);
  for (const message of world.messages()) assert.match(message, /^logins may be missing: .*hint: run ssh-session/);
});
