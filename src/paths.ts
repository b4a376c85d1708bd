// The fixed paths. The permissions in deno.json name the same ones, and a test holds the two together.

import { type QueuePaths, queuePaths, STATE_DIR } from "./queue_paths.ts";

export { RUN_DIR, STATE_DIR } from "./queue_paths.ts";

/** The program itself. */
export const BINARY = "/usr/sbin/ssh-session-notifier";

/** The configuration; only `send` and the commands for people read it. */
export const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";

/** The files below a state directory, and those in {@link RUN_DIR}. */
export interface StatePaths extends QueuePaths {
  /** What pam_exec wrote about logins for which the hook could not start. Belongs to root. */
  readonly unrecordedFile: string;
  /** Written and read by `send` alone. */
  readonly sendDir: string;
  readonly deliveriesDatabase: string;
  readonly sendLock: string;
  /** `send`'s copy of the queue database, which it reads. */
  readonly queueCopy: string;
  /** The database of the Go program of the same name, where install.sh has found one. */
  readonly legacyDatabase: string;
}

/**
 * Names the files below a state directory, and those that last until the next boot.
 *
 * @param stateDir as for {@link queuePaths}
 */
export function statePaths(stateDir: string = STATE_DIR): StatePaths {
  const sendDir = `${stateDir}/send`;
  const queue = queuePaths(stateDir);
  return {
    ...queue,
    unrecordedFile: queue.runSpoolDir.replace(/spool$/, "unrecorded"),
    sendDir,
    deliveriesDatabase: `${sendDir}/deliveries.db`,
    sendLock: `${sendDir}/send.lock`,
    queueCopy: `${sendDir}/queue_copy.db`,
    legacyDatabase: `${sendDir}/legacy.db`,
  };
}
