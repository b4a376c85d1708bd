// Helpers for files, used everywhere but in the hook.

// Deno's own `open` lacks O_NONBLOCK: opening a FIFO would block until a process opens it for writing.
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from "node:fs";
import { systemCode } from "../system_error.ts";

/** lstat(2); undefined if the file does not exist. */
export function statIfThere(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The files of a database: the database itself, its log, the index of the log, and the rollback journal. */
export function databaseFiles(path: string): string[] {
  return ["", "-wal", "-shm", "-journal"].map((suffix) => `${path}${suffix}`);
}

/** Removes a file if it exists. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Removes the files of a database. */
export function removeDatabase(path: string): void {
  databaseFiles(path).forEach(removeIfThere);
}

/**
 * The largest directory that is listed, in bytes (stat(2), `st_size`): some 25,000 names in ext4, XFS and Btrfs, and
 * 100,000 in a tmpfs. Deno reads all names at once, so an attacker's directory could take unlimited time and memory.
 */
export const MAX_FOLDER_BYTES = 2 * 1024 * 1024;

/**
 * Lists a directory.
 *
 * @throws if it does not exist, is not a directory, or is larger than {@link MAX_FOLDER_BYTES}
 */
export function listFolder(path: string): Deno.DirEntry[] {
  const info = Deno.lstatSync(path);
  if (!info.isDirectory) throw new NotPlainError(`"${path}" is not a directory`);
  if (info.size > MAX_FOLDER_BYTES) throw new Error(`"${path}" has, or had, too many files to list`);
  return [...Deno.readDirSync(path)];
}

/** A path that should be a plain file or a directory is something else. */
export class NotPlainError extends Error {
  override readonly name = "NotPlainError";
}

/** A plain file, open for reading. */
export interface PlainFile extends Disposable {
  /** Device and inode. */
  readonly id: string;
  /** Size when it was opened, in bytes. */
  readonly size: number;
  /** Allocated disk space, in bytes; less than the size if the file has holes (stat(2), `st_blocks`). */
  readonly allocated: number;
  readonly mtimeMs: number;
  /** Reads from `position`, and returns the number of bytes read. Fills `bytes` unless the file ends. */
  read(bytes: Uint8Array, position: number): number;
}

/**
 * Opens a file that an attacker may have created. Does not block (on a FIFO, for example) and does not follow a link.
 *
 * @returns undefined if it does not exist
 * @throws {NotPlainError} if it is not a plain file
 */
export function openPlainFile(path: string): PlainFile | undefined {
  const before = statIfThere(path);
  if (before === undefined) return undefined;
  if (!before.isFile) throw new NotPlainError(`"${path}" is not a plain file`);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const info = fstatSync(fd);
  // Deno's sandbox resolves links before it opens, so only this check detects a link that was created in between.
  if (!info.isFile() || info.ino !== before.ino || info.dev !== before.dev) {
    closeSync(fd);
    throw new NotPlainError(`"${path}" was replaced while it was being opened`);
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

/** Makes a file durable, or the names in a directory: a power loss may undo a rename that was not synced. */
export function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Returns an unused directory name for damaged files: `damaged-20261123T001332Z`, with `-2` and so on appended if that
 * second has one already.
 */
export function damagedFolderName(directory: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let number = 1;; number++) {
    const path = `${directory}/damaged-${time}${number === 1 ? "" : `-${number}`}`;
    if (statIfThere(path) === undefined) return path;
  }
}
