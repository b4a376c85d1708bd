// Reads the rows of a damaged SQLite database page by page, without SQLite and without the trees that lead to them:
// of a file whose header, root or any other page is gone, this still finds all that stands on the other pages.
// The format: https://www.sqlite.org/fileformat2.html. All of it may be hostile; nothing is believed, and each loop ends.

import { NotPlainError, openPlainFile, type PlainFile } from "../sqlite/files.ts";

/** A value of a row. Blobs, which none of our tables have, are left out as undefined. */
export type CarvedValue = null | number | string | undefined;

/** A row as it stands on its page; of which table, only its shape can tell. */
export interface CarvedRow {
  /** Of a table that has rowids; the column that is an alias of it is null among the values. May be rounded. */
  readonly rowid: number | undefined;
  readonly values: readonly CarvedValue[];
}

/** The most that is read of a database, in bytes. More than any has; a hole of a terabyte must not hold up a run. */
const MAX_BYTES = 1024 ** 3;

/** The most that is read of a log, in bytes: hundreds of times what one is allowed to grow to. */
const MAX_LOG_BYTES = 64 * 1024 ** 2;

/** The most that one row may hold, in bytes; more than any row of ours. */
const MAX_PAYLOAD = 512 * 1024;

const decoder = new TextDecoder();

const DEFAULT_PAGE_SIZE = 4096;
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const PAGE_TYPES = { indexInterior: 0x02, indexLeaf: 0x0a, tableLeaf: 0x0d } as const;

/**
 * The rows of a database and its `-wal`, in the order of their pages. A row may come that was deleted, or twice, as it
 * was and as it became, where the damage has hit what would tell.
 *
 * @param path the database; it, or its `-wal`, may be missing, or be something else than a file
 * @param options.leaveOut whether it is silent of what the disk can't read. Default: false
 * @throws what the disk says: where it can't read a part, once all the others have come
 */
export function* carveRows(path: string, { leaveOut = false } = {}): Generator<CarvedRow> {
  using databaseFile = openIfPlain(path);
  using walFile = openIfPlain(`${path}-wal`);
  const reads: Reads = { done: 0, failure: undefined };
  const [database, wal] = [databaseFile, walFile].map((file) => file && withHoles(file, reads));
  const pages = new Pages(database, wal);
  for (let number = 1; number <= pages.count; number++) {
    if (pages.isFree(number)) continue;
    const page = pages.read(number);
    if (page !== undefined) yield* rowsOf(page, { start: number === 1 ? 100 : 0, pages });
  }
  if (reads.failure !== undefined && (!leaveOut || reads.done === 0)) throw reads.failure;
}

/** How often a part is read, before it is taken for one that can't be. */
const MAX_READS = 2;

/** What has come of all reading. */
interface Reads {
  done: number;
  failure: unknown;
}

/**
 * A file of which what the disk can't read is empty. That is often why a database is damaged: SQLite says of one that
 * can't be read that it is malformed. It must hide nothing of the rest.
 */
function withHoles(file: PlainFile, reads: Reads): PlainFile {
  const read = (bytes: Uint8Array, position: number) => {
    for (let tries = 0; tries < MAX_READS; tries++) {
      try {
        const length = file.read(bytes, position);
        reads.done++;
        return length;
      } catch (error) {
        // Of a read that fails in the middle, nothing is believed.
        bytes.fill(0);
        if (tries === MAX_READS - 1) reads.failure ??= error;
      }
    }
    return 0;
  };
  return { ...file, read };
}

function openIfPlain(path: string): PlainFile | undefined {
  try {
    return openPlainFile(path);
  } catch (error) {
    if (error instanceof NotPlainError) return undefined;
    throw error;
  }
}

/** The pages of a database, the newest version of each. */
class Pages {
  readonly pageSize: number;
  /** What of a page is used for content, in bytes. */
  readonly usable: number;
  readonly count: number;
  readonly #database: PlainFile | undefined;
  readonly #wal: PlainFile | undefined;
  /** Where the newest version of a page begins in the log. */
  readonly #inWal: ReadonlyMap<number, number>;
  readonly #free: ReadonlySet<number>;

  constructor(database: PlainFile | undefined, wal: PlainFile | undefined) {
    this.#database = database;
    this.#wal = wal;
    const header = readAt(database, 0, 100);
    const isHeader = hasMagic(header);
    this.pageSize = pageSizeOf(isHeader ? header : new Uint8Array(100), readAt(wal, 0, WAL_HEADER));
    this.usable = this.pageSize - (isHeader ? header[20] ?? 0 : 0);
    this.#inWal = newestFrames(wal, this.pageSize);
    const inDatabase = Math.ceil(Math.min(database?.size ?? 0, MAX_BYTES) / this.pageSize);
    this.count = this.#inWal.keys().reduce((most, page) => Math.max(most, page), inDatabase);
    this.#free = this.#freePages();
  }

  read(number: number): Uint8Array | undefined {
    if (number < 1 || number > this.count) return undefined;
    const inWal = this.#inWal.get(number);
    const page = inWal === undefined
      ? readAt(this.#database, (number - 1) * this.pageSize, this.pageSize)
      : readAt(this.#wal, inWal, this.pageSize);
    return page;
  }

  /** Whether a page is one of those that the database has put by, with old rows on it. */
  isFree(number: number): boolean {
    return this.#free.has(number);
  }

  /** "The Freelist" of the format: a chain of trunk pages, each of which names more. */
  #freePages(): Set<number> {
    const free = new Set<number>();
    const first = this.read(1);
    if (first === undefined || !hasMagic(first)) return free;
    for (let trunk = uint32(first, 32); trunk !== 0 && !free.has(trunk);) {
      const page = this.read(trunk);
      if (page === undefined) break;
      free.add(trunk);
      const count = Math.min(uint32(page, 4), this.pageSize / 4 - 2);
      for (let leaf = 0; leaf < count; leaf++) free.add(uint32(page, 8 + 4 * leaf));
      trunk = uint32(page, 0);
    }
    return free;
  }
}

/** The page size of the header, else of the log, else SQLite's default; at least large enough for what is read below. */
function pageSizeOf(header: Uint8Array, walHeader: Uint8Array): number {
  const stored = uint16(header, 16);
  const inWal = isWalHeader(walHeader) ? uint32(walHeader, 8) : 0;
  const isSize = (size: number) => size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
  return [stored === 1 ? 65_536 : stored, inWal].find(isSize) ?? DEFAULT_PAGE_SIZE;
}

function hasMagic(header: Uint8Array): boolean {
  return decoder.decode(header.subarray(0, 16)) === "SQLite format 3\0";
}

/** Whether a log begins as one does; the lowest bit is the byte order of its sums. */
function isWalHeader(header: Uint8Array): boolean {
  return uint32(header, 0) - (uint32(header, 0) % 2) === 0x377f0682;
}

/** Where the log has the newest version of each page: of the frames of one generation, up to the last commit. */
function newestFrames(wal: PlainFile | undefined, pageSize: number): Map<number, number> {
  const newest = new Map<number, number>();
  let uncommitted: [number, number][] = [];
  const size = Math.min(wal?.size ?? 0, MAX_LOG_BYTES);
  const header = readAt(wal, 0, WAL_HEADER);
  // A header that is damaged says nothing; then the first frame does.
  let generation = isWalHeader(header) ? header.subarray(16, 24).join() : undefined;
  for (let at = WAL_HEADER; at + FRAME_HEADER + pageSize <= size; at += FRAME_HEADER + pageSize) {
    const frame = readAt(wal, at, FRAME_HEADER);
    const number = uint32(frame, 0);
    if (number === 0 || number > MAX_BYTES / pageSize) continue;
    const salts = frame.subarray(8, 16).join();
    generation ??= salts;
    if (salts !== generation) continue;
    uncommitted.push([number, at + FRAME_HEADER]);
    if (uint32(frame, 4) === 0) continue;
    for (const [page, offset] of uncommitted) newest.set(page, offset);
    uncommitted = [];
  }
  return newest;
}

function* rowsOf(page: Uint8Array, { start, pages }: { start: number; pages: Pages }): Generator<CarvedRow> {
  const type = page[start];
  const isTable = type === PAGE_TYPES.tableLeaf;
  if (!isTable && type !== PAGE_TYPES.indexLeaf && type !== PAGE_TYPES.indexInterior) return;
  const pointers = start + (type === PAGE_TYPES.indexInterior ? 12 : 8);
  const count = Math.min(uint16(page, start + 3), (page.length - pointers) / 2);
  for (let cell = 0; cell < count; cell++) {
    let at = uint16(page, pointers + 2 * cell);
    // The page that a cell of an interior page leads to.
    if (type === PAGE_TYPES.indexInterior) at += 4;
    const length = varint(page, at);
    if (length === undefined || length.value > MAX_PAYLOAD) continue;
    const rowid = isTable ? varint(page, length.next) : undefined;
    if (isTable && rowid === undefined) continue;
    const payload = payloadOf(page, { at: (rowid ?? length).next, length: length.value, isTable, pages });
    const values = valuesOf(payload);
    if (values !== undefined) yield { rowid: rowid?.value, values };
  }
}

/** The bytes of a row: what stands on its page, and the rest from the chain of pages behind it, as far as it leads. */
function payloadOf(
  page: Uint8Array,
  { at, length, isTable, pages }: { at: number; length: number; isTable: boolean; pages: Pages },
): Uint8Array {
  const { usable } = pages;
  const least = Math.floor((usable - 12) * 32 / 255) - 23;
  const most = isTable ? usable - 35 : Math.floor((usable - 12) * 64 / 255) - 23;
  if (length <= most) return page.subarray(at, at + length);
  const fitting = least + (length - least) % (usable - 4);
  const local = fitting <= most ? fitting : least;
  const payload = new Uint8Array(length);
  payload.set(page.subarray(at, at + local));
  let filled = local;
  for (let next = uint32(page, at + local); filled < length;) {
    const overflow = pages.read(next);
    if (overflow === undefined) break;
    const part = overflow.subarray(4, Math.min(usable, 4 + length - filled));
    payload.set(part, filled);
    filled += usable - 4;
    next = uint32(overflow, 0);
  }
  return payload.subarray(0, filled);
}

/** "Record Format": a header of serial types, then the values. Undefined where it is none. */
function valuesOf(payload: Uint8Array): CarvedValue[] | undefined {
  const header = varint(payload, 0);
  if (header === undefined || header.value < 2 || header.value > payload.length) return undefined;
  const values: CarvedValue[] = [];
  let body = header.value;
  for (let at = header.next; at < header.value;) {
    const type = varint(payload, at);
    if (type === undefined || type.next > header.value) return undefined;
    const length = lengthOf(type.value);
    values.push(valueOf(type.value, payload.subarray(body, body + length)));
    body += length;
    at = type.next;
  }
  return values;
}

/** The bytes of a value, by its serial type. */
function lengthOf(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type] ?? 0;
}

function valueOf(type: number, bytes: Uint8Array): CarvedValue {
  if (type >= 13 && type % 2 === 1) return decoder.decode(bytes);
  if (type === 8 || type === 9) return type - 8;
  if (type < 1 || type > 6) return type === 0 ? null : undefined;
  if (bytes.length < lengthOf(type)) return undefined;
  let value = (bytes[0] ?? 0) > 127 ? -1n : 0n;
  for (const byte of bytes) value = value << 8n | BigInt(byte);
  return Number(value);
}

/** "Variable-length integers": big-endian, 7 bits a byte, 9 bytes at most. What is too large for JavaScript is rounded. */
function varint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 9; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    if (index === 8) return { value: value * 256 + byte, next: at + 9 };
    value = value * 128 + (byte & 127);
    if (byte < 128) return { value, next: at + index + 1 };
  }
  return undefined;
}

function readAt(file: PlainFile | undefined, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return file === undefined ? bytes : (file.read(bytes, position), bytes);
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function uint32(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 65_536 + uint16(bytes, at + 2);
}
