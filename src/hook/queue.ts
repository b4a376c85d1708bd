// `queue`: the PAM hook. It starts as root during a login or logout, drops root, records the event, and exits.
// It reads no configuration, loads no package, opens no network socket, and prints only errors.

import { queuePaths } from "../queue_paths.ts";
import { readSessionEvent } from "./environment.ts";
import { insertEvent } from "./insert.ts";
import { spooledFiles } from "./listing.ts";
import { becomeOwner } from "./privileges.ts";

/**
 * Records the session event that the environment describes: in the queue database or, if that fails, elsewhere.
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
    const { recordInLog } = await import("./record_elsewhere.ts");
    return await recordInLog(event, error);
  }
  const spools = [paths.spoolDir, paths.runSpoolDir] as const;
  try {
    const database = insertEvent(paths.queueDatabase, event);
    const spooled = spooledFiles(spools);
    if (spooled.length > 0) (await import("./record_elsewhere.ts")).moveIntoDatabase(spooled, database);
    return 0;
  } catch (error) {
    const { recordElsewhere } = await import("./record_elsewhere.ts");
    return await recordElsewhere(event, spools, error);
  }
}
