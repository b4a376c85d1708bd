// A batch keeps its content, whatever happens to other events of the same route: a receiver that drops duplicates by the
// batch's ID would otherwise lose events.

import assert from "node:assert/strict";
import { pendingCount } from "../../src/store/next.ts";
import { revive } from "../../src/store/revive.ts";
import { parseConfig } from "../../src/config/config.ts";
import { usersOf } from "../helpers/logins.ts";
import { DOWN, HOUR, MINUTE, response, TAMPERED, World } from "../helpers/world.ts";

const WEBHOOK = parseConfig(
  `[notification]\nservice = "webhook"\nwebhook.url = "https://hooks.example/in"\n`,
  { hostName: () => "example.com" },
);

/** The users of the events in each request, by the ID of the request. */
function contents(world: World): ReadonlyMap<string, ReadonlySet<string>> {
  const contents = new Map<string, Set<string>>();
  for (const { request } of world.requests) {
    const { id, data: { text } } = JSON.parse(request.body);
    const users = usersOf(text).join();
    contents.set(id, (contents.get(id) ?? new Set()).add(users));
  }
  return contents;
}

/** Asserts that each ID had one content, and that no event was in two batches. */
function assertUnchanged(world: World): void {
  const all = [...contents(world).values()].map((users) => {
    assert.equal(users.size, 1, [...users].join("; "));
    return [...users].join();
  });
  const users = all.flatMap((one) => one.split(","));
  assert.deepEqual(users.toSorted(), [...new Set(users)].toSorted());
}

Deno.test("run() adds no new event of a user to a batch of the user's urgent events that failed", async () => {
  using world = new World();
  world.config = WEBHOOK;
  const urgent = (numbers: readonly number[]) => {
    for (const number of numbers) world.login("mallory", { ...TAMPERED, terminal: `pts/${number}` });
  };
  urgent([1, 2, 3, 4, 5, 6, 7]);
  world.answer = () => DOWN;
  await world.runRepeatedly(HOUR);
  urgent([8, 9, 10, 11, 12, 13, 14]);
  await world.runRepeatedly(3 * HOUR);
  world.answer = () => response(200);
  await world.runRepeatedly(2 * HOUR);
  assert.equal(pendingCount(world.database), 0);
  const bodies = world.requests.map(({ request }) => JSON.parse(request.body));
  const terminals = new Map<string, Set<string>>();
  for (const { id, data: { events } } of bodies) {
    const what = events.map(({ terminal }: { terminal: string }) => terminal).join();
    terminals.set(what, (terminals.get(what) ?? new Set()).add(id));
  }
  assert.deepEqual([...terminals.keys()], [
    [1, 2, 3, 4, 5, 6, 7].map((number) => `pts/${number}`).join(),
    [8, 9, 10, 11, 12, 13, 14].map((number) => `pts/${number}`).join(),
  ]);
  for (const ids of terminals.values()) assert.equal(ids.size, 1);
});

Deno.test("run() adds no event of a batch that failed to an older event that is retried by hand", async () => {
  using world = new World();
  world.config = WEBHOOK;
  world.login("poison");
  world.login("user1");
  world.answer = ({ body }) => body.includes("poison") ? response(400) : response(200);
  await world.runRepeatedly(HOUR);
  assert.deepEqual(world.states(), ["dead", "delivered"]);

  world.logins(10, { first: 2 });
  world.answer = () => DOWN;
  await world.runRepeatedly(10 * MINUTE);
  revive(world.database, { route: "default", nowMs: world.clock.nowMs() });
  world.answer = () => response(200);
  world.requests.length = 0;
  await world.runRepeatedly(HOUR);
  assert.deepEqual(world.counts(), { delivered: 12 });
  const delivered = [...contents(world).values()].map((users) => [...users].join());
  assert.deepEqual(delivered, ["poison", Array.from({ length: 10 }, (_, index) => `user${index + 2}`).join()]);
});

Deno.test("run() keeps the content of every batch while a route fails, is repaired and fails again", async () => {
  using world = new World();
  world.config = WEBHOOK;
  for (let round = 0; round < 6; round++) {
    world.logins(8, { first: 1 + 8 * round });
    world.answer = () => round % 3 === 2 ? response(200) : DOWN;
    await world.runRepeatedly(20 * MINUTE);
  }
  world.answer = () => response(200);
  await world.runRepeatedly(3 * HOUR);
  assert.deepEqual(world.counts(), { delivered: 48 });
  assertUnchanged(world);
});
