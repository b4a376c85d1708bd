// Puts the state of a test host on a disk, as installed. A host's own files are on a tmpfs, where waiting for the disk
// costs nothing.

import type { TestHost } from "../helpers/host.ts";

const STATE = "/var/lib/ssh-session-notifier";

/**
 * Binds a new folder over the state directory, in the host's own mount namespace.
 *
 * @param scratch where the folder is made
 * @returns the kind of file system it is on, as stat(1) calls it
 */
export async function putStateOnDisk(host: TestHost, scratch: string): Promise<string> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  const script =
    `cp --archive ${STATE}/. "$1" && mount --bind "$1" ${STATE} && stat --file-system --format=%T ${STATE}`;
  const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", directory]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}
