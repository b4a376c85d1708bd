// `queue`: the PAM hook. It starts as root during a login or logout, drops root, records the event, and exits.
// It reads no configuration, loads no package, opens no network socket, and prints only errors.

import type { SessionEvent } from "../event.ts";
import { queuePaths } from "../queue_paths.ts";
import { readSessionEvent } from "./environment.ts";
import { insertEvent } from "./insert.ts";
import { becomeOwner } from "./privileges.ts";
import { moveIntoDatabase, writeToRunSpool, writeToSpool } from "./spool.ts";

const HINT = "hint: run ssh-session-notifier check";

/**
 * Records the session event that the environment describes. Tries, in this order: the queue database, a file on disk,
 * a file in memory, a line in the journal.
 *
 * @param options.stateDir replaces the fixed state directory, and may belong to any user; for tests and the demo
 * @returns the exit code: 0 if the event is recorded or there is no event, 1 if it is lost
 */
export async function queue(options: { readonly stateDir?: string }): Promise<0 | 1> {
  const paths = queuePaths(options.stateDir);
  const event = readSessionEvent(Deno.env, {
    uuid: crypto.randomUUID(),
    occurredAtMs: Date.now(),
    uptimeSeconds: Deno.osUptime(),
    parentPid: Deno.ppid,
  });
  if (event === undefined) return 0;
  try {
    becomeOwner(paths.queueDir, { anyOwner: options.stateDir !== undefined });
  } catch (error) {
    // The process is still root, so it writes only to the system log.
    return await keepInLog(event, reason(error));
  }
  const { queueDatabase, spoolDir, runSpoolDir } = paths;
  const ladder: readonly [place: string, write: () => void][] = [
    [queueDatabase, () => moveIntoDatabase([spoolDir, runSpoolDir], insertEvent(queueDatabase, event))],
    [spoolDir, () => writeToSpool(spoolDir, event)],
    [runSpoolDir, () => writeToRunSpool(runSpoolDir, event)],
  ];
  const faults: string[] = [];
  for (const [place, write] of ladder) {
    try {
      write();
    } catch (error) {
      faults.push(reason(error));
      continue;
    }
    if (faults.length === 0) return 0;
    const { say } = await import("./system_log.ts");
    say(`Cannot write a session event to the queue database, saved in ${place}: ${faults.join("; ")}; ${HINT}`);
    return 0;
  }
  return await keepInLog(event, faults.join("; "));
}

async function keepInLog(event: SessionEvent, fault: string): Promise<0 | 1> {
  const { say, writeToSystemLog } = await import("./system_log.ts");
  const message = `Cannot record a session event: ${fault}; ${HINT}`;
  say(message);
  // The system log may truncate the line, so `authInfo`, which may be long, comes last.
  const { authInfo, ...rest } = event;
  return await writeToSystemLog(`${message}; the event: ${JSON.stringify({ ...rest, authInfo })}`) ? 0 : 1;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
