// The fixed paths. A test compares them with the permissions in deno.json.

import { type QueuePaths, queuePaths, STATE_DIR } from "./queue_paths.ts";

export { RUN_DIR, STATE_DIR } from "./queue_paths.ts";

/** The program itself. */
export const BINARY = "/usr/sbin/ssh-session-notifier";

/** The configuration; read by `send` and the administrator's commands, never by the hook. */
export const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";

/** The files in a state directory, and those in {@link RUN_DIR}. */
export interface StatePaths extends QueuePaths {
  /** Written by pam_exec for logins at which the hook could not start. Owned by root. */
  readonly unrecordedFile: string;
  /** Read and written only by the user of `send`. */
  readonly sendDir: string;
  readonly deliveriesDatabase: string;
  /** The daily backup of the store. */
  readonly deliveriesBackup: string;
  readonly sendLock: string;
  /** The copy of the queue database that `send` reads. */
  readonly queueCopy: string;
  /** The database of the Go program of the same name, if install.sh found one. */
  readonly legacyDatabase: string;
}

/**
 * Returns the paths in a state directory and in {@link RUN_DIR}.
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
    deliveriesBackup: `${sendDir}/deliveries.backup.db`,
    sendLock: `${sendDir}/send.lock`,
    queueCopy: `${sendDir}/queue_copy.db`,
    legacyDatabase: `${sendDir}/legacy.db`,
  };
}
