// A user that exhausts memory or processes cannot hide a login: the hook or the last resort records it.

import assert from "node:assert/strict";
import { endToEnd, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";
import { waitFor } from "../helpers/wait_for.ts";

const UNRECORDED = "/run/ssh-session-notifier/unrecorded";
const DATABASE = "/var/lib/ssh-session-notifier/queue/db/session_events.db";
const LOGINS = 6;
/** sshd itself may fail without them; then the login fails too. */
const MOST_TRIES = 100;

/** A limit of a control group: its controller, and the files that set it, in cgroup v2 and in v1. */
interface Limit {
  readonly controller: "memory" | "pids";
  readonly files: readonly string[];
  readonly value: string;
}

const PIDS: Limit = { controller: "pids", files: ["pids.max"], value: "60" };
const MEMORY: Limit = { controller: "memory", files: ["memory.max", "memory.limit_in_bytes"], value: "600M" };

/**
 * A control group with a limit, for this test only. It is removed at the end with all its processes.
 *
 * @throws Error if this machine has no such control groups, or they cannot be changed
 */
class LimitedGroup implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create({ controller, files, value }: Limit): Promise<LimitedGroup> {
    const root = "/sys/fs/cgroup";
    const isV2 = await Deno.stat(`${root}/cgroup.procs`).then(() => true, () => false);
    const dir = isV2 ? root : `${root}/${controller}`;
    const group = new LimitedGroup(await Deno.makeTempDir({ dir, prefix: "ssh-session-notifier-test." }));
    try {
      await Deno.chmod(group.path, 0o755);
      const here: string[] = [];
      for await (const { name } of Deno.readDir(group.path)) here.push(name);
      const file = files.find((name) => here.includes(name));
      if (file === undefined) throw new Error(`${group.path} has none of ${files.join(", ")}`);
      await Deno.writeTextFile(`${group.path}/${file}`, value);
      if (here.includes("memory.swap.max")) await Deno.writeTextFile(`${group.path}/memory.swap.max`, "0");
      return group;
    } catch (error) {
      await group[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await waitFor(async () => {
      const pids = (await Deno.readTextFile(`${this.path}/cgroup.procs`)).split("\n").filter((pid) => pid !== "");
      for (const pid of pids) {
        try {
          Deno.kill(Number(pid), "SIGKILL");
        } catch { /* It has ended. */ }
      }
      return pids.length === 0;
    }, { what: "all processes of the group end", timeoutMs: 30_000 });
    await Deno.remove(this.path);
  }
}

/** How many logins of alice were recorded by the hook, and how many by the last resort. */
async function recorded(host: TestHost): Promise<{ byHook: number; byLastResort: number }> {
  const opens = `SELECT count(*) FROM event WHERE record ->> 'type' = 'open' AND record ->> 'user' = 'alice'`;
  const byHook = await shell(host, `[ ! -e ${DATABASE} ] || sqlite3 -readonly ${DATABASE} "${opens}"`);
  const text = await Deno.readTextFile(host.path(UNRECORDED));
  return { byHook: Number(byHook), byLastResort: text.split("PAM_USER=alice\0").length - 1 };
}

async function exhausted(name: string, limit: Limit, hog: (group: string) => string): Promise<void> {
  const reason = await (async () => {
    await using _group = await LimitedGroup.create(limit);
  })().then(() => undefined, (error) => `${error}`);
  if (reason !== undefined) {
    Deno.test({ name: `${name} (skipped: ${reason})`, ignore: true, fn: () => {} });
    return;
  }
  endToEnd(name, async (host) => {
    const { code, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
    assert.equal(code, 0, stderr);
    let logins = 0;
    let hogs: Promise<unknown> = Promise.resolve();
    {
      await using group = await LimitedGroup.create(limit);
      await shell(host, `cat /run/test-host/sshd.pid >${group.path}/cgroup.procs`);
      hogs = host.ssh("bob", { auth: "key", command: hog(group.path), timeoutMs: 300_000 });
      await waitFor(() => host.has("/tmp/full"), { what: "the limit is reached", timeoutMs: 60_000 });
      for (let tries = 0; tries < MOST_TRIES && logins < LOGINS; tries++) {
        const { stdout } = await host.ssh("alice", { auth: "key", command: "echo in" });
        if (stdout === "in\n") logins++;
      }
    }
    await hogs;
    assert.ok(logins > 0);
    const { byHook, byLastResort } = await recorded(host);
    assert.ok(byHook + byLastResort >= logins, `of ${logins} logins, ${byHook} by the hook, ${byLastResort} else`);
  }, { pamSessionFirst: [] });
}

await exhausted(
  "a user that leaves only three processes below the limit hides no login",
  PIDS,
  (group) => `while [ "$(cat ${group}/pids.current)" -lt 57 ]; do sleep 1000 & done; touch /tmp/full; wait`,
);

/** Uses 16 MB, less than the hook, so the hook is the process that is killed. */
const SIXTEEN_MB = `sh -c 'x=$(head -c 16000000 /dev/zero | tr "\\0" x); sleep 1000' &`;

await exhausted(
  "a user that takes all memory hides no login",
  MEMORY,
  () => `n=0; while :; do ${SIXTEEN_MB} n=$((n + 1)); [ $n -lt 45 ] || { touch /tmp/full; sleep 0.1; }; done`,
);
