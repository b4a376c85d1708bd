// Copies a queue database and its log, which the user of `queue` may write to, or may have forged.

import { messageOf } from "../failure.ts";
import { openPlainFile, type PlainFile, removeDatabase, statIfThere } from "../sqlite/files.ts";

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

/** Size of the header of a log, in bytes; the header changes whenever the log is reset ("WAL File Format"). */
const LOG_HEADER = 32;

/** Options of {@link copyDatabase}. */
export interface CopyOptions {
  /** How many times to try while the database changes. Default: 5. */
  readonly maxTries?: number;
  /** Called for a part that the disk cannot read; the copy has zeros in its place. By default, the copy fails. */
  readonly onUnreadable?: ((error: unknown) => void) | undefined;
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
  for (let tries = 0; tries < (options.maxTries ?? MAX_COPIES); tries++) {
    removeDatabase(to);
    const before = stateOf(from);
    copy(from, to, options);
    copy(`${from}-wal`, `${to}-wal`, options);
    if (stateOf(from) === before) return true;
  }
  return false;
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
  return `${looksOfFile(path)} ${header.subarray(0, length)}`;
}

/** A text that changes with every write to a database or its log. */
export function looksOf(path: string): string {
  return `${looksOfFile(path)} ${looksOfFile(`${path}-wal`)}`;
}

function looksOfFile(path: string): string {
  const info = statIfThere(path);
  return `${info?.dev}:${info?.ino}:${info?.size}:${info?.mtime?.getTime()}`;
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
