// `queue`: the PAM hook. Starts as root inside a login, gives root up, records the event, and is gone.
// It reads no configuration, loads no package, opens no network socket and prints nothing unless something failed.

import type { SessionEvent } from "../event.ts";
import { statePaths } from "../paths.ts";
import type { Database } from "../store/open.ts";
import { readSessionEvent } from "./environment.ts";
import { insertEvent } from "./insert.ts";
import { becomeOwner } from "./privileges.ts";

const MEND = "to mend it: run ssh-session-notifier check";

/** What `queue` may be told. */
export interface QueueOptions {
  /** A state directory in place of the fixed one; any owner will do for it. For tests and the demo. */
  readonly stateDir?: string;
}

/**
 * Records the session event that the environment describes: in the queue database, else as a file of its own, else as
 * a line of the system log.
 *
 * @returns the exit code: 0 if the event is kept anywhere or there is none, 1 if it is lost
 */
export async function queue(options: QueueOptions): Promise<0 | 1> {
  const paths = statePaths(options.stateDir);
  const event = readSessionEvent(Deno.env, {
    uuid: crypto.randomUUID(),
    occurredAtMs: Date.now(),
    parentPid: Deno.ppid,
  });
  if (event === undefined) return 0;
  try {
    becomeOwner(paths.queueDir, { anyOwner: options.stateDir !== undefined });
  } catch (error) {
    // Still root, and so nothing must be written but to the log.
    return await keepInLog(event, reason(error));
  }
  let fault = "";
  try {
    const database = insertEvent(paths.queueDatabase, event);
    await moveSpool(paths.spoolDir, database);
    return 0;
  } catch (error) {
    fault = reason(error);
  }
  try {
    const { writeToSpool } = await import("./spool.ts");
    writeToSpool(paths.spoolDir, event);
  } catch (error) {
    return await keepInLog(event, `${fault}; ${reason(error)}`);
  }
  const { say } = await import("./system_log.ts");
  say(`the queue database refuses a session event, kept in ${paths.spoolDir}: ${fault}; ${MEND}`);
  return 0;
}

/** What an earlier hook had to leave in the spool goes into the database. Not being able to is no fault of this event. */
async function moveSpool(directory: string, database: Database): Promise<void> {
  try {
    if (![...Deno.readDirSync(directory)].some(({ name }) => name.endsWith(".json"))) return;
    const { moveIntoDatabase } = await import("./spool.ts");
    moveIntoDatabase(directory, database);
  } catch {
    // `send` reads the spool, too.
  }
}

async function keepInLog(event: SessionEvent, fault: string): Promise<0 | 1> {
  const { say, writeToSystemLog } = await import("./system_log.ts");
  const message = `Cannot record a session event: ${fault}; ${MEND}`;
  say(message);
  // Last what is long, since a system log may cut the line.
  const { authInfo, ...rest } = event;
  return await writeToSystemLog(`${message}; the event: ${JSON.stringify({ ...rest, authInfo })}`) ? 0 : 1;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
