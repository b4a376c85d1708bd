// What `queue` does only in unusual cases: the event can't be written to the database, or earlier ones could not. It is a
// file of its own, in the binary too: even to parse it at each login would cost 0.1 ms.

import type { SessionEvent } from "../event.ts";
import type { QueuePaths } from "../queue_paths.ts";
import { writeToRunSpool, writeToSpool } from "./spool.ts";
import { say, writeToSystemLog } from "./system_log.ts";

export { moveIntoDatabase } from "./spool.ts";

const HINT = "hint: run ssh-session-notifier check";

/**
 * Records an event that the database could not take because of `error`: in a file on disk, else in a file in memory, else
 * in the journal. Returns the exit code: 0 if the event is recorded, 1 if it is lost.
 */
export async function recordElsewhere(event: SessionEvent, paths: QueuePaths, error: unknown): Promise<0 | 1> {
  const reasons = [messageOf(error)];
  for (const [place, write] of [[paths.spoolDir, writeToSpool], [paths.runSpoolDir, writeToRunSpool]] as const) {
    try {
      write(place, event);
      say(`Cannot write a session event to the queue database, saved in ${place}: ${reasons.join("; ")}; ${HINT}`);
      return 0;
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  return await recordInLog(event, reasons.join("; "));
}

/** Records an event in the journal. Writes no file, so it may run as root. Returns the exit code. */
export async function recordInLog(event: SessionEvent, reason: unknown): Promise<0 | 1> {
  const message = `Cannot record a session event: ${messageOf(reason)}; ${HINT}`;
  say(message);
  // The system log may truncate the line, so `authInfo`, which may be long, comes last.
  const { authInfo, ...rest } = event;
  return await writeToSystemLog(`${message}; the event: ${JSON.stringify({ ...rest, authInfo })}`) ? 0 : 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
