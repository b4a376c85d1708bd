// How much room the disks of the state directory have: where the queue's has none, events are kept in memory at best, and
// where the store's has none, nothing is delivered.

import { statfsSync } from "node:fs";
import type { StatePaths } from "../paths.ts";

/** With less than this, a row and its log may find no room: a fold of the log takes 256 KiB. In bytes. */
export const FULL_BYTES = 1024 * 1024;

/** Likewise in files, of which a run of `send` makes a few. */
export const FULL_FILES = 10;

/** What is left of a file system. */
export interface Room {
  readonly bytes: number;
  /** How many files can still be made; undefined where the file system sets no limit. */
  readonly files: number | undefined;
}

/**
 * What root alone may fill does not count.
 *
 * @returns undefined where that can't be told: whoever reads or writes there says why
 */
function roomIn(directory: string): Room | undefined {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    return { bytes: bavail * bsize, files: files === 0 ? undefined : ffree };
  } catch {
    return undefined;
  }
}

/** Whether nothing more may find room there. */
export function isFull({ bytes, files = Infinity }: Room): boolean {
  return bytes < FULL_BYTES || files < FULL_FILES;
}

/** The room of each directory, as far as it can be told. */
export function roomsOf({ queueDir, sendDir }: StatePaths): ReadonlyMap<string, Room> {
  const rooms = [queueDir, sendDir].map((directory) => [directory, roomIn(directory)] as const);
  return new Map(rooms.flatMap(([directory, room]) => room === undefined ? [] : [[directory, room]]));
}

/** The directories on whose disk there is no room. */
export function withoutRoom(paths: StatePaths): string[] {
  return [...roomsOf(paths)].flatMap(([directory, room]) => isFull(room) ? [directory] : []);
}
