// Finds out from the files of the queue database whether `send` has read it, without reading it.

import { messageOf } from "../failure.ts";
import { looksOf } from "../intake/copy.ts";
import { SourceError } from "../intake/record.ts";
import type { StatePaths } from "../paths.ts";
import { statIfThere } from "../sqlite/files.ts";
import type { Overview } from "../store/overview.ts";

/** Whether there are events that `send` has not read. */
export interface Unread {
  /** When the newest of them was recorded, in milliseconds since the epoch; absent if `send` has read every event. */
  readonly newestAtMs?: number;
}

/**
 * Compares the files with what `send` saw when it last read them.
 *
 * @param overview undefined if `send` has never run
 * @returns undefined if no event was ever recorded
 * @throws {SourceError} if the files cannot be examined
 */
export function readUnread({ queueDatabase }: StatePaths, overview: Overview | undefined): Unread | undefined {
  try {
    if (statIfThere(queueDatabase) === undefined) return undefined;
    if (looksOf(queueDatabase) === overview?.queue.looks) return {};
    const times = [queueDatabase, `${queueDatabase}-wal`].map((path) => statIfThere(path)?.mtime?.getTime() ?? 0);
    return { newestAtMs: Math.max(...times) };
  } catch (cause) {
    throw new SourceError(`Cannot examine the queue database "${queueDatabase}": ${messageOf(cause)}`, { cause });
  }
}
