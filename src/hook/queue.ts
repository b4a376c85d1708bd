// `queue`: the PAM hook. Starts as root inside a login, gives root up, records the event, and is gone.
// It reads no configuration, loads no package, opens no network socket and prints nothing unless it failed.

import { statePaths } from "../paths.ts";
import { readSessionEvent } from "./environment.ts";
import { insertEvent } from "./insert.ts";
import { becomeOwner } from "./privileges.ts";

/** What `queue` may be told. */
export interface QueueOptions {
  /** A state directory in place of the fixed one; any owner will do for it. For tests and the demo. */
  readonly stateDir?: string;
}

/**
 * Records the session event that the environment describes.
 *
 * @returns the exit code: 0 if the event is kept or there is none, 1 if it is lost
 */
export async function queue(options: QueueOptions): Promise<0 | 1> {
  const paths = statePaths(options.stateDir);
  try {
    const event = readSessionEvent(Deno.env, {
      uuid: crypto.randomUUID(),
      occurredAtMs: Date.now(),
      parentPid: Deno.ppid,
    });
    if (event === undefined) return 0;
    becomeOwner(paths.queueDir, { anyOwner: options.stateDir !== undefined });
    insertEvent(paths.queueDatabase, event);
    return 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { createLog } = await import("../log.ts");
    createLog()(
      "error",
      `Cannot record the session event: ${reason}; run install.sh to mend the installation`,
    );
    return 1;
  }
}
