// Measures the free space of the disks of the state directory. If the queue's disk is full, events are kept in memory at
// best; if the store's disk is full, nothing is delivered.

import { statfsSync } from "node:fs";
import type { StatePaths } from "../paths.ts";

/** With less free space than this, in bytes, inserting a row may fail: a checkpoint of the log needs 256 KiB. */
export const FULL_BYTES = 1024 * 1024;

/** The same limit in files (inodes): a run of `send` creates a few. */
export const FULL_FILES = 10;

/** The free space of a file system. */
export interface Room {
  readonly bytes: number;
  /** How many more files can be created; undefined if the file system has no limit. */
  readonly files: number | undefined;
}

/**
 * Measures the free space, without the blocks that are reserved for root.
 *
 * @returns undefined if it is unknown; the code that reads or writes there reports why
 */
function roomIn(directory: string): Room | undefined {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    return { bytes: bavail * bsize, files: files === 0 ? undefined : ffree };
  } catch {
    return undefined;
  }
}

/** Whether the next write may fail for lack of space. */
export function isFull({ bytes, files = Infinity }: Room): boolean {
  return bytes < FULL_BYTES || files < FULL_FILES;
}

/** The free space of each directory; directories where it is unknown are left out. */
export function roomsOf({ queueDir, sendDir }: StatePaths): ReadonlyMap<string, Room> {
  const rooms = [queueDir, sendDir].map((directory) => [directory, roomIn(directory)] as const);
  return new Map(rooms.flatMap(([directory, room]) => room === undefined ? [] : [[directory, room]]));
}

/** The directories whose disk is full. */
export function withoutRoom(paths: StatePaths): string[] {
  return [...roomsOf(paths)].flatMap(([directory, room]) => isFull(room) ? [directory] : []);
}
