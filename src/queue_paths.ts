// The fixed paths that the hook writes to. paths.ts has all paths, including these.

/** The directory of all state. */
export const STATE_DIR = "/var/lib/ssh-session-notifier";

/** The directory of state that lasts until the next boot: a tmpfs that only root and the user of `queue` can fill. */
export const RUN_DIR = "/run/ssh-session-notifier";

/**
 * Returns the paths that `queue` uses.
 *
 * @param stateDir another directory for tests and the demo, which contains `run/` instead of {@link RUN_DIR}
 */
export function queuePaths(stateDir: string = STATE_DIR) {
  return {
    /** Written by `queue`, read by `send`. The hook becomes the user that owns it. */
    queueDir: `${stateDir}/queue`,
    /** A directory of its own, so that one rename sets a damaged database aside together with its log. */
    databaseDir: `${stateDir}/queue/db`,
    queueDatabase: `${stateDir}/queue/db/session_events.db`,
    /** Events that the queue database could not take, one file each; written by `queue`, read by `send`. */
    spoolDir: `${stateDir}/queue/spool`,
    /** Like `spoolDir`, for when the disk cannot be written. */
    runSpoolDir: `${stateDir === STATE_DIR ? RUN_DIR : `${stateDir}/run`}/spool`,
  };
}
