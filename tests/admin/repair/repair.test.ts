// After `repair`, whatever the state of queue/, the hook can write and no recorded event is lost. The next repair
// completes one that was killed.

import assert from "node:assert/strict";
import { repairQueue } from "../../../src/admin/repair/repair.ts";
import { insertEvent } from "../../../src/hook/insert.ts";
import { statePaths } from "../../../src/paths.ts";
import { SourceError } from "../../../src/intake/record.ts";
import { Spool } from "../../../src/intake/spool.ts";
import { Inbox, INBOX_START } from "../../../src/intake/inbox.ts";
import { MAX_FOLDER_BYTES } from "../../../src/sqlite/files.ts";
import { openDatabase, pragma } from "../../../src/sqlite/open.ts";
import { readDamagedQueue } from "../../../src/intake/damaged_queues.ts";
import { MUST_RUN } from "../../../.ci/checkout.ts";
import { sessionEvent } from "../../helpers/fixtures.ts";
import { usersOf } from "../../helpers/logins.ts";
import { Installation, LOGIN } from "../../helpers/program.ts";
import { ntfyLike } from "../../helpers/receivers.ts";
import { shortestMs } from "../../helpers/shortest.ts";
import { straceTo } from "../../helpers/strace.ts";
import { pause, waitFor } from "../../helpers/wait_for.ts";

const hasStrace = await Deno.stat("/usr/bin/strace").then(() => true, () => false);

class Queue implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "repair-test-" });
  readonly paths = statePaths(this.directory);
  readonly said: string[] = [];

  constructor() {
    Deno.mkdirSync(this.paths.spoolDir, { recursive: true });
    Deno.mkdirSync(this.paths.sendDir);
    Deno.mkdirSync(this.paths.databaseDir);
    const { queueDir, spoolDir, databaseDir } = this.paths;
    for (const path of [queueDir, spoolDir, databaseDir]) Deno.chmodSync(path, 0o2750);
  }

  insert(...uuids: string[]): void {
    for (const uuid of uuids) insertEvent(this.paths.queueDatabase, sessionEvent({ uuid }));
  }

  /** Checkpoints the log into the database. */
  fold(): void {
    const database = openDatabase(this.paths.queueDatabase, { busyTimeoutMs: 1_000 });
    pragma(database, "wal_checkpoint(TRUNCATE)");
  }

  /** Whether a hook could write. */
  canInsert(uuid: string): boolean {
    try {
      this.insert(uuid);
      return true;
    } catch {
      return false;
    }
  }

  async repair({ force = false, sleep = (_ms: number) => Promise.resolve() } = {}): Promise<void> {
    this.said.length = 0;
    await repairQueue(this.paths, { force, sleep, say: (line) => void this.said.push(line) });
  }

  /** All events that `send` would find, in the database and in the folders of damaged ones. */
  uuids(): string[] {
    const inbox = new Inbox(this.paths);
    const found = inbox.read(INBOX_START, 1_000)?.events ?? [];
    inbox.close();
    const copy = `${this.directory}/copy.db`;
    const aside = this.folders().flatMap((folder) => [...readDamagedQueue(`${folder}/session_events.db`, { copy })]);
    return [...new Set([...found, ...aside].flatMap((event) => event?.uuid ?? []))].sort();
  }

  folders(): string[] {
    return [...Deno.readDirSync(this.paths.queueDir)]
      .filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged"))
      .map(({ name }) => `${this.paths.queueDir}/${name}`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

function overwrite(path: string, position: number, length: number): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(position, Deno.SeekMode.Start);
  file.writeSync(crypto.getRandomValues(new Uint8Array(length)));
}

const replacedBy: Record<string, (path: string) => unknown> = {
  "a folder": (path) => Deno.mkdirSync(path),
  "a folder that is not empty": (path) => (Deno.mkdirSync(path), Deno.writeTextFileSync(`${path}/x`, "")),
  "a FIFO": (path) => new Deno.Command("mkfifo", { args: [path] }).outputSync(),
  "a link": (path) => Deno.symlinkSync("/etc/passwd", path),
  "a link to nothing": (path) => Deno.symlinkSync("/nonexistent/x", path),
  // Renamed, because closing it deletes the log under its name.
  "a socket": (path) => {
    using _listener = Deno.listen({ transport: "unix", path: `${path}-its` });
    Deno.renameSync(`${path}-its`, path);
  },
};

Deno.test("repair does not change an intact queue, and says that it is not damaged", async () => {
  using queue = new Queue();
  queue.insert("a", "b");
  const before = Deno.readFileSync(`${queue.paths.queueDatabase}-wal`);
  await queue.repair();
  assert.deepEqual(queue.said, ["the queue database is not damaged"]);
  assert.deepEqual(Deno.readFileSync(`${queue.paths.queueDatabase}-wal`), before);
  assert.deepEqual(queue.folders(), []);
  queue.insert("c");
  assert.deepEqual(queue.uuids(), ["a", "b", "c"]);
});

Deno.test("repair leaves no -shm file that others can open, after another tool removed it", async () => {
  using queue = new Queue();
  const index = `${queue.paths.queueDatabase}-shm`;
  // Like sqlite3: closing the last connection deletes the log and its index.
  insertEvent(queue.paths.queueDatabase, sessionEvent({ uuid: "a" })).close();
  assert.throws(() => Deno.statSync(index), Deno.errors.NotFound);
  await queue.repair();
  assert.equal((Deno.statSync(index).mode ?? 0) & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(queue.paths.databaseDir)].filter(({ name }) => name.includes("-shm.")), []);
  queue.insert("b");
  assert.equal((Deno.statSync(index).mode ?? 0) & 0o777, 0o600);
  assert.deepEqual(queue.uuids(), ["a", "b"]);
});

Deno.test("repair moves all events of the spool into the database, and leaves other files", async () => {
  using queue = new Queue();
  const { spoolDir } = queue.paths;
  queue.insert("a");
  const uuids = Array.from({ length: 250 }, (_, index) => `spooled ${index}`);
  for (const uuid of uuids) Deno.writeTextFileSync(`${spoolDir}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
  await queue.repair();
  assert.deepEqual(queue.said, [
    "the queue database is not damaged",
    `moved 250 events from "${spoolDir}" into the database`,
  ]);
  assert.deepEqual([...Deno.readDirSync(spoolDir)], []);
  assert.equal((Deno.statSync(spoolDir).mode ?? 0) & 0o7777, 0o2750);
  assert.deepEqual(queue.uuids(), ["a", ...uuids].sort());

  const others: Record<string, string> = {
    "empty.json": "",
    "another name.json": JSON.stringify(sessionEvent({ uuid: "x" })),
    "long.json": JSON.stringify(sessionEvent({ uuid: "long", user: "x".repeat(300_000) })),
    "half.unfinished": "{",
  };
  for (const [name, text] of Object.entries(others)) Deno.writeTextFileSync(`${spoolDir}/${name}`, text);
  for (const replace of ["a folder", "a FIFO", "a link"]) replacedBy[replace]?.(`${spoolDir}/${replace}.json`);
  const names = () => [...Deno.readDirSync(spoolDir)].map(({ name }) => name).sort();
  const before = names();
  Deno.writeTextFileSync(`${spoolDir}/good.json`, JSON.stringify(sessionEvent({ uuid: "good" })));
  await queue.repair();
  assert.deepEqual(names(), before);
  assert.equal(queue.said.at(-2), `moved 1 event from "${spoolDir}" into the database`);
  assert.ok(queue.uuids().includes("good"));
});

Deno.test("repair does nothing if no login was recorded yet", async () => {
  using queue = new Queue();
  await queue.repair();
  assert.deepEqual(queue.said, ["the queue database is not damaged"]);
  assert.ok(queue.canInsert("a"));
});

Deno.test("repair --force moves an intact database aside, and no event is lost", async () => {
  using queue = new Queue();
  queue.insert("a", "b");
  await queue.repair({ force: true });
  assert.equal(queue.folders().length, 1);
  queue.insert("c");
  assert.deepEqual(queue.uuids(), ["a", "b", "c"]);
});

/** Damage to an intact database with the events a, b and c, and those of them that can still be read. */
const DAMAGES: Record<string, { damage: (path: string) => unknown; kept: readonly string[] }> = {
  "its header is garbage": { damage: (path) => overwrite(path, 0, 100), kept: [] },
  "its first page is garbage": { damage: (path) => overwrite(path, 0, 4096), kept: [] },
  "its table has another shape": { damage: sql("ALTER TABLE event RENAME COLUMN record TO text"), kept: [] },
  "a trigger refuses every event": {
    damage: sql("CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END"),
    kept: ["a", "b", "c"],
  },
  "an index that is not ours runs a program": {
    damage: sql("CREATE INDEX program ON event (length(record))"),
    kept: ["a", "b", "c"],
  },
  "an event has a number that is too large": {
    damage: sql("UPDATE event SET id = 9223372036854775800 WHERE uuid = 'c'"),
    kept: ["a", "b", "c"],
  },
  "its index of UUIDs is garbage": { damage: (path) => overwrite(path, 2 * 4096, 4096), kept: ["a", "b", "c"] },
};

function sql(statement: string): (path: string) => void {
  return (path) => {
    const database = openDatabase(path, { busyTimeoutMs: 5_000 });
    database.exec(statement);
    database.close();
  };
}

for (const [what, { damage, kept }] of Object.entries(DAMAGES)) {
  Deno.test(`repair sets the database aside if ${what}, and send finds the events that can be read`, async () => {
    using queue = new Queue();
    queue.insert("a", "b", "c");
    queue.fold();
    damage(queue.paths.queueDatabase);
    await queue.repair();
    assert.match(queue.said[0] ?? "", /^the queue database is damaged: /);
    assert.ok(queue.canInsert("d"));
    assert.deepEqual(queue.uuids(), [...kept, "d"]);
    await queue.repair();
    assert.deepEqual(queue.said, ["the queue database is not damaged"]);
  });
}

for (const suffix of ["", "-wal", "-shm", "-journal"]) {
  Deno.test(`repair sets aside anything else in place of session_events.db${suffix}`, async () => {
    for (const [what, replace] of Object.entries(replacedBy)) {
      using queue = new Queue();
      queue.insert("a", "b");
      if (suffix === "-shm" || suffix === "-journal") queue.fold();
      const path = `${queue.paths.queueDatabase}${suffix}`;
      if (suffix !== "-journal") Deno.removeSync(path);
      replace(path);
      assert.ok(Deno.lstatSync(path), what);
      await queue.repair();
      assert.ok(queue.canInsert("c"), `${what}: ${queue.said.join("; ")}`);
      const found = queue.uuids();
      // Events that were only in the log are gone with it.
      const expected = suffix === "-shm" || suffix === "-journal" ? ["a", "b", "c"] : ["c"];
      assert.ok(expected.every((uuid) => found.includes(uuid)), `${what}: ${found}`);
      assert.equal(Deno.readTextFileSync("/etc/passwd").includes("SQLite"), false);
      await queue.repair();
      assert.deepEqual(queue.said, ["the queue database is not damaged"], what);
    }
  });
}

Deno.test("repair sets aside anything else in place of the database's directory", async () => {
  for (const [what, replace] of Object.entries(replacedBy)) {
    using queue = new Queue();
    Deno.removeSync(queue.paths.databaseDir);
    replace(queue.paths.databaseDir);
    if (what.startsWith("a folder")) continue;
    assert.equal(queue.canInsert("a"), false, what);
    await queue.repair();
    assert.match(queue.said.join("\n"), /db" is not a directory\nmoved the database to /, what);
    assert.ok(queue.canInsert("b"), what);
    assert.deepEqual(queue.uuids(), ["b"], what);
  }
});

Deno.test("repair creates the database's directory if it is missing, after waiting for late hooks", async () => {
  using queue = new Queue();
  Deno.removeSync(queue.paths.databaseDir);
  let waited = 0;
  await queue.repair({ sleep: (ms) => (waited += ms, Promise.resolve()) });
  assert.ok(waited >= 5_000);
  assert.deepEqual(queue.said, [`created "${queue.paths.databaseDir}"`, "the queue database is not damaged"]);
  assert.equal((Deno.statSync(queue.paths.databaseDir).mode ?? 0) & 0o7777, 0o2750);
  assert.ok(queue.canInsert("a"));
});

Deno.test("repair sets aside the database of an earlier release, also after it was killed at any step", async () => {
  for (let step = 0; step < 5; step++) {
    using queue = new Queue();
    queue.insert("a", "b");
    const { queueDir, queueDatabase } = queue.paths;
    for (const suffix of ["", "-wal", "-shm"]) {
      Deno.renameSync(`${queueDatabase}${suffix}`, `${queueDir}/session_events.db${suffix}`);
    }
    const moving = `${queueDir}/old_database`;
    if (step > 0) Deno.mkdirSync(moving);
    for (const suffix of ["", "-wal", "-shm"].slice(0, Math.max(0, step - 1))) {
      Deno.renameSync(`${queueDir}/session_events.db${suffix}`, `${moving}/session_events.db${suffix}`);
    }
    // The new hook does not wait for it.
    assert.ok(queue.canInsert("c"));
    await queue.repair();
    assert.match(queue.said[0] ?? "", /^moved the database of an earlier release to /);
    assert.deepEqual(queue.uuids(), ["a", "b", "c"], `step ${step}`);
    await queue.repair();
    assert.deepEqual(queue.said, ["the queue database is not damaged"], `step ${step}`);
  }
});

Deno.test("repair moves aside anything else in place of the spool, and fixes modes", async () => {
  for (const [what, replace] of Object.entries(replacedBy)) {
    using queue = new Queue();
    queue.insert("a");
    Deno.removeSync(queue.paths.spoolDir);
    replace(queue.paths.spoolDir);
    Deno.chmodSync(queue.paths.queueDatabase, 0o600);
    Deno.chmodSync(`${queue.paths.queueDatabase}-wal`, 0o666);
    Deno.chmodSync(`${queue.paths.queueDatabase}-shm`, 0o640);
    Deno.chmodSync(queue.paths.queueDir, 0o777);
    await queue.repair();
    assert.ok(Deno.lstatSync(queue.paths.spoolDir).isDirectory, what);
    const modes = [
      queue.paths.queueDir,
      queue.paths.spoolDir,
      queue.paths.queueDatabase,
      `${queue.paths.queueDatabase}-wal`,
      `${queue.paths.queueDatabase}-shm`,
    ]
      .map((path) => ((Deno.lstatSync(path).mode ?? 0) & 0o7777).toString(8));
    assert.deepEqual(modes, ["2750", "2750", "640", "640", "600"], what);
    assert.equal(queue.said.at(-1), "the queue database is not damaged");
  }
});

Deno.test("repair keeps hooks from writing to the database, and none of them waits", async () => {
  using queue = new Queue();
  queue.insert("a");
  queue.fold();
  overwrite(queue.paths.queueDatabase, 0, 100);
  let tried = 0;
  await queue.repair({
    sleep: () => {
      const waitedMs = shortestMs(() => assert.equal(queue.canInsert("b"), false));
      assert.ok(waitedMs < 400, `${waitedMs} ms`);
      tried++;
      return Promise.resolve();
    },
  });
  assert.equal(tried, 1);
});

Deno.test("repair loses no login that happens while it runs, and send delivers each once", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  await Deno.mkdir(`${installation.stateDir}/queue/spool`);
  for (const user of ["before-1", "before-2"]) await installation.queue({ ...LOGIN, PAM_USER: user });
  const database = `${installation.stateDir}/queue/db/session_events.db`;
  const users: string[] = [];
  let isOver = false;
  const login = async () => {
    while (!isOver) {
      const user = `user-${users.length}`;
      users.push(user);
      const startedAtMs = performance.now();
      const { code, stderr } = await installation.queue({ ...LOGIN, PAM_USER: user });
      assert.equal(code, 0, stderr);
      assert.ok(performance.now() - startedAtMs < 10_000);
    }
  };
  const logins = Promise.all([login(), login()]);
  await pause(500);
  sql("CREATE TRIGGER no BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END")(database);
  const repaired = await installation.repair("--force");
  await pause(500);
  isOver = true;
  await logins;
  assert.deepEqual([repaired.code, repaired.stderr], [0, ""]);
  assert.match(repaired.stdout, /^moved the database to ".*\/queue\/damaged-\w+"$/m);
  assert.ok(users.length >= 6, `${users.length} logins`);
  // Until no hook can still be writing to the old database.
  await pause(11_000);
  const sent = await installation.send("--verbose");
  assert.equal(sent.code, 0, sent.stderr);
  assert.match(sent.stderr, /recovered \d+ new events? from the damaged/);
  const delivered = ntfy.accepted.flatMap(({ body }) => usersOf(body["message"]));
  for (const user of ["before-1", "before-2", ...users]) {
    assert.equal(delivered.filter((name) => name === user).length, 1, user);
  }
});

Deno.test({
  name: "repair completes a repair that was killed at any system call that changes something, during logins",
  ignore: !hasStrace && !MUST_RUN,
  fn: async () => {
    const calls = [["rename", 1], ["mkdir", 1], ["chmod", 1], ["fsync", 2]] as const;
    const steps = calls.flatMap(([call, count]) =>
      Array.from({ length: count }, (_, index) => [call, index + 1] as const)
    );
    await Promise.all(steps.map(async ([call, number]) => {
      await using installation = await Installation.create();
      await installation.writeConfig(`[notification]\nservice = "stdout"`);
      await Deno.mkdir(`${installation.stateDir}/queue/spool`);
      const login = async (user: string) => {
        const { code, stderr } = await installation.queue({ ...LOGIN, PAM_USER: user });
        assert.equal(code, 0, `${call} ${number}: ${stderr}`);
      };
      await login("before");
      const inject = `inject=${call}:signal=SIGKILL:when=${number}`;
      const strace = [...straceTo(`${installation.directory}/trace`), "-e", `trace=${call}`, "-e", inject];
      const killed = await installation.repairUnder(strace, "--force");
      assert.equal(killed.code, 137, `${call} ${number}: ${killed.stderr}`);
      await login("between");
      const { code, stderr } = await installation.repair();
      assert.deepEqual([code, stderr], [0, ""], `${call} ${number}`);
      await login("after");
      const { queueDir } = statePaths(installation.stateDir);
      const names = [...Deno.readDirSync(queueDir)].filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
      assert.deepEqual(names.filter((name) => !/^spool$|^db$|^damaged-\w+$/.test(name)), [], `${call} ${number}`);
      // Until no hook can still be writing to the old database.
      await pause(11_000);
      const sent = await installation.send();
      const heard = sent.stdout.match(/(?<=^')\w+(?=' \()/gm)?.sort();
      assert.deepEqual([sent.code, heard], [0, ["after", "before", "between"]], `${call} ${number}: ${sent.stderr}`);
    }));
  },
});

Deno.test("repair fails while another repair is running", async () => {
  await using installation = await Installation.create();
  await installation.queue({ ...LOGIN, PAM_USER: "alice" });
  const { queueDir } = statePaths(installation.stateDir);
  const first = installation.repair("--force");
  // It holds the lock until it ends, some seconds later.
  const isMoving = () => [...Deno.readDirSync(queueDir)].some(({ name }) => name.startsWith("damaged-"));
  await waitFor(isMoving, { what: "the first repair moves the database" });
  // The user of send can open the folder, and so lock it.
  using folder = Deno.openSync(queueDir);
  assert.equal(folder.tryLockSync(true), true);
  using lock = Deno.openSync(`${queueDir}/repair.lock`, { write: true });
  assert.equal((lock.statSync().mode ?? 0) & 0o777, 0o600);
  assert.equal(lock.tryLockSync(true), false);
  const { code } = await first;
  assert.equal(code, 0);
  assert.equal(lock.tryLockSync(true), true);
  const second = await installation.repair();
  assert.deepEqual([second.code, second.stderr.split("\n")[0]], [
    75,
    "error: Another repair is running [repair.running]",
  ]);
});

Deno.test("repair fails at once if its lock is not a plain file", async () => {
  for (const [what, make] of Object.entries(replacedBy)) {
    await using installation = await Installation.create();
    await installation.queue({ ...LOGIN, PAM_USER: "alice" });
    make(`${statePaths(installation.stateDir).queueDir}/repair.lock`);
    const { code, stderr } = await installation.repair();
    assert.equal(code, 78, what);
    assert.match(stderr, /repair\.lock" .* \[repair\.lock-unusable\]\n.*rm -r /, what);
  }
});

Deno.test("repair moves the events of both spools into an intact database, and reports files that it left", async () => {
  using queue = new Queue();
  queue.insert("a");
  Deno.mkdirSync(queue.paths.runSpoolDir, { recursive: true });
  const put = (folder: string) => {
    const uuid = crypto.randomUUID();
    Deno.writeTextFileSync(`${folder}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
    return uuid;
  };
  const uuids = Array.from({ length: 130 }, () => put(queue.paths.spoolDir));
  uuids.push(put(queue.paths.runSpoolDir));
  await queue.repair();
  assert.deepEqual(queue.uuids(), ["a", ...uuids].sort());
  assert.deepEqual([...Deno.readDirSync(queue.paths.spoolDir), ...Deno.readDirSync(queue.paths.runSpoolDir)], []);
  assert.match(queue.said.join("\n"), /moved 130 events from ".*" into the database\nmoved 1 event from /);
  Deno.writeTextFileSync(`${queue.paths.spoolDir}/junk.json`, "{}");
  await queue.repair();
  assert.match(queue.said.at(-1) ?? "", /^left 1 file in ".*" that cannot be moved: /);
});

/** Fills a spool with so many files that `send` does not list it, and with these events. */
function fillSpool(folder: string, uuids: readonly string[]): void {
  for (const uuid of uuids) Deno.writeTextFileSync(`${folder}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
  // Each name adds to the size of a directory: its length or more in ext4, 20 bytes in a tmpfs.
  const fill = `n=0; while [ $n -lt 110000 ] && [ $(stat -c %s .) -le ${MAX_FOLDER_BYTES} ]; do
    seq -f %0200.0f $n $((n + 4999)) | xargs touch; n=$((n + 5000)); done`;
  new Deno.Command("sh", { args: ["-c", fill], cwd: folder }).outputSync();
}

Deno.test("repair moves the events of a spool that is too large for send into a new database, and leaves other files", async () => {
  using queue = new Queue();
  const uuids = Array.from({ length: 250 }, () => crypto.randomUUID()).sort();
  fillSpool(queue.paths.spoolDir, uuids);
  assert.throws(() => new Spool(queue.paths.spoolDir).inspect(), SourceError);
  queue.insert("a");
  queue.fold();
  overwrite(queue.paths.queueDatabase, 0, 4096);
  await queue.repair();
  const [aside, ...more] = queue.folders().filter((folder) =>
    queue.said.some((line) => line.includes(`250 events from "${folder}"`))
  );
  assert.ok(aside !== undefined && more.length === 0, queue.said.join("\n"));
  assert.deepEqual(queue.uuids(), uuids);
  assert.deepEqual(new Spool(queue.paths.spoolDir).inspect(), { count: 0 });
  assert.deepEqual([...Deno.readDirSync(aside)].filter(({ name }) => name.endsWith(".json")), []);
  const { queueDatabase } = queue.paths;
  const modes = [queueDatabase, `${queueDatabase}-shm`].map((path) => (Deno.statSync(path).mode ?? 0) & 0o7777);
  assert.deepEqual(modes, [0o640, 0o600]);
  assert.ok(queue.canInsert("b"));
});

Deno.test("repair empties a spool that a repair moved aside before it was killed, and removes it", async () => {
  for (const hasDatabase of [true, false]) {
    using queue = new Queue();
    if (hasDatabase) queue.insert("a");
    const { queueDir, spoolDir } = queue.paths;
    const uuids = Array.from({ length: 3 }, () => crypto.randomUUID()).sort();
    for (const uuid of uuids) {
      Deno.writeTextFileSync(`${spoolDir}/${uuid}.json`, JSON.stringify(sessionEvent({ uuid })));
    }
    Deno.renameSync(spoolDir, `${queueDir}/damaged-20261123T000000Z`);
    Deno.mkdirSync(`${queueDir}/damaged-closed`, { mode: 0 });
    await queue.repair();
    assert.deepEqual(queue.uuids(), [...uuids, ...hasDatabase ? ["a"] : []].sort());
    assert.deepEqual(queue.folders(), [`${queueDir}/damaged-closed`]);
    assert.ok(queue.canInsert("b"));
    await queue.repair();
    assert.equal(queue.said[0], "the queue database is not damaged");
  }
});

Deno.test("repair reports a read-only file system, not a damaged database", {
  ignore: Deno.uid() !== 0 && !MUST_RUN,
}, async () => {
  await using installation = await Installation.create();
  await installation.queue({ ...LOGIN, PAM_USER: "alice" });
  const wrapper = ["unshare", "--mount", "sh", "-c", 'mount -o bind,ro "$0" "$0" && exec "$@"'];
  for (const before of ["no lock", "a lock"]) {
    if (before === "a lock") assert.equal((await installation.repair()).code, 0);
    const { code, stderr, stdout } = await installation.repairUnder([...wrapper, installation.stateDir]);
    assert.equal(code, 78, before);
    assert.match(stderr, / \[repair\.read-only\]\n/, before);
    assert.doesNotMatch(stdout, /damaged/, before);
  }
});
