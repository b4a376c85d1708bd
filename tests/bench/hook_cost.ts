// What the hook costs: CPU time of `queue` over an empty compiled program, and a whole login with and without it.
// Pairs alternate in one run, since machines are shared and noisy. Run: deno run -A tests/bench/hook_cost.ts

import { compiled, compiledBinary, ROOT } from "../helpers/compile.ts";
import { PAM_OPEN } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";

const PAIRS = 40;

/** Processes in one sample of CPU time. */
const RUNS = 5;

const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

await using host = await TestHost.create({ binary: await compiledBinary() });
await using bareHost = await TestHost.create({ binary: await compiledBinary(), pamSessionFirst: [] });

// On the disk, as installed: the host's own files are on a tmpfs, where each page of a program costs more. Both
// copied now, since what the page cache has of a file decides too.
const disk = await Deno.makeTempDir({ dir: `${ROOT}/.cache` });
await using _cleanUp = { [Symbol.asyncDispose]: () => Deno.remove(disk, { recursive: true }) };
await Deno.copyFile(await compiled("tests/bench/empty.ts"), `${disk}/empty`);
await Deno.copyFile(await compiledBinary(), `${disk}/ssh-session-notifier`);
const cpu = await alternating(
  () => cpuSeconds([`${disk}/empty`]),
  () => cpuSeconds([`${disk}/ssh-session-notifier`, "queue"]),
);
print(`queue, CPU over an empty compiled program: ${describe(cpu, "ms", 1000)}`);

const login = await alternating(() => loginMs(bareHost), () => loginMs(host));
print(`a login and logout over sshd, with the hook over without it: ${describe(login, "ms", 1)}`);

/** User and system time of one process, in seconds; over several, since bash counts in whole milliseconds. */
async function cpuSeconds(command: readonly string[]): Promise<number> {
  const script = `TIMEFORMAT='%3U %3S'; time for ((run = 0; run < ${RUNS}; run++)); do "$@" || exit; done`;
  const { code, stderr } = await host.run(["bash", "-c", script, "bash", ...command], {
    env: PAM_OPEN,
    clearEnv: true,
  });
  const [user = NaN, system = NaN] = stderr.trim().split(" ").map(Number);
  if (code !== 0 || Number.isNaN(user + system)) throw new Error(stderr);
  return (user + system) / RUNS;
}

async function loginMs(host: TestHost): Promise<number> {
  const { code, stderr, elapsedMs } = await host.ssh("alice", { auth: "key" });
  if (code !== 0) throw new Error(stderr);
  await host.loggedOut();
  return elapsedMs;
}

interface Pairs {
  readonly base: readonly number[];
  readonly subject: readonly number[];
}

async function alternating(base: () => Promise<number>, subject: () => Promise<number>): Promise<Pairs> {
  await base();
  await subject();
  const pairs = { base: [] as number[], subject: [] as number[] };
  for (let pair = 0; pair < PAIRS; pair++) {
    const order = [["base", base], ["subject", subject]] as const;
    for (const [name, measure] of pair % 2 === 0 ? order : order.toReversed()) pairs[name].push(await measure());
  }
  return pairs;
}

function describe({ base, subject }: Pairs, unit: string, scale: number): string {
  const ratios = subject.map((value, index) => value / (base[index] ?? NaN));
  const shown = (values: readonly number[]) => `${(median(values) * scale).toFixed(1)} ${unit}`;
  return `ratio ${median(ratios).toFixed(3)} (median of ${PAIRS} alternating pairs; ${shown(subject)} over ${
    shown(base)
  })`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}
