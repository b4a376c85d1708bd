// Copies a queue database and its log, which the user of `queue` may write to, or may have forged.

import { messageOf } from "../failure.ts";
import { type Look, lookAt, textOf } from "../look.ts";
import {
  databaseFiles,
  openPlainFile,
  type PlainFile,
  removeDatabase,
  removeIfThere,
  statIfThere,
} from "../sqlite/files.ts";

/**
 * A file larger than this, in bytes, is not copied if it is mostly a hole; a million events fit in this size. The user
 * of `queue` can make a hole of any size, and its copy would fill the disk or never end.
 */
const MAX_HOLE = 1024 ** 3;

/** How many times to try a copy while hooks write, before leaving it to the next run. */
const MAX_COPIES = 5;

/** Buffer size for copying, in bytes. */
const CHUNK = 1024 * 1024;

/** How much is given up because the disk cannot read it, in bytes: the page size of the database. */
const SECTOR = 4096;

/** A longer file is not a note, in bytes. */
const MAX_NOTE = 1024;

/** Size of the header of a log, in bytes; the header changes whenever the log is reset ("WAL File Format"). */
const LOG_HEADER = 32;

/** Options of {@link copyDatabase}. */
export interface CopyOptions {
  /** How many times to try while the database changes. Default: 5. */
  readonly maxTries?: number;
  /** Called for a part that the disk cannot read; the copy has zeros in its place. By default, the copy fails. */
  readonly onUnreadable?: ((error: unknown) => void) | undefined;
  /** Keeps the copy for the next run, which copies only the log if the database has not changed. Default: no. */
  readonly kept?: KeptCopy;
}

/** Where to note which state of a database a copy has. Nothing may write to the copy. */
export interface KeptCopy {
  readonly note: string;
  /**
   * A directory that is made at each boot. An older copy is not used: after a power loss, the copy may be incomplete, and
   * the database may have a time from before its last write.
   */
  readonly madeAtBoot: string;
}

/**
 * Copies a database and its log while hooks may write.
 *
 * The log can be copied at any time, because SQLite ignores an incomplete transaction in it. Pages that a checkpoint
 * writes to the database during the copy are still in the log, unless the log was reset: then the copy is invalid.
 *
 * @returns whether it succeeded
 */
export function copyDatabase(from: string, to: string, options: CopyOptions = {}): boolean {
  const { maxTries = MAX_COPIES, kept } = options;
  for (let tries = 0; tries < maxTries; tries++) {
    const before = stateOf(from);
    if (kept === undefined || !isKept(from, to, kept)) copyWhole(from, to, options);
    else removeLog(to);
    copy(`${from}-wal`, `${to}-wal`, options);
    if (stateOf(from) === before) return true;
  }
  return false;
}

/** Copies the database, without its log. */
function copyWhole(from: string, to: string, options: CopyOptions): void {
  const { kept } = options;
  // Before the copy: a write since then makes it invalid.
  const look = lookAt([from]);
  removeDatabase(to);
  copy(from, to, options);
  if (kept === undefined || !look.isSettled) return;
  try {
    removeIfThere(kept.note);
    Deno.writeTextFileSync(kept.note, noteOf(look, to, kept), { createNew: true, mode: 0o600 });
  } catch {
    // The next run copies the database again.
  }
}

/**
 * Whether the copy is the database as it is now. As long as the database does not change, the log has everything that is
 * not in it.
 */
function isKept(from: string, to: string, kept: KeptCopy): boolean {
  const info = statIfThere(kept.note);
  if (info?.isFile !== true || info.size > MAX_NOTE || statIfThere(kept.madeAtBoot) === undefined) return false;
  return Deno.readTextFileSync(kept.note) === noteOf(lookAt([from]), to, kept);
}

/** The note for a copy of a database that looks so. Changes with every write to the copy. */
function noteOf(look: Look, to: string, { madeAtBoot }: KeptCopy): string {
  return textOf([look, lookAt([to, madeAtBoot])]);
}

/** Removes all files of a database but the database itself. */
export function removeLog(path: string): void {
  databaseFiles(path).slice(1).forEach(removeIfThere);
}

/** Changes whenever the log is reset or checkpointed. */
function stateOf(path: string): string {
  using log = openPlainFile(`${path}-wal`);
  const header = new Uint8Array(LOG_HEADER);
  let length = 0;
  try {
    length = log?.read(header, 0) ?? 0;
  } catch {
    // The copy reports it.
  }
  return `${lookAt([path]).text} ${header.subarray(0, length)}`;
}

/** A text that changes with every write to a database or its log. */
export function looksOf(path: string): string {
  return lookAt([path, `${path}-wal`]).text;
}

function copy(from: string, to: string, { onUnreadable }: CopyOptions): void {
  using source = openPlainFile(from);
  if (source === undefined) return;
  if (source.size > MAX_HOLE && source.allocated < source.size / 2) {
    throw new Error(`"${from}" is mostly a hole (${source.size} bytes)`);
  }
  using target = orSay(to, () => Deno.openSync(to, { createNew: true, write: true, mode: 0o600 }));
  const buffer = new Uint8Array(CHUNK);
  // Data written during the copy is in the next copy.
  for (let position = 0, length = 0; position < source.size; position += length) {
    const chunk = buffer.subarray(0, Math.min(CHUNK, source.size - position));
    length = readChunk(source, { chunk, position, onUnreadable });
    if (length === 0) break;
    let rest = chunk.subarray(0, length);
    while (rest.length > 0) rest = rest.subarray(orSay(to, () => target.writeSync(rest)));
  }
}

function readChunk(
  source: PlainFile,
  { chunk, position, onUnreadable }: { chunk: Uint8Array; position: number } & CopyOptions,
): number {
  try {
    return source.read(chunk, position);
  } catch (error) {
    if (onUnreadable === undefined) throw error;
    chunk.fill(0);
    if (chunk.length <= SECTOR) onUnreadable(error);
    else {
      for (let done = 0; done < chunk.length; done += SECTOR) {
        readChunk(source, { chunk: chunk.subarray(done, done + SECTOR), position: position + done, onUnreadable });
      }
    }
    return chunk.length;
  }
}

/** Names the copy in the error: it may be on another disk than the queue. */
function orSay<T>(to: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new Error(`cannot write its copy "${to}": ${messageOf(cause)}`, { cause });
  }
}
