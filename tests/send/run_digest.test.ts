// What a run sends if many events are due: urgent events first, the others together, and a retried digest unchanged.

import assert from "node:assert/strict";
import { MINUTE, response, TAMPERED, World } from "../helpers/world.ts";
import { pendingCount } from "../../src/store/next.ts";

Deno.test("run() sends urgent events first, one by one, a few others likewise, and more as a digest", async () => {
  using world = new World();
  for (const user of ["a", "b", "c"]) world.login(user);
  world.login("intruder", TAMPERED);
  await world.run();
  assert.deepEqual(world.users(), ["intruder", "a", "b", "c"]);
  world.requests.length = 0;

  world.logins(6);
  for (const user of ["intruder", "accomplice"]) world.login(user, TAMPERED);
  await world.run();
  assert.deepEqual(world.users(), ["intruder", "accomplice", "user1,user2,user3,user4,user5,user6"]);
  assert.equal(pendingCount(world.database), 0);
});

Deno.test("run() puts as many events into a digest as the service accepts, each once and in order", async () => {
  using world = new World();
  world.logins(1_000);
  await world.run();
  const users = world.users().flatMap((batch) => batch.split(","));
  assert.deepEqual(users, Array.from({ length: 1_000 }, (_, index) => `user${index + 1}`));
  for (const message of world.messages().slice(0, -4)) {
    const bytes = new TextEncoder().encode(message).length;
    assert.ok(bytes <= 4096 && bytes > 4096 - 200, `${bytes}`);
  }
  assert.ok(world.requests.length < 40, `${world.requests.length} requests`);
});

Deno.test("run() retries a digest unchanged, with its ID, whatever has arrived since", async () => {
  using world = new World();
  world.logins(10);
  world.answer = () => world.requests.length < 3 ? response(503) : response(200, { id: "1" });
  world.config = { ...world.config, runDeadlineMs: 1_000 };
  const ids = () =>
    world.query("SELECT DISTINCT batch FROM delivery WHERE batch IS NOT NULL").map((row) => row["batch"]);
  await world.run();
  const [id] = ids();
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  world.logins(10, { first: 11 });
  for (let runs = 0; runs < 3; runs++) {
    world.clock.pass(2 * MINUTE);
    await world.run();
  }
  const [first, second, other, third] = world.users();
  assert.equal(first?.split(",").length, 10);
  assert.equal(other?.split(",")[0], "user11", "after two failures in a row, another one has its turn");
  assert.deepEqual([second, third], [first, first]);
  assert.deepEqual(ids().length, 2);
  assert.ok(ids().includes(id));
  assert.deepEqual(world.query("SELECT DISTINCT attempts FROM delivery WHERE batch = '" + id + "'"), [{ attempts: 3 }]);
});

Deno.test("run() that ends between a response and its commit repeats that one batch unchanged", async () => {
  using world = new World();
  world.logins(200);
  world.answer = () => {
    if (world.requests.length === 3) throw new Error("killed");
    return response(200, { id: "1" });
  };
  await assert.rejects(world.run(), /killed/);
  world.logins(200, { first: 201 });
  await world.run();
  const batches = world.users();
  assert.equal(batches[3], batches[2]);
  const once = batches.filter((_, index) => index !== 3).flatMap((batch) => batch.split(","));
  assert.deepEqual(once, Array.from({ length: 400 }, (_, index) => `user${index + 1}`));
});
