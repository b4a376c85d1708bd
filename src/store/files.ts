// Small things that files need everywhere but in the hook.

// Deno's own `open` has no O_NONBLOCK, and to open a FIFO would wait for ever for somebody who writes to it.
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from "node:fs";
import { systemCode } from "../system_error.ts";

/** What is known of a file, without following a link; undefined where there is none. */
export function statIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes a file where there is one. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * The largest folder that is listed, in bytes (stat(2), `st_size`): some 25,000 names in ext4, XFS and Btrfs, and 100,000
 * in a tmpfs. Deno reads all names of a folder at once, so an overfilled one costs unlimited time and memory.
 */
export const MAX_FOLDER_BYTES = 2 * 1024 * 1024;

/**
 * The entries of a folder.
 *
 * @throws if there is no folder, or if it is larger than {@link MAX_FOLDER_BYTES}
 */
export function listFolder(path: string): Deno.DirEntry[] {
  const info = Deno.lstatSync(path);
  if (!info.isDirectory) throw new NotPlainError(`"${path}" is not a folder`);
  if (info.size > MAX_FOLDER_BYTES) throw new Error(`"${path}" holds, or held, too many files to be listed`);
  return [...Deno.readDirSync(path)];
}

/** Something else than a plain file where one should be. */
export class NotPlainError extends Error {
  override readonly name = "NotPlainError";
}

/** A plain file, open for reading. */
export interface PlainFile extends Disposable {
  /** Device and inode. */
  readonly id: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  /** What it takes of the disk, in bytes: less than its size where it has holes (stat(2), `st_blocks`). */
  readonly allocated: number;
  readonly mtimeMs: number;
  /** Fills as much of `bytes` as the file has from `position` on, and answers how much that is. */
  read(bytes: Uint8Array, position: number): number;
}

/**
 * Opens a file that somebody else may have put there. Whatever it is, this does not wait, and follows no link.
 *
 * @returns undefined where there is none
 * @throws {NotPlainError} where it is something else than a plain file
 */
export function openPlainFile(path: string): PlainFile | undefined {
  const before = statIfThere(path);
  if (before === undefined) return undefined;
  if (!before.isFile) throw new NotPlainError(`"${path}" is not a plain file`);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  const info = fstatSync(fd);
  // Deno's sandbox resolves links before it opens, so a link that was planted just now shows only here.
  if (!info.isFile() || info.ino !== before.ino || info.dev !== before.dev) {
    closeSync(fd);
    throw new NotPlainError(`"${path}" was exchanged while it was opened`);
  }
  return {
    id: `${info.dev}:${info.ino}`,
    size: info.size,
    allocated: info.blocks * 512,
    mtimeMs: info.mtimeMs,
    read: (bytes, position) => {
      let length = 0;
      while (length < bytes.length) {
        const count = readSync(fd, bytes, length, bytes.length - length, position + length);
        if (count === 0) break;
        length += count;
      }
      return length;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** Makes the names in a folder durable: a rename that was not synced may be undone by a power loss. */
export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Names a folder for what is set aside: `damaged-20261123T001332Z`, with a number behind where there is one of this second.
 * While something is done with it, there is a dot and more behind the name.
 */
export function damagedFolderName(directory: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let number = 1;; number++) {
    const path = `${directory}/damaged-${time}${number === 1 ? "" : `-${number}`}`;
    if (["", ".moving", ".reading"].every((step) => statIfThere(`${path}${step}`) === undefined)) return path;
  }
}

function isGone(error: unknown): boolean {
  return systemCode(error) === "ENOENT";
}
