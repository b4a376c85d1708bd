// CPU time of processes on a test host, fork and exec included.

import { PAM_OPEN } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";

/** Processes in one sample: several, since bash counts in whole milliseconds. */
const RUNS = 5;

/**
 * User and system time of one process, as root and with the environment of a login.
 *
 * @returns milliseconds
 * @throws Error with what the process said
 */
export async function cpuMs(host: TestHost, command: readonly string[]): Promise<number> {
  const script = `TIMEFORMAT='%3U %3S'; time for ((run = 0; run < ${RUNS}; run++)); do "$@" || exit; done`;
  const { code, stderr } = await host.run(["bash", "-c", script, "bash", ...command], {
    env: PAM_OPEN,
    clearEnv: true,
  });
  const [user = NaN, system = NaN] = stderr.trim().split(" ").map(Number);
  if (code !== 0 || Number.isNaN(user + system)) throw new Error(stderr);
  return (user + system) * 1000 / RUNS;
}
