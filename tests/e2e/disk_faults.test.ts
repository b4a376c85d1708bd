// Any system call of the hook on a file may fail. An event is kept if the hook exited with 0, a failed attempt leaves
// no files, and the queue works again once the disk does.

import assert from "node:assert/strict";
import { endToEnd, queue, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { keptFiles, RESET, type Situation, SITUATIONS, usersOf } from "../helpers/queue_situations.ts";
import { parseTrace, straceTo, type SystemCall } from "../helpers/strace.ts";
import { sampleOf, sweep } from "../helpers/kill_points.ts";

/** The error of each call. */
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

/** If one of these fails while the hook cleans up, a file may remain. */
const CLEARS_UP = ["openat", "getdents64", "statx", "unlink"];

/** A system call, counted as by strace: per thread and per name. */
interface Place {
  readonly call: string;
  readonly when: number;
}

for (const [situation, { arrange, earlier }] of Object.entries(SITUATIONS)) {
  endToEnd(
    `no event that the hook reports as kept is lost if the disk fails at any call: ${situation}`,
    (host) => sweep(() => failEach(host, { situation, arrange, earlier })),
  );
}

async function failEach(
  host: TestHost,
  { situation, arrange, earlier }: Situation & { readonly situation: string },
): Promise<void> {
  await shell(host, arrange);
  const places = await placesOf(host, situation);
  assert.ok(places.length >= 10, `${places.length} places`);
  let faults = 0;
  for (const { call, when } of places) {
    const place = `${ERRORS[call]} at call ${when} of ${call}`;
    await shell(host, `${RESET}; ${arrange}`);
    const inject = `--inject=${call}:error=${ERRORS[call]}:when=${when}`;
    const wrapper = ["strace", "-qq", "-f", "-o", "/run/trace", inject];
    const { code, stdout, stderr, elapsedMs } = await queue(host, { wrapper, env: { PAM_USER: "late" } });
    // The calls may be distributed over the threads in another way.
    if (!(await Deno.readTextFile(host.path("/run/trace"))).includes("(INJECTED)")) continue;
    faults++;
    assert.equal(stdout, "", place);
    // SQLite waits 10 s if it waits for its own lock; the machine may be busy.
    assert.ok(elapsedMs < 8_000, `${place}: ${elapsedMs} ms`);
    // There is no system log here, so an event that no disk accepts is lost, and the hook reports it.
    if (code !== 0) assert.match(stderr, /^error: Cannot record a session event: .*\n$/, place);
    assert.deepEqual(missing([...earlier, ...code === 0 ? ["late"] : []], host), [], `${place}: ${stderr}`);
    if (!CLEARS_UP.includes(call)) assert.deepEqual(unfinished(host), [], place);

    const next = await queue(host, { env: { PAM_USER: "next" } });
    assert.equal(next.code, 0, `${place}: ${next.stderr}`);
    assert.deepEqual(missing([...earlier, "next"], host), [], place);
    if (!/goes into the spool|spool is created/.test(situation)) assert.equal(next.stderr, "", place);
  }
  assert.ok(faults >= 10, `${faults} faults`);
}

/** The calls of the hook that can fail after it has dropped root, of each kind a sample. */
async function placesOf(host: TestHost, situation: string): Promise<Place[]> {
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
  const kinds = Map.groupBy(places, ({ call }) => call);
  return [...kinds].flatMap(([call, some]) => sampleOf(some, { name: `${situation}, ${call}` }));
}

function canFail({ name, args }: SystemCall): boolean {
  // Memory is not on the disk. If SQLite cannot release a lock, it waits for its own lock, 10 s: see ssh-session-notifier-security(7).
  if (name === "mmap") return args.includes("MAP_SHARED");
  return name !== "fcntl" || !args.includes("F_UNLCK");
}

/** The users whose event is missing. Fails if the database is damaged. */
function missing(users: readonly string[], host: TestHost): string[] {
  const found = usersOf(keptFiles(host));
  return users.filter((user) => !found.includes(user));
}

/** The files left by a failed attempt. */
function unfinished(host: TestHost): string[] {
  return [...keptFiles(host).keys()].filter((name) => /\.unfinished$|\.db\.[0-9a-f]/.test(name));
}
