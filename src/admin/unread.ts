// Finds out which events in the queue `send` has yet to read.

import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { Inbox, INBOX_START, InboxError, type Unread } from "../intake/inbox.ts";
import type { Overview } from "../store/overview.ts";

/** How long a reader waits for another one, in milliseconds: many times what reading a full queue takes. */
export const MAX_WAIT_MS = 15_000;

/** Time between two attempts to get the lock, in milliseconds. */
const TRY_EVERY_MS = 20;

/** Another process has been reading the queue for too long. */
export class QueueBusyError extends InboxError {}

/** Options of {@link readUnread}. */
export interface ReadUnreadOptions {
  /** How far `send` has read; undefined if it has never run. */
  readonly overview: Overview | undefined;
  /** The name of the command that reads. */
  readonly command: string;
  /** How long to wait for another reader, in milliseconds. Default: 15 s. */
  readonly maxWaitMs?: number;
}

/**
 * Reads which events are unread.
 *
 * @returns undefined if no event was ever recorded
 * @throws {InboxError} if the queue cannot be read
 */
export function readUnread(
  paths: StatePaths,
  { overview, command, maxWaitMs = MAX_WAIT_MS }: ReadUnreadOptions,
): Unread | undefined {
  // Uses its own copy, because `send` may be reading the other one. The lock keeps two readers from sharing the copy.
  using folder = openFolder(paths);
  if (folder !== undefined) waitForLock(folder, { paths, maxWaitMs });
  const inbox = new Inbox({ ...paths, queueCopy: `${paths.sendDir}/${command}_copy.db` });
  try {
    return inbox.unread(overview?.position ?? INBOX_START);
  } finally {
    inbox.close();
  }
}

/** Undefined if the directory does not exist, as before `install.sh` ran. */
function openFolder({ sendDir, queueDatabase }: StatePaths): Deno.FsFile | undefined {
  try {
    return Deno.openSync(sendDir);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new InboxError(`Cannot read the queue "${queueDatabase}": ${messageOf(cause)}`, { cause });
  }
}

/** Gives up after a time, unlike `lockSync`: a stopped process that holds the lock would block all later readers. */
function waitForLock(folder: Deno.FsFile, { paths, maxWaitMs }: { paths: StatePaths; maxWaitMs: number }): void {
  const endsAtMs = performance.now() + maxWaitMs;
  const sleeping = new Int32Array(new SharedArrayBuffer(4));
  while (!folder.tryLockSync(true)) {
    if (performance.now() >= endsAtMs) {
      throw new QueueBusyError(
        `Cannot read the queue "${paths.queueDatabase}": another check or status has been reading it for ` +
          `${maxWaitMs / 1000} s and may be stopped (lslocks shows it, at "${paths.sendDir}")`,
      );
    }
    Atomics.wait(sleeping, 0, 0, TRY_EVERY_MS);
  }
}
