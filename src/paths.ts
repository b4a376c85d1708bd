// The fixed paths. The permissions in deno.json name the same ones, and a test holds the two together.

/** Where everything that changes lives. */
export const STATE_DIR = "/var/lib/ssh-session-notifier";

/** The program itself. */
export const BINARY = "/usr/sbin/ssh-session-notifier";

/** The configuration; only `send` and the commands for people read it. */
export const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";

/** The files below a state directory. */
export interface StatePaths {
  /** Written by `queue`, read by `send`. Its owner is the user that the hook becomes. */
  readonly queueDir: string;
  readonly queueDatabase: string;
  /** Events that the queue database refused, one file each; written by `queue`, read by `send`. */
  readonly spoolDir: string;
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
 * Names the files below a state directory.
 *
 * @param stateDir the fixed one, but for tests and the demo
 */
export function statePaths(stateDir: string = STATE_DIR): StatePaths {
  const queueDir = `${stateDir}/queue`;
  const sendDir = `${stateDir}/send`;
  return {
    queueDir,
    queueDatabase: `${queueDir}/session_events.db`,
    spoolDir: `${queueDir}/spool`,
    sendDir,
    deliveriesDatabase: `${sendDir}/deliveries.db`,
    sendLock: `${sendDir}/send.lock`,
    queueCopy: `${sendDir}/queue_copy.db`,
    legacyDatabase: `${sendDir}/legacy.db`,
  };
}
