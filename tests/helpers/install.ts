// Installs the program on a test host as an administrator would: with install.sh, next to the tree.

import { compiledBinary, ROOT } from "../../.ci/compile.ts";
import { makeDist } from "../../.ci/dist.ts";
import type { Finished, TestHost } from "./host.ts";

/** Puts install.sh and the tree, with the compiled binary, into a directory, as an archive has them. */
export async function unpackInstaller(directory: string): Promise<void> {
  await makeDist({ binary: await compiledBinary(), output: directory, time: 1_700_000_000 });
  await Deno.copyFile(`${ROOT}/install.sh`, `${directory}/install.sh`);
}

/** Runs install.sh in a host, with the tree next to it. */
export async function runInstaller(host: TestHost, ...flags: string[]): Promise<Finished> {
  await refuseMachinesOwn(host);
  const directory = "/root/ssh-session-notifier";
  // Once for each host, because the binary is large.
  if (await Deno.stat(host.path(directory)).catch(() => undefined) === undefined) {
    await unpackInstaller(host.path(directory));
  }
  return await host.run(["sh", `${directory}/install.sh`, ...flags]);
}

/** The directories that install.sh writes to. Each must be a layer of the host, or it would be the machine's own. */
const WRITTEN = ["/etc", "/usr/lib/systemd", "/usr/lib/sysusers.d", "/usr/lib/tmpfiles.d", "/usr/sbin", "/usr/share"]
  .concat("/var/lib");

async function refuseMachinesOwn(host: TestHost): Promise<void> {
  const { stdout } = await host.run(["stat", "--file-system", "--format=%T %n", ...WRITTEN]);
  const expected = WRITTEN.map((path) => `overlayfs ${path}\n`).join("");
  if (stdout !== expected) throw new Error(`Cannot run install.sh: it would write to the machine itself: ${stdout}`);
}
