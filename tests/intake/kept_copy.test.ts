// The copy of the queue database is kept between runs. While the database has not changed, only its log is copied; no fault
// hides an event.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { Inbox, INBOX_START } from "../../src/intake/inbox.ts";
import { lookAt } from "../../src/look.ts";
import { statePaths } from "../../src/paths.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { waitFor } from "../helpers/wait_for.ts";

class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "kept-copy-test-" });
  readonly paths = statePaths(this.directory);
  #users = 0;

  constructor() {
    for (const path of [this.paths.databaseDir, this.paths.runSpoolDir, this.paths.sendDir]) {
      Deno.mkdirSync(path, { recursive: true });
    }
    // So that the log is not removed.
    this.login();
  }

  login(): void {
    insertEvent(this.paths.queueDatabase, sessionEvent({ uuid: `${++this.#users}` }));
  }

  /** Writes to the database, as a hook does if the log is long. */
  fold(): void {
    using database = openDatabase(this.paths.queueDatabase, { busyTimeoutMs: 1_000 });
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Reads in a run of its own, and asserts that no event is missing. Returns what identifies the copy. */
  read(): string {
    const inbox = new Inbox(this.paths);
    const read = inbox.read(INBOX_START, 1_000)?.events.map(({ uuid }) => uuid);
    inbox.close();
    assert.deepEqual(read, Array.from({ length: this.#users }, (_, index) => `${index + 1}`));
    return this.copyId();
  }

  /** Like {@link read}, when the last write to the database is long ago. */
  readLater(): string {
    return later(() => this.read());
  }

  copyId(): string {
    const { ino, mtime } = Deno.lstatSync(this.paths.queueCopy);
    return `${ino} ${mtime?.getTime()}`;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Runs `work` when the last write is long ago. */
function later<T>(work: () => T): T {
  return withClockAt(Date.now() + 10_000, work);
}

/** Runs `work` with a clock that has stopped. */
function withClockAt<T>(nowMs: number, work: () => T): T {
  const { now } = Date;
  Date.now = () => nowMs;
  try {
    return work();
  } finally {
    Date.now = now;
  }
}

Deno.test("Inbox.read() copies only the log if only that has changed, in each run", () => {
  using queue = new Queue();
  const id = queue.readLater();
  for (let run = 0; run < 3; run++) {
    queue.login();
    assert.equal(queue.readLater(), id);
  }
});

Deno.test("Inbox.read() copies the database again after a checkpoint, and in the middle of its run", () => {
  using queue = new Queue();
  const inbox = new Inbox(queue.paths);
  const count = () => later(() => inbox.read(INBOX_START, 1_000)?.events.length);
  assert.equal(count(), 1);
  const id = queue.copyId();
  queue.login();
  assert.equal(count(), 2);
  assert.equal(queue.copyId(), id);
  queue.fold();
  queue.login();
  assert.equal(count(), 3);
  assert.notEqual(queue.copyId(), id);
  inbox.close();
});

Deno.test("Inbox.read() does not keep a copy of a database that was written within the last two seconds, or in the future", () => {
  using queue = new Queue();
  const changedAtMs = Deno.statSync(queue.paths.queueDatabase).ctime?.getTime() ?? 0;
  for (const sinceMs of [1_000, -60_000]) {
    withClockAt(changedAtMs + sinceMs, () => queue.read());
    assert.throws(() => Deno.lstatSync(queue.paths.queueCopyNote), Deno.errors.NotFound, `${sinceMs}`);
  }
});

/** What makes a kept copy useless. The names of the files come from the paths. */
const FAULTS: Readonly<Record<string, (paths: Queue["paths"]) => void>> = {
  "is missing": ({ queueCopy }) => Deno.removeSync(queueCopy),
  "is a link": ({ queueCopy, queueDatabase }) => replace(queueCopy, () => Deno.symlinkSync(queueDatabase, queueCopy)),
  "is a FIFO": ({ queueCopy }) => replace(queueCopy, () => makeFifo(queueCopy)),
  "is a directory": ({ queueCopy }) => replace(queueCopy, () => Deno.mkdirSync(queueCopy)),
  "is truncated": ({ queueCopy }) => Deno.truncateSync(queueCopy, 4096),
  "was written to": ({ queueCopy }) => overwrite(queueCopy),
  "was replaced": ({ queueCopy }) => {
    Deno.copyFileSync(queueCopy, `${queueCopy}.other`);
    Deno.renameSync(`${queueCopy}.other`, queueCopy);
  },
  "has the files of a run that was killed": ({ queueCopy }) => {
    for (const suffix of ["-wal", "-shm", "-journal"]) {
      Deno.writeTextFileSync(`${queueCopy}${suffix}`, "x".repeat(9_000));
    }
  },
  "has no note": ({ queueCopyNote }) => Deno.removeSync(queueCopyNote),
  "has an incomplete note": ({ queueCopyNote }) => Deno.truncateSync(queueCopyNote, 10),
  "has a huge note": ({ queueCopyNote }) => Deno.truncateSync(queueCopyNote, 1024 ** 4),
  "has a link as its note": ({ queueCopyNote }) =>
    replace(queueCopyNote, () => Deno.symlinkSync("/none", queueCopyNote)),
  "has a directory as its note": ({ queueCopyNote }) => {
    Deno.removeSync(queueCopyNote);
    Deno.mkdirSync(`${queueCopyNote}/full`, { recursive: true });
  },
  "has a FIFO as its note": ({ queueCopyNote }) => replace(queueCopyNote, () => makeFifo(queueCopyNote)),
  "is of another database": ({ queueDatabase }) => {
    Deno.copyFileSync(queueDatabase, `${queueDatabase}.other`);
    Deno.renameSync(`${queueDatabase}.other`, queueDatabase);
  },
  "is from before a boot": ({ runSpoolDir }) => {
    Deno.removeSync(runSpoolDir);
    Deno.mkdirSync(runSpoolDir);
  },
  "may be from before a boot": ({ runSpoolDir }) => Deno.removeSync(runSpoolDir),
};

function replace(path: string, make: () => void): void {
  Deno.removeSync(path);
  make();
}

function makeFifo(path: string): void {
  assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
}

function overwrite(path: string): void {
  using file = Deno.openSync(path, { write: true });
  file.writeSync(new Uint8Array(8192));
}

for (const [fault, make] of Object.entries(FAULTS)) {
  Deno.test(`Inbox.read() reads every event if the kept copy ${fault}`, () => {
    using queue = new Queue();
    queue.fold();
    queue.login();
    queue.readLater();
    queue.login();
    make(queue.paths);
    queue.readLater();
    queue.login();
    queue.readLater();
  });
}

Deno.test("Inbox.read() copies everything again after an error: the kept copy may be what is damaged", () => {
  using queue = new Queue();
  queue.fold();
  queue.readLater();
  const { queueCopy, queueCopyNote, runSpoolDir } = queue.paths;
  overwrite(queueCopy);
  // As if the disk had damaged it without a write.
  const [source] = Deno.readTextFileSync(queueCopyNote).split("\n");
  Deno.writeTextFileSync(queueCopyNote, `${source}\n${lookAt([queueCopy, runSpoolDir]).text}`);
  queue.login();
  assert.throws(() => queue.readLater(), /Cannot read the queue database/);
  queue.readLater();
});

Deno.test("Inbox.read() does not read a log that was reset since the database was copied", () => {
  using queue = new Queue();
  queue.readLater();
  queue.login();
  queue.fold();
  queue.login();
  queue.readLater();
});

Deno.test("Inbox.read() reads every event if hooks checkpoint the log between its look at the database and its copy of the log", () => {
  // How many pages the old log and the new one have in common varies with the number of logins.
  for (let logins = 1; logins < 15; logins++) {
    using queue = new Queue();
    queue.fold();
    queue.readLater();
    for (let login = 0; login < logins; login++) queue.login();
    const { openSync } = Deno;
    let isTorn = false;
    Deno.openSync = (path, options) => {
      if (!isTorn && String(path) === `${queue.paths.queueCopy}-wal`) {
        isTorn = true;
        queue.fold();
        for (let login = 0; login < 12; login++) queue.login();
      }
      return openSync(path, options);
    };
    try {
      queue.readLater();
    } finally {
      Deno.openSync = openSync;
    }
    assert.ok(isTorn, "the copy is made in another way: change this test");
  }
});

Deno.test("Inbox.read() reads every event if another user resets the time of the database", async () => {
  using queue = new Queue();
  queue.fold();
  queue.login();
  const { mtime } = Deno.lstatSync(queue.paths.queueDatabase);
  const id = queue.readLater();
  // A copy is kept if the last write is two seconds ago: the time of a change, which can't be set, has whole seconds.
  await waitFor(() => Date.now() > (mtime?.getTime() ?? 0) + 2_000, { what: "two seconds" });
  queue.fold();
  Deno.utimeSync(queue.paths.queueDatabase, 0, mtime ?? 0);
  queue.readLater();
  assert.notEqual(queue.copyId(), id);
});

Deno.test("Inbox.read() reads every event after a run that was killed at any step", () => {
  let step = 0;
  for (let isKilled = true; isKilled; step++) {
    using queue = new Queue();
    queue.readLater();
    queue.login();
    // Every other time, the killed run copies the database too.
    for (const folds of [false, true]) {
      if (folds) queue.fold();
      queue.login();
      const inbox = new Inbox(queue.paths);
      isKilled = killedAt(step, () => later(() => inbox.read(INBOX_START, 1_000)));
      inbox.close();
      queue.readLater();
      queue.login();
      queue.readLater();
    }
  }
  assert.ok(step > 20, `${step} steps`);
});

/**
 * Runs `work`, and makes all calls to the file system fail from one on, as if the process had been killed.
 *
 * @returns whether it was reached
 */
function killedAt(step: number, work: () => void): boolean {
  const names = ["lstatSync", "statSync", "removeSync", "openSync", "writeTextFileSync", "readTextFileSync"] as const;
  const real = names.map((name) => [name, Deno[name]] as const);
  let count = 0;
  for (const [name, call] of real) {
    Object.assign(Deno, {
      [name]: (...args: unknown[]) => {
        if (count++ >= step) throw new Error("killed");
        return Reflect.apply(call, Deno, args);
      },
    });
  }
  try {
    work();
    return false;
  } catch (error) {
    assert.match(String(error), /killed/);
    return true;
  } finally {
    Object.assign(Deno, Object.fromEntries(real));
  }
}
