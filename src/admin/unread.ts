// What of the queue `send` has yet to read.

import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { Inbox, INBOX_START, InboxError, type Unread } from "../store/inbox.ts";
import type { Overview } from "../store/overview.ts";

/** How long one look waits for another one, in milliseconds: many times what a look into a full queue takes. */
export const MAX_WAIT_MS = 15_000;

/** How long between two tries, in milliseconds. */
const TRY_EVERY_MS = 20;

/** Somebody else has looked into the queue for too long. */
export class QueueBusyError extends InboxError {}

/** Who looks, and from where. */
export interface ReadUnreadOptions {
  /** How far `send` has read; undefined where it never ran. */
  readonly overview: Overview | undefined;
  /** The name of the command. */
  readonly command: string;
  /** How long to wait for another look to end, in milliseconds. Default: 15 s. */
  readonly maxWaitMs?: number;
}

/**
 * Looks into the queue.
 *
 * @returns undefined where no event was ever recorded
 * @throws {InboxError} where the queue can't be read
 */
export function readUnread(
  paths: StatePaths,
  { overview, command, maxWaitMs = MAX_WAIT_MS }: ReadUnreadOptions,
): Unread | undefined {
  // A copy of its own, since `send` may be reading its one; and one at a time, since two would take it from each other.
  using folder = openFolder(paths);
  if (folder !== undefined) waitForLock(folder, { paths, maxWaitMs });
  const inbox = new Inbox({ ...paths, queueCopy: `${paths.sendDir}/${command}_copy.db` });
  try {
    return inbox.unread(overview?.position ?? INBOX_START);
  } finally {
    inbox.close();
  }
}

/** Undefined where `install.sh` has not made it. */
function openFolder({ sendDir, queueDatabase }: StatePaths): Deno.FsFile | undefined {
  try {
    return Deno.openSync(sendDir);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new InboxError(`Cannot look into the queue "${queueDatabase}": ${messageOf(cause)}`, { cause });
  }
}

/** Not for ever, as `lockSync` does: whoever has the lock may have been stopped, and would hold up all who look after. */
function waitForLock(folder: Deno.FsFile, { paths, maxWaitMs }: { paths: StatePaths; maxWaitMs: number }): void {
  const endsAtMs = performance.now() + maxWaitMs;
  const sleeping = new Int32Array(new SharedArrayBuffer(4));
  while (!folder.tryLockSync(true)) {
    if (performance.now() >= endsAtMs) {
      throw new QueueBusyError(
        `Cannot look into the queue "${paths.queueDatabase}": another check or status has been at it for ` +
          `${maxWaitMs / 1000} s; it may have been stopped (lslocks names it, at "${paths.sendDir}")`,
      );
    }
    Atomics.wait(sleeping, 0, 0, TRY_EVERY_MS);
  }
}
