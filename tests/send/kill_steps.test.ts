// `send` killed by SIGKILL at each system call that changes its files: while it reads and delivers events, backs up its
// store, restores a damaged one, or imports the Go program's database. The next run completes the work without manual action.
//
// By default at an eighth of the calls that sync or move a file, and at some of the writes in between; at every one with
// KILL_POINTS=all: see helpers/kill_points.ts.

import assert from "node:assert/strict";
import { openDatabase } from "../../src/sqlite/open.ts";
import { MUST_RUN } from "../../.ci/checkout.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";
import { fillOldStore } from "../helpers/old_store.ts";
import { sampleOf, sweep } from "../helpers/kill_points.ts";

const hasStrace = await Deno.stat("/usr/bin/strace").then(() => true, () => false);

/** The share of the writes that is tried by default: there are many, and most differ only in their place. */
const SHARE_OF_WRITES = 1 / 100;

/** Calls that count only for the files of `send`: Deno also writes a cache, which the compiled program does not. */
const ON_ITS_FILES = ["fsync", "fdatasync", "ftruncate", "unlink", "pwrite64"];

/** Calls that only `send` makes. */
const ANYWHERE = ["rename", "mkdir"];

const CONFIG = `[notification]\nservice = "stdout"`;

/** A state, and the users whose events must be delivered in the end. */
interface Scenario {
  readonly prepare: (installation: Installation) => Promise<void>;
  readonly heardOf: readonly string[];
  /** Users whose events were delivered before, and must not be again. */
  readonly notAgain: readonly string[];
}

async function login(installation: Installation, ...users: string[]): Promise<void> {
  for (const user of users) {
    assert.equal((await installation.queue({ ...LOGIN, PAM_USER: user })).code, 0);
  }
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "takes in and delivers": {
    prepare: async (installation) => {
      await login(installation, "alice", "bob");
      await installation.spool("carol");
    },
    heardOf: ["alice", "bob", "carol"],
    notAgain: [],
  },
  "backs up its store": {
    prepare: async (installation) => {
      await login(installation, "alice");
      assert.equal((await installation.send()).code, 0);
      const store = openDatabase(`${installation.stateDir}/send/deliveries.db`, { busyTimeoutMs: 0 });
      store.exec(`UPDATE store SET elapsed_ms = ${24 * 60 * 60 * 1000}`);
      store.close();
      await login(installation, "bob");
    },
    heardOf: ["bob"],
    notAgain: ["alice"],
  },
  "restores a damaged store": {
    prepare: async (installation) => {
      await login(installation, "alice", "bob");
      assert.equal((await installation.send()).code, 0);
      const send = `${installation.stateDir}/send`;
      await Deno.copyFile(`${send}/deliveries.db`, `${send}/deliveries.backup.db`);
      await login(installation, "carol", "dave");
      const file = await Deno.open(`${installation.stateDir}/send/deliveries.db`, { write: true });
      await file.write(new Uint8Array(100));
      file.close();
    },
    heardOf: ["carol", "dave"],
    notAgain: ["alice", "bob"],
  },
  "migrates the store of an earlier release": {
    prepare: async (installation) => {
      await Deno.mkdir(`${installation.stateDir}/send`, { recursive: true });
      // Enough for the space to be given back to the disk.
      const texts = Array(400).fill(`password ${"x".repeat(15_000)}\n`);
      fillOldStore(`${installation.stateDir}/send/deliveries.db`, texts);
      const store = openDatabase(`${installation.stateDir}/send/deliveries.db`, { busyTimeoutMs: 0 });
      store.exec("UPDATE event SET user = 'carol', verdict = 'notify' WHERE id < 400");
      store.close();
      await login(installation, "bob");
    },
    heardOf: ["alice", "bob"],
    notAgain: ["carol"],
  },
  "takes the Go program's database over": {
    prepare: (installation) => {
      const database = openDatabase(`${installation.stateDir}/send/legacy.db`, { busyTimeoutMs: 0 });
      database.exec(`
        PRAGMA journal_mode = WAL;
        CREATE TABLE session_events (id INTEGER PRIMARY KEY, event_type TEXT, user TEXT, remote_host TEXT, terminal TEXT,
          service TEXT, session_datetime TEXT, locked_at TEXT);
        INSERT INTO session_events VALUES
          (1, 'open_session', 'alice', '203.0.113.7', 'ssh', 'sshd', '2026-11-22 22:13:32', NULL),
          (2, 'close_session', 'bob', '203.0.113.7', 'ssh', 'sshd', '2026-11-22 22:13:32', '2026-11-22 22:13:33')`);
      database.close();
      return Promise.resolve();
    },
    heardOf: ["alice", "bob"],
    notAgain: [],
  },
};

for (const [what, scenario] of Object.entries(SCENARIOS)) {
  Deno.test({
    name: `send killed at each step while it ${what} is completed by the next run`,
    ignore: !hasStrace && !MUST_RUN,
    fn: () => sweep(() => killAtEachStep(what, scenario)),
  });
}

async function killAtEachStep(what: string, scenario: Scenario): Promise<void> {
  await using template = await Installation.create();
  await template.writeConfig(CONFIG);
  await scenario.prepare(template);
  const counts = await countCalls(template);
  assert.ok((counts.get("fsync") ?? 0) + (counts.get("fdatasync") ?? 0) > 3, JSON.stringify([...counts]));
  const steps = [...counts].flatMap(([call, count]) =>
    sampleOf(Array.from({ length: count }, (_, index) => ({ call, number: index + 1 })), {
      name: `${what}, ${call}`,
      ...call === "pwrite64" ? { share: SHARE_OF_WRITES } : {},
    })
  );
  let killed = 0;
  const work = async () => {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      if (await killAt(template, { ...step, scenario })) killed++;
    }
  };
  const total = steps.length;
  await Promise.all([work(), work()]);
  // Runs differ: the last steps of one, one for each call, may not exist in another.
  assert.ok(killed >= total * 0.9 - counts.size, `${killed} of ${total} were killed`);
}

async function copyOf(template: Installation): Promise<Installation> {
  const copy = await Installation.create();
  await copy.writeConfig(CONFIG);
  const { success } = await new Deno.Command("cp", { args: ["-a", `${template.stateDir}/.`, copy.stateDir] }).output();
  assert.ok(success);
  return copy;
}

/** Returns whether the run was killed, or had already ended. */
async function killAt(
  template: Installation,
  { call, number, scenario }: { call: string; number: number; scenario: Scenario },
): Promise<boolean> {
  await using installation = await copyOf(template);
  const at = `${call} ${number}`;
  const calls = ANYWHERE.includes(call) ? ANYWHERE : ON_ITS_FILES;
  const options = ["-e", `inject=${call}:signal=SIGKILL:when=${number}`];
  const first = await underStrace(installation, { calls, options });
  const next = await installation.send();
  assert.deepEqual(
    [next.code, /^error/m.test(first.code === 0 ? next.stderr : "")],
    [0, false],
    `${at}: ${next.stderr}`,
  );
  const heard = `${first.stdout}${next.stdout}`;
  for (const user of scenario.heardOf) {
    const times = heard.split(`'${user}'`).length - 1;
    assert.ok(times === 1 || (times === 2 && first.code !== 0), `${at}: ${user} was heard of ${times} times: ${heard}`);
  }
  for (const user of scenario.notAgain) assert.ok(!heard.includes(`'${user}'`), `${at}: ${user} was heard of again`);
  const left = [...Deno.readDirSync(`${installation.stateDir}/send`)].map(({ name }) => name);
  assert.deepEqual(left.filter((name) => /unfinished|_copy\.db-|damaged_copy|^legacy\.db$/.test(name)), [], at);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" }, at);
  return first.code !== 0;
}

async function countCalls(template: Installation): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const calls of [ON_ITS_FILES, ANYWHERE]) {
    await using installation = await copyOf(template);
    assert.equal((await underStrace(installation, { calls, options: [] })).code, 0);
    const made = parseTrace(await Deno.readTextFile(`${installation.directory}/trace`));
    // strace counts per thread.
    for (const { name, pid } of made) if (pid === made[0]?.pid) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

async function underStrace(
  installation: Installation,
  { calls, options }: { calls: readonly string[]; options: readonly string[] },
) {
  const send = `${installation.stateDir}/send`;
  const names = [
    "deliveries.db",
    "deliveries.db-wal",
    "deliveries.db-shm",
    "deliveries.db.unfinished",
    "deliveries.backup.db.unfinished",
    "queue_copy.db",
    "queue_copy.db-wal",
    "queue_copy.note",
    "legacy.db",
    "legacy.db-wal",
    "legacy.db-shm",
  ];
  const paths = [send, ...names.map((name) => `${send}/${name}`)].flatMap((path) => ["-P", path]);
  const filter = calls === ANYWHERE ? [] : paths;
  const strace = [...straceTo(`${installation.directory}/trace`), ...filter, "-e", `trace=${calls}`, ...options];
  return await installation.sendUnder(strace);
}
