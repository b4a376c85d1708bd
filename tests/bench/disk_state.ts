// Puts the state of a test host on a disk, as in a real installation. The files of a host are on a tmpfs, where a sync
// costs nothing.

import type { TestHost } from "../helpers/host.ts";

const STATE = "/var/lib/ssh-session-notifier";

/**
 * Bind-mounts a new folder over the state directory, in the mount namespace of the host.
 *
 * @param scratch where to create the folder
 * @returns the type of its file system, as stat(1) names it
 */
export async function putStateOnDisk(host: TestHost, scratch: string): Promise<string> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  const script =
    `cp --archive ${STATE}/. "$1" && mount --bind "$1" ${STATE} && stat --file-system --format=%T ${STATE}`;
  const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", directory]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}
