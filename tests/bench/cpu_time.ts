// Measures the CPU time of processes on a test host, including fork and exec.

import { PAM_OPEN } from "../helpers/end_to_end.ts";
import type { RunOptions, TestHost } from "../helpers/host.ts";

/** The number of processes in one sample: several, because bash counts whole milliseconds. */
const RUNS = 5;

/**
 * The user and system time of one process that runs with the environment of a login, by default as root.
 *
 * @returns milliseconds
 * @throws Error with the output of a failed process
 */
export async function cpuMs(
  host: TestHost,
  command: readonly string[],
  { user }: Pick<RunOptions, "user"> = {},
): Promise<number> {
  const script = `TIMEFORMAT='%3U %3S'; time for ((run = 0; run < ${RUNS}; run++)); do "$@" || exit; done`;
  const { code, stderr } = await host.run(["bash", "-c", script, "bash", ...command], {
    env: PAM_OPEN,
    clearEnv: true,
    ...user === undefined ? {} : { user },
  });
  const [userTime = NaN, systemTime = NaN] = stderr.trim().split(" ").map(Number);
  if (code !== 0 || Number.isNaN(userTime + systemTime)) throw new Error(stderr);
  return (userTime + systemTime) * 1000 / RUNS;
}
