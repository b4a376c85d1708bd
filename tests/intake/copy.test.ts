// The copy of the queue database that `send` reads: private, and never torn by hooks that write meanwhile.

import assert from "node:assert/strict";
import { sessionEvent } from "../helpers/fixtures.ts";
import { insertEvent } from "../../src/hook/insert.ts";
import { World } from "../helpers/world.ts";

/** The files that this process has open below a directory, even if their names were removed, and their modes. */
function openBelow(directory: string): Map<string, number> {
  const open = new Map<string, number>();
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const path = `/proc/self/fd/${name}`;
    try {
      const target = Deno.readLinkSync(path);
      if (target.startsWith(`${directory}/`)) open.set(target, (Deno.statSync(path).mode ?? 0) & 0o777);
    } catch (error) {
      // The directory's own descriptor, or a file that another test has closed.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return open;
}

Deno.test("send's copy of the queue database is private: it contains the keys and addresses of all users", async () => {
  using world = new World();
  let open = new Map<string, number>();
  world.answer = () => {
    open = openBelow(world.paths.sendDir);
    return { kind: "response", response: { status: 200, headers: {}, body: `{"id":"1"}` } };
  };
  world.login();
  await world.run();
  const copies = [...open].filter(([path]) => path.includes(world.paths.queueCopy));
  assert.ok(copies.length >= 2, [...open.keys()].join());
  for (const [path, mode] of copies) assert.equal(mode & 0o077, 0, `${path} ${mode.toString(8)}`);
});

// A page of the table holds some ten logins: one of these numbers is such that the pages that only the first log has are
// old in the torn copy, and the pages of the second log follow them without a gap.
Deno.test("run() delivers every login if hooks checkpoint the queue's log while it is copied", async () => {
  for (let before = 5; before < 20; before++) {
    using world = new World();
    const { openSync } = Deno;
    let sent = 0;
    const hooks = (count: number) => {
      for (let more = 0; more < count; more++) {
        const user = `user${++sent}`;
        insertEvent(world.paths.queueDatabase, sessionEvent({ uuid: user, user })).close();
      }
    };
    // Keeps the log: closing the last connection would remove it.
    using keeper = insertEvent(world.paths.queueDatabase, sessionEvent({ uuid: "user0", user: "user0" }));
    hooks(before);
    keeper.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    hooks(2);
    let isTorn = false;
    Deno.openSync = (path, options) => {
      // The database is copied, and the log is not: a hook checkpoints it, and others begin a new one.
      if (!isTorn && String(path) === `${world.paths.queueCopy}-wal`) {
        isTorn = true;
        keeper.exec("PRAGMA wal_checkpoint(TRUNCATE)");
        hooks(12);
      }
      return openSync(path, options);
    };
    try {
      await world.run();
      await world.run();
    } finally {
      Deno.openSync = openSync;
    }
    assert.ok(isTorn, "the copy is made in another way: change this test");
    const delivered = world.users().flatMap((users) => users.split(",")).toSorted();
    assert.deepEqual(delivered, Array.from({ length: sent + 1 }, (_, index) => `user${index}`).toSorted(), `${before}`);
    assert.deepEqual(world.logged.filter(([severity]) => severity === "error"), []);
  }
});
