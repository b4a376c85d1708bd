// Any call by which the hook reads or changes a file may fail. What exited with 0 is kept all the same, nothing of the
// attempt is left lying about, and once the disk is well again, so is the queue.

import assert from "node:assert/strict";
import { endToEnd, queue, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { keptFiles, RESET, SITUATIONS, usersOf } from "../helpers/queue_situations.ts";
import { parseTrace, straceTo, type SystemCall } from "../helpers/strace.ts";

/** How each call fails. */
const ERRORS: Readonly<Record<string, string>> = {
  openat: "EIO",
  getdents64: "EIO",
  statx: "EIO",
  pread64: "EIO",
  pwrite64: "ENOSPC",
  write: "EDQUOT",
  ftruncate: "EIO",
  fsync: "EIO",
  fdatasync: "EIO",
  fcntl: "ENOLCK",
  mmap: "ENOMEM",
  chmod: "EPERM",
  link: "EPERM",
  rename: "EIO",
  unlink: "EIO",
  mkdir: "ENOSPC",
};

/** What fails while the hook clears up may leave what it would have removed. */
const CLEARS_UP = ["openat", "getdents64", "statx", "unlink"];

/** A call, as strace counts it: each thread and each name for itself. */
interface Place {
  readonly call: string;
  readonly when: number;
}

for (const [situation, { arrange, earlier }] of Object.entries(SITUATIONS)) {
  endToEnd(
    `a disk that fails at any call of the hook costs no event that it says it keeps: ${situation}`,
    async (host) => {
      await shell(host, arrange);
      const places = await placesOf(host);
      assert.ok(places.length >= 10, `${places.length} places`);
      let faults = 0;
      for (const { call, when } of places) {
        const place = `${ERRORS[call]} at call ${when} of ${call}`;
        await shell(host, `${RESET}; ${arrange}`);
        const inject = `--inject=${call}:error=${ERRORS[call]}:when=${when}`;
        const wrapper = ["strace", "-qq", "-f", "-o", "/run/trace", inject];
        const { code, stdout, stderr, elapsedMs } = await queue(host, { wrapper, env: { PAM_USER: "late" } });
        // Threads may share the calls out in another way.
        if (!(await Deno.readTextFile(host.path("/run/trace"))).includes("(INJECTED)")) continue;
        faults++;
        assert.equal(stdout, "", place);
        // SQLite waits 10 s where it waits for itself; the machine may be busy.
        assert.ok(elapsedMs < 8_000, `${place}: ${elapsedMs} ms`);
        // There is no system log here, and so an event that no disk takes is lost, and the hook says so.
        if (code !== 0) assert.match(stderr, /^error: Cannot record a session event: .*\n$/, place);
        assert.deepEqual(missing([...earlier, ...code === 0 ? ["late"] : []], host), [], `${place}: ${stderr}`);
        if (!CLEARS_UP.includes(call)) assert.deepEqual(unfinished(host), [], place);

        const next = await queue(host, { env: { PAM_USER: "next" } });
        assert.equal(next.code, 0, `${place}: ${next.stderr}`);
        assert.deepEqual(missing([...earlier, "next"], host), [], place);
        if (!/into (the|a) spool/.test(situation)) assert.equal(next.stderr, "", place);
      }
      assert.ok(faults >= 10, `${faults} faults`);
    },
  );
}

/** Every call of the hook that can fail, from when it is no longer root; of many of a kind, some. */
async function placesOf(host: TestHost): Promise<Place[]> {
  const { code, stderr } = await queue(host, { wrapper: straceTo("/run/trace"), env: { PAM_USER: "late" } });
  assert.equal(code, 0, stderr);
  const calls = parseTrace(await Deno.readTextFile(host.path("/run/trace")));
  const dropped = calls.findLastIndex(({ name }) => name === "setuid");
  const places: Place[] = [];
  const counts = new Map<string, number>();
  for (const [index, call] of calls.entries()) {
    if (call.pid !== calls[dropped]?.pid || !(call.name in ERRORS)) continue;
    const when = (counts.get(call.name) ?? 0) + 1;
    counts.set(call.name, when);
    if (index > dropped && canFail(call)) places.push({ call: call.name, when });
  }
  return places.filter(({ call }, index) => {
    const nth = places.slice(0, index).filter((other) => other.call === call).length;
    return nth < 12 || nth % 7 === 0;
  });
}

function canFail({ name, args }: SystemCall): boolean {
  // Memory is not on the disk. And a lock that can't be given back makes SQLite wait for itself, 10 s: see the README.
  if (name === "mmap") return args.includes("MAP_SHARED");
  return name !== "fcntl" || !args.includes("F_UNLCK");
}

/** Those users whose event can't be found. Fails for a database that is damaged. */
function missing(users: readonly string[], host: TestHost): string[] {
  const found = usersOf(keptFiles(host));
  return users.filter((user) => !found.includes(user));
}

/** What an attempt has left that failed. */
function unfinished(host: TestHost): string[] {
  return [...keptFiles(host).keys()].filter((name) => /\.unfinished$|\.db\.[0-9a-f]/.test(name));
}
