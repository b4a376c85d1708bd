// Installs the program on a test host as a person would: with install.sh, beside the binary.

import { compiledBinary, ROOT } from "./compile.ts";
import type { Finished, TestHost } from "./host.ts";

/** Runs install.sh in a host, with the compiled binary beside it. */
export async function runInstaller(host: TestHost, ...flags: string[]): Promise<Finished> {
  const directory = "/root/ssh-session-notifier";
  await Deno.mkdir(host.path(directory), { recursive: true });
  await Deno.copyFile(`${ROOT}/install.sh`, host.path(`${directory}/install.sh`));
  await Deno.copyFile(await compiledBinary(), host.path(`${directory}/ssh-session-notifier`));
  return await host.run(["sh", `${directory}/install.sh`, ...flags]);
}
