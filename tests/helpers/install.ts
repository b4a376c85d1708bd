// Installs the program on a test host as an administrator would: with install.sh, next to the binary.

import { compiledBinary, ROOT } from "../../.ci/compile.ts";
import type { Finished, TestHost } from "./host.ts";

/** Runs install.sh in a host, with the compiled binary next to it. */
export async function runInstaller(host: TestHost, ...flags: string[]): Promise<Finished> {
  await refuseMachinesOwn(host);
  const directory = "/root/ssh-session-notifier";
  await Deno.mkdir(host.path(directory), { recursive: true });
  await Deno.copyFile(`${ROOT}/install.sh`, host.path(`${directory}/install.sh`));
  await Deno.copyFile(await compiledBinary(), host.path(`${directory}/ssh-session-notifier`));
  return await host.run(["sh", `${directory}/install.sh`, ...flags]);
}

/** The directories that install.sh writes to. Each must be a layer of the host, or it would be the machine's own. */
const WRITTEN = ["/etc", "/usr/sbin", "/usr/share", "/var/lib"];

async function refuseMachinesOwn(host: TestHost): Promise<void> {
  const { stdout } = await host.run(["stat", "--file-system", "--format=%T %n", ...WRITTEN]);
  const expected = WRITTEN.map((path) => `overlayfs ${path}\n`).join("");
  if (stdout !== expected) throw new Error(`Cannot run install.sh: it would write to the machine itself: ${stdout}`);
}
