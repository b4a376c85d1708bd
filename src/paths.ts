// The fixed paths. The permissions in deno.json name the same ones, and a test holds the two together.

/** Where everything that changes lives. */
export const STATE_DIR = "/var/lib/ssh-session-notifier";

/** What lasts until the next boot: a tmpfs, which no ordinary user can fill. */
export const RUN_DIR = "/run/ssh-session-notifier";

/** The program itself. */
export const BINARY = "/usr/sbin/ssh-session-notifier";

/** The configuration; only `send` and the commands for people read it. */
export const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";

/** The files below a state directory, and those in {@link RUN_DIR}. */
export interface StatePaths {
  /** Written by `queue`, read by `send`. Its owner is the user that the hook becomes. */
  readonly queueDir: string;
  readonly queueDatabase: string;
  /** Events that the queue database refused, one file each; written by `queue`, read by `send`. */
  readonly spoolDir: string;
  /** Like `spoolDir`, for a disk that takes nothing. */
  readonly runSpoolDir: string;
  /** What pam_exec wrote of logins for which the hook could not start. Belongs to root. */
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
 * @param stateDir the fixed one, but for tests and the demo, which have `run/` in it in place of {@link RUN_DIR}
 */
export function statePaths(stateDir: string = STATE_DIR): StatePaths {
  const queueDir = `${stateDir}/queue`;
  const sendDir = `${stateDir}/send`;
  const runDir = stateDir === STATE_DIR ? RUN_DIR : `${stateDir}/run`;
  return {
    queueDir,
    queueDatabase: `${queueDir}/session_events.db`,
    spoolDir: `${queueDir}/spool`,
    runSpoolDir: `${runDir}/spool`,
    unrecordedFile: `${runDir}/unrecorded`,
    sendDir,
    deliveriesDatabase: `${sendDir}/deliveries.db`,
    sendLock: `${sendDir}/send.lock`,
    queueCopy: `${sendDir}/queue_copy.db`,
    legacyDatabase: `${sendDir}/legacy.db`,
  };
}
