// What a run reads and writes does not grow with the events that were there before, and `send` that was away catches up.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { Inbox } from "../../src/intake/inbox.ts";
import { statePaths } from "../../src/paths.ts";
import { Intake } from "../../src/send/intake.ts";
import { openDatabase, transaction } from "../../src/sqlite/open.ts";
import { openToWrite } from "../../src/store/open.ts";
import { announceQueueProblems } from "../../src/store/unreadable.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { queueLogins } from "../helpers/logins.ts";
import { World } from "../helpers/world.ts";

/** The most events in the queue: 10,000, and those that are inserted until a hook deletes the oldest. */
const MOST_IN_QUEUE = 10_300;

/** The bytes that this thread reads and writes during `work`, with any system call: see proc_pid_io(5). */
async function bytesOf(work: () => void | Promise<void>): Promise<number> {
  const count = () => {
    const text = Deno.readTextFileSync("/proc/thread-self/io");
    return [...text.matchAll(/^[rw]char: (\d+)/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  };
  const before = count();
  await work();
  return count() - before;
}

/** An installation with this many delivered events in the queue and in the history, as an older release left them. */
function worldWith(events: number): World {
  const world = new World();
  Deno.mkdirSync(world.paths.runSpoolDir, { recursive: true });
  queueLogins(world.paths.queueDatabase, events);
  checkpoint(world.paths.queueDatabase);
  const { database, inbox, paths, clock } = world;
  const intake = new Intake({ database, inbox, paths, clock, log: () => {} });
  while (intake.takeIn());
  database.exec("UPDATE event SET verdict = 'history', is_history = 1 WHERE verdict IS NULL");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  return world;
}

function checkpoint(path: string): void {
  using database = openDatabase(path, { busyTimeoutMs: 1_000 });
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

/** The bytes of each of some runs of `send` that deliver one new event. */
async function bytesOfRuns(events: number): Promise<number[]> {
  using world = worldWith(events);
  const { now } = Date;
  // The queue was checkpointed some seconds ago.
  Date.now = () => now() + 10_000;
  try {
    const bytes: number[] = [];
    for (let run = 0; run < 4; run++) {
      world.login("alice");
      bytes.push(await bytesOf(() => world.run()));
    }
    assert.equal(world.requests.length, 4);
    return bytes;
  } finally {
    Date.now = now;
  }
}

Deno.test("run() of one new event reads and writes as much with 100,000 events as with 100, once it has copied the queue", async () => {
  const few = (await bytesOfRuns(100)).slice(1);
  const many = (await bytesOfRuns(100_000)).slice(1);
  const ratio = Math.max(...many) / Math.max(...few);
  assert.ok(ratio < 1.5, `${ratio}: ${few} ${many}`);
});

Deno.test("send that was away catches up: it reads each event once, and reports those that the queue has dropped", () => {
  const paths = statePaths(Deno.makeTempDirSync({ prefix: "large-queue-test-" }));
  for (const path of [paths.databaseDir, paths.runSpoolDir, paths.sendDir]) Deno.mkdirSync(path, { recursive: true });
  const database = openToWrite(":memory:");
  const clock = new FakeClock();
  const inbox = new Inbox(paths);
  const log: string[] = [];
  const takeIn = () => {
    const intake = new Intake({ database, inbox, paths, clock, log: (_, message) => void log.push(message) });
    while (intake.takeIn());
  };
  let number = 0;
  const next = () => sessionEvent({ uuid: `${++number}`, user: `user${number}` });
  insertEvent(paths.queueDatabase, next());
  using keeper = openDatabase(paths.queueDatabase, { busyTimeoutMs: 1_000 });
  keeper.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF");
  const insert = keeper.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?)");
  /** Inserts events, every 50th with the code of the hook, which checkpoints the log and deletes the oldest events. */
  const logins = (count: number) => {
    for (let left = count; left > 0; left -= 50) {
      transaction(keeper, () => {
        for (let index = 0; index < 49; index++) {
          const event = next();
          // Like the transactions of single events, these fill the log.
          insert.run(event.uuid, event.occurredAtMs, JSON.stringify(event) + " ".repeat(6_000));
        }
      });
      insertEvent(paths.queueDatabase, next());
    }
  };
  const inQueue = () => Number(keeper.prepare("SELECT count(*) AS n FROM event").get()?.["n"]);
  const known = () => Number(database.prepare("SELECT count(*) AS n FROM event").get()?.["n"]);

  logins(1_000);
  takeIn();
  assert.equal(known(), number);
  const away = number;
  logins(9_000);
  takeIn();
  assert.equal(known(), number, "it missed nothing");
  assert.deepEqual(log, [`read ${away} new events`, "read 9000 new events"]);

  const before = number;
  logins(25_000);
  assert.ok(inQueue() <= MOST_IN_QUEUE && inQueue() >= 10_000, `${inQueue()}`);
  const dropped = number - before - inQueue();
  takeIn();
  assert.equal(known(), number - dropped, "each of the others was read");
  assert.equal(log.at(-1), `read ${inQueue()} new events`);
  assert.equal(announceQueueProblems(database, [], clock.nowMs()).dropped, dropped);
  takeIn();
  assert.equal(known(), number - dropped);
  inbox.close();
  Deno.removeSync(paths.queueDir.replace(/\/queue$/, ""), { recursive: true });
});
