// The fixed paths. A test compares them with the permissions in deno.json.

import { queuePaths, STATE_DIR } from "./queue_paths.ts";

export { RUN_DIR, STATE_DIR } from "./queue_paths.ts";

/** The program itself. */
export const BINARY = "/usr/sbin/ssh-session-notifier";

/** The configuration; read by `send` and the administrator's commands, never by the hook. */
export const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";

/** The directories in which place databases are installed, by geoipupdate for example; read by `send`. */
export const PLACE_FOLDERS: readonly string[] = ["/usr/share/GeoIP", "/var/lib/GeoIP"];

/** The files in a state directory, and those in {@link RUN_DIR}. */
export type StatePaths = Readonly<ReturnType<typeof statePaths>>;

/**
 * Returns the paths in a state directory and in {@link RUN_DIR}.
 *
 * @param stateDir as for {@link queuePaths}
 */
export function statePaths(stateDir: string = STATE_DIR) {
  const sendDir = `${stateDir}/send`;
  const queue = queuePaths(stateDir);
  return {
    ...queue,
    /** Written by pam_exec for logins at which the hook could not start. Owned by root. */
    unrecordedFile: queue.runSpoolDir.replace(/spool$/, "unrecorded"),
    /** Read and written only by the user of `send`. */
    sendDir,
    deliveriesDatabase: `${sendDir}/deliveries.db`,
    /** The daily backup of the store. */
    deliveriesBackup: `${sendDir}/deliveries.backup.db`,
    sendLock: `${sendDir}/send.lock`,
    /** From which `send` knows that nothing has changed since its last run. */
    idleNote: `${sendDir}/idle.json`,
    /** The copy of the queue database that `send` reads. */
    queueCopy: `${sendDir}/queue_copy.db`,
    /** Which state of the queue database the copy has. */
    queueCopyNote: `${sendDir}/queue_copy.note`,
    /** The database of the Go program of the same name, if install.sh found one. */
    legacyDatabase: `${sendDir}/legacy.db`,
  };
}
