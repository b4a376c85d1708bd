// Checks the free space on the disks of the state directory.

import { type DiskSpace, isFull } from "../../store/disk_space.ts";
import { isReadOnly, REMOUNT } from "../../store/store_failure.ts";
import type { Findings } from "./finding.ts";

const ID = "disk.room";
const HINT = "free space on the disk";

/** Free space below which `check` warns, in bytes. */
export const LOW_BYTES = 64 * 1024 * 1024;

/** Checks the free space, and reports the findings. */
export function inspectRoom(rooms: ReadonlyMap<string, DiskSpace>, findings: Findings): void {
  for (const [directory, room] of rooms) {
    const { bytes, files } = room;
    const left = `${Math.floor(bytes / 1024 / 1024)} MiB${files === undefined ? "" : ` and ${files} files`} are left`;
    if (isFull(room)) findings.fault(ID, `the disk of "${directory}" is full: ${left}`, HINT);
    else if (bytes < LOW_BYTES) findings.warning(ID, `the disk of "${directory}" is almost full: ${left}`, HINT);
    else findings.pass(ID, `the disk of "${directory}" has room`);
  }
}

/**
 * Checks whether the file system of the store is mounted read-only.
 *
 * @param path a file of the store that may exist
 */
export function inspectReadOnly(path: string, findings: Findings): void {
  try {
    Deno.openSync(path, { write: true }).close();
  } catch (error) {
    if (isReadOnly(error)) {
      findings.fault("disk.read-only", `the file system of "${path}" is mounted read-only`, REMOUNT);
    }
  }
}
