// The fixed paths that the hook writes to. paths.ts has these and all others.

/** Where everything that changes lives. */
export const STATE_DIR = "/var/lib/ssh-session-notifier";

/** What lasts until the next boot: a tmpfs, which no ordinary user can fill. */
export const RUN_DIR = "/run/ssh-session-notifier";

/** The files of `queue`. */
export type QueuePaths = Readonly<ReturnType<typeof queuePaths>>;

/**
 * Names the files of `queue`.
 *
 * @param stateDir the fixed one, but for tests and the demo, which have `run/` in it in place of {@link RUN_DIR}
 */
export function queuePaths(stateDir: string = STATE_DIR) {
  return {
    /** Written by `queue`, read by `send`. Its owner is the user that the hook becomes. */
    queueDir: `${stateDir}/queue`,
    queueDatabase: `${stateDir}/queue/session_events.db`,
    /** Events that the queue database refused, one file each; written by `queue`, read by `send`. */
    spoolDir: `${stateDir}/queue/spool`,
    /** Like `spoolDir`, for a disk that takes nothing. */
    runSpoolDir: `${stateDir === STATE_DIR ? RUN_DIR : `${stateDir}/run`}/spool`,
  };
}
