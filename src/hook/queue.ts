// `queue`: the PAM hook. Starts as root inside a login, gives root up, records the event, and is gone.
// It reads no configuration, loads no package, opens no network socket and prints nothing unless something failed.

import type { SessionEvent } from "../event.ts";
import { queuePaths } from "../queue_paths.ts";
import { readSessionEvent } from "./environment.ts";
import { insertEvent } from "./insert.ts";
import { becomeOwner } from "./privileges.ts";
import { moveIntoDatabase, writeToRunSpool, writeToSpool } from "./spool.ts";

const HINT = "hint: run ssh-session-notifier check";

/**
 * Records the session event that the environment describes: in the queue database, else as a file on disk, else as a
 * file in memory, else as a line in the journal.
 *
 * @param options.stateDir in place of the fixed one, may belong to any user; for tests and the demo
 * @returns the exit code: 0 if the event is kept anywhere or there is none, 1 if it is lost
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
    // Still root, and so nothing must be written but to the log.
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
  // Last what is long, since a system log may cut the line.
  const { authInfo, ...rest } = event;
  return await writeToSystemLog(`${message}; the event: ${JSON.stringify({ ...rest, authInfo })}`) ? 0 : 1;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
