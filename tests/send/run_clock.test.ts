// A wrong clock, pruning, and hostile times silence nothing.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { queuePaths } from "../../src/queue_paths.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { prune } from "../../src/store/prune.ts";
import { beginStore } from "../../src/store/read_again.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { Installation } from "../helpers/program.ts";
import { DAY, World } from "../helpers/world.ts";

const RETENTION_DAYS = 30;

/** A world whose store counts its time, as `send` makes it. */
function begunWorld(): World {
  const world = new World();
  beginStore(world.database, { origin: "first", nowMs: world.clock.nowMs() });
  return world;
}

/** Runs `send` each day, and prunes after each run. */
async function passDays(world: World, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    world.clock.pass(DAY);
    await world.run();
    prune(world.database, { retentionDays: RETENTION_DAYS, nowMs: world.clock.nowMs() });
  }
}

Deno.test("run() delivers new logins after pruning one that was recorded while the clock was a year ahead", async () => {
  using world = begunWorld();
  world.login("user1", { occurredAtMs: world.clock.nowMs() + 365 * DAY });
  await world.run();
  await passDays(world, RETENTION_DAYS + 5);
  assert.deepEqual(
    world.query("SELECT 1 FROM event WHERE user = 'user1' AND type = 'open' AND verdict = 'notify'"),
    [],
  );

  // A new queue database: `send` reads it from its start, and knows none of its events.
  world.inbox.close();
  for (const suffix of ["", "-wal", "-shm"]) Deno.removeSync(`${world.paths.queueDatabase}${suffix}`);
  world.login("user2");
  await world.run();
  assert.deepEqual(world.users(), ["user1", "user2"]);
});

Deno.test("run() does not begin to learn again when the first event is pruned: a new login is urgent", async () => {
  using world = begunWorld();
  const priorities = () => world.requests.map(({ request }) => JSON.parse(request.body).priority);
  world.login("mallory");
  await world.run();
  assert.deepEqual(priorities(), [3], "the host is learning");
  await passDays(world, RETENTION_DAYS + 5);
  assert.deepEqual(world.query("SELECT * FROM event"), []);
  world.login("eve");
  await world.run();
  assert.deepEqual(priorities(), [3, 5]);
});

Deno.test("run() gives up no new event because its route was retried for a week before", async () => {
  using world = begunWorld();
  world.login("user1");
  world.answer = () => ({ kind: "failed", failure: "network", detail: "connection refused" });
  await world.runRepeatedly(6 * DAY, DAY / 48);
  world.login("user2");
  // Until the first event is given up; one more login in each run, so the newest one was not tried before.
  const states = () =>
    new Map(
      world.query("SELECT user, state FROM delivery JOIN event ON event.id = event_id ORDER BY event.id")
        .map(({ user, state }) => [user, state]),
    );
  let last = 2;
  while (states().get("user1") !== "dead" && last < 200) {
    world.login(`user${++last}`);
    await world.run();
    world.clock.pass(DAY / 48);
  }
  const [first, ...others] = states().values();
  assert.equal(first, "dead");
  assert.deepEqual(others, Array(last - 1).fill("pending"));
});

Deno.test("send delivers every login next to records with a time that no clock can show, and stays usable", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "stdout"\n');
  const { queueDatabase, spoolDir } = queuePaths(installation.stateDir);
  const times: readonly (number | bigint)[] = [
    2n ** 62n,
    -(2n ** 62n),
    8.64e15 + 1,
    -8.64e15 - 1,
    Number.MAX_SAFE_INTEGER,
    1e300,
    0.5,
  ];
  Deno.mkdirSync(spoolDir);
  insertEvent(queueDatabase, sessionEvent({ uuid: "one", user: "first" })).close();
  const database = openDatabase(queueDatabase, { busyTimeoutMs: 0 });
  const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?)");
  for (const [index, occurredAtMs] of times.entries()) {
    const event = sessionEvent({ uuid: `hostile-${index}`, user: "hostile", occurredAtMs: Number(occurredAtMs) });
    // SQLite stores no fraction in this column.
    if (typeof occurredAtMs === "bigint" || Number.isSafeInteger(occurredAtMs)) {
      insert.run(event.uuid, occurredAtMs, JSON.stringify(event));
    }
    const spooled = { ...event, uuid: crypto.randomUUID() };
    Deno.writeTextFileSync(`${spoolDir}/${spooled.uuid}.json`, JSON.stringify(spooled));
  }
  database.close();
  insertEvent(queueDatabase, sessionEvent({ uuid: "two", user: "second" })).close();
  const spooled = sessionEvent({ uuid: crypto.randomUUID(), user: "third" });
  Deno.writeTextFileSync(`${spoolDir}/${spooled.uuid}.json`, JSON.stringify(spooled));
  for (let run = 0; run < 2; run++) {
    const { stdout } = await installation.send();
    const users = [...stdout.matchAll(/^'(\w+)'/gm)].map(([, user]) => user).toSorted();
    assert.deepEqual(users, run === 0 ? ["first", "second", "third"] : [], stdout);
  }
});
