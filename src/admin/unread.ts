// What of the queue `send` has yet to read.

import type { StatePaths } from "../paths.ts";
import { statIfThere } from "../store/files.ts";
import { Inbox, INBOX_START, type Unread } from "../store/inbox.ts";
import type { Overview } from "../store/overview.ts";

/**
 * Looks into the queue.
 *
 * @param options.overview how far `send` has read; undefined where it never ran
 * @param options.command who asks
 * @returns undefined where no event was ever recorded
 * @throws {InboxError} where the queue can't be read
 */
export function readUnread(
  paths: StatePaths,
  { overview, command }: { overview: Overview | undefined; command: string },
): Unread | undefined {
  // A copy of its own, since `send` may be reading its one; and one at a time, since two would take it from each other.
  using folder = statIfThere(paths.sendDir) === undefined ? undefined : Deno.openSync(paths.sendDir);
  folder?.lockSync(true);
  const inbox = new Inbox({ ...paths, queueCopy: `${paths.sendDir}/${command}_copy.db` });
  try {
    return inbox.unread(overview?.position ?? INBOX_START);
  } finally {
    inbox.close();
  }
}
