// Puts files of a test host on a disk, as in a real installation. The files of a host are on a tmpfs, where a sync costs
// nothing and each page of a program costs more.

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
  return await mount(host, { directory, over: STATE, prepare: `cp --archive ${STATE}/. "$1"` });
}

/**
 * Bind-mounts a new folder with copies of programs, which every user may run.
 *
 * @param programs the file of each program, by its name in the folder
 * @param over the directory of the host
 */
export async function putOnDisk(
  host: TestHost,
  scratch: string,
  programs: Readonly<Record<string, string>>,
  over: string,
): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  for (const [name, file] of Object.entries(programs)) await Deno.copyFile(file, `${directory}/${name}`);
  await mount(host, { directory, over, prepare: 'chmod -R a+rX "$1"' });
}

async function mount(
  host: TestHost,
  { directory, over, prepare }: { directory: string; over: string; prepare: string },
): Promise<string> {
  const script = `${prepare} && mount --bind "$1" ${over} && stat --file-system --format=%T ${over}`;
  const { code, stdout, stderr } = await host.run(["sh", "-c", script, "sh", directory]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}
