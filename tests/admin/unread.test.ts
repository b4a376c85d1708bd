// Other commands learn from the queue's files alone whether `send` has read the queue.

import assert from "node:assert/strict";
import { readUnread } from "../../src/admin/unread.ts";
import { SourceError } from "../../src/intake/record.ts";
import { beginStore } from "../../src/store/read_again.ts";
import { readOverview } from "../../src/store/overview.ts";
import { World } from "../helpers/world.ts";

Deno.test("readUnread() knows whether send has read every event, and when the newest unread one was recorded", async () => {
  using world = new World();
  const { paths } = world;
  beginStore(world.database, { origin: "first", nowMs: world.clock.nowMs() });
  const unread = () => readUnread(paths, readOverview(paths.deliveriesDatabase));
  assert.equal(unread(), undefined);
  world.login("alice");
  assert.ok(Math.abs((unread()?.newestAtMs ?? 0) - Date.now()) < 60_000);
  await world.run();
  assert.deepEqual(unread(), {});
  await world.run();
  assert.deepEqual(unread(), {});
  world.login("bob");
  assert.notDeepEqual(unread(), {});
  await world.run();
  assert.deepEqual(unread(), {});
  // Without a store, nothing is known to be read.
  assert.notDeepEqual(readUnread(paths, undefined), {});
});

Deno.test("readUnread() says which file it cannot examine", async () => {
  using world = new World();
  world.login("alice");
  await Deno.remove(world.paths.databaseDir, { recursive: true });
  await Deno.writeTextFile(world.paths.databaseDir, "");
  assert.throws(() => readUnread(world.paths, undefined), SourceError);
});
