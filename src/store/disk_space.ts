// Measures the free space of the disks of the state directory. If the queue's disk is full, events are kept in memory at
// best; if the store's disk is full, nothing is delivered.

import { statfsSync } from "node:fs";
import type { StatePaths } from "../paths.ts";

/** With less free space than this, in bytes, inserting a row may fail: a checkpoint of the log needs 256 KiB. */
export const FULL_BYTES = 1024 * 1024;

/** The same limit in files (inodes): a run of `send` creates a few. */
export const FULL_FILES = 10;

/** The free space of a file system. */
export interface DiskSpace {
  readonly bytes: number;
  /** How many more files can be created; undefined if the file system has no limit. */
  readonly files: number | undefined;
}

/**
 * Measures the free space for each directory, without the blocks that are reserved for root. Directories where it is
 * unknown are left out: the code that reads or writes there reports why.
 */
export function diskSpace({ queueDir, sendDir }: StatePaths): ReadonlyMap<string, DiskSpace> {
  const found = new Map<string, DiskSpace>();
  for (const directory of [queueDir, sendDir]) {
    try {
      const { bavail, bsize, files, ffree } = statfsSync(directory);
      found.set(directory, { bytes: bavail * bsize, files: files === 0 ? undefined : ffree });
    } catch {
      continue;
    }
  }
  return found;
}

/** Whether the next write may fail for lack of space. */
export function isFull({ bytes, files = Infinity }: DiskSpace): boolean {
  return bytes < FULL_BYTES || files < FULL_FILES;
}

/** The directories whose disk is full. */
export function fullDisks(paths: StatePaths): string[] {
  return [...diskSpace(paths)].filter(([, space]) => isFull(space)).map(([directory]) => directory);
}
