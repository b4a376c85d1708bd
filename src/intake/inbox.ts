// Reads the queue database, without writing to it. All of it is hostile. Records that are not an event are counted.

import { MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { assertQueueSchema } from "../sqlite/foreign_schema.ts";
import { openPlainFile, removeIfThere, statIfThere } from "../sqlite/files.ts";
import { type Database, openDatabase } from "../sqlite/open.ts";
import { MAX_RECORD_LENGTH, MAX_TIME_MS, parseRecord } from "./record.ts";

/** How long a read waits for a lock on the copy, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** The position up to which the queue database was read: the last id, and the UUID of its event. */
export interface InboxPosition {
  readonly lastId: number;
  readonly lastUuid: string;
  /** Events up to this id may have been taken in before; events with a greater id are new. Undefined: unknown. */
  readonly againToId?: number;
}

/** A page of events, oldest first, and the position after its last record. */
export interface InboxPage {
  readonly events: readonly SessionEvent[];
  /** How many records of the page are not an event. Default: 0. */
  readonly unreadable?: number;
  readonly position: InboxPosition;
  /** How many events, from the first one on, may have been taken in before. Default: 0. */
  readonly again?: number;
}

/** The events that were not read yet. */
export interface Unread {
  readonly count: number;
  /** Time of the oldest one, in milliseconds since the epoch; absent if no time is valid. */
  readonly oldestAtMs?: number;
}

/** Before the first event. */
export const INBOX_START: InboxPosition = { lastId: 0, lastUuid: "" };

/** The queue database can't be read. The message contains the reason. */
export class InboxError extends Error {
  override readonly name = "InboxError";
}

/** Reads a copy of the queue database. */
export class Inbox {
  readonly #paths: StatePaths;
  #database: Database | undefined;
  /** State of the database and its log when they were copied, from {@link looksOf}. */
  #looks = "";

  constructor(paths: StatePaths) {
    this.#paths = paths;
  }

  /** Closes the copy. The next read opens a new one. */
  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  /**
   * Reads the events after a position. If the position is from another database (the queue was repaired, or the row was
   * deleted), reads from the first event: the store recognizes known events by UUID.
   *
   * @param limit the most records to read
   * @returns undefined if the read must wait until the next run
   * @throws {InboxError} if the database can't be read
   */
  read(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#open(), { position, limit }));
  }

  /** Like {@link read}, but from the open copy if there is one, which does not have newer events. Saves copies. */
  readOn(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#database ?? this.#open(), { position, limit }));
  }

  /**
   * Counts the events after a position.
   *
   * @returns undefined if the queue database does not exist yet
   * @throws {InboxError} if it can't be read
   */
  unread(position: InboxPosition): Unread | undefined {
    return this.#explaining(() => {
      const database = this.#open();
      if (database === undefined) return undefined;
      assertNumbers(database);
      const { lastId } = startOf(database, position);
      const row = database.prepare(COUNT_UNREAD).get(lastId);
      const oldest = row?.["oldest"];
      return { count: Number(row?.["count"]), ...(typeof oldest === "number" ? { oldestAtMs: oldest } : {}) };
    });
  }

  /**
   * The time of the newest event, as recorded in the event, in milliseconds since the epoch.
   *
   * @returns undefined if there is no event
   * @throws {InboxError} if the database can't be read
   */
  newestAtMs(): number | undefined {
    return this.#explaining(() => {
      const newest = this.#open()?.prepare(`SELECT max(${AT}) AS newest FROM event`).get()?.["newest"];
      return typeof newest === "number" ? newest : undefined;
    });
  }

  #explaining<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const { queueDatabase } = this.#paths;
      // The database may be repaired before the next read, which must open it again.
      this.close();
      throw new InboxError(
        `Cannot read the queue database "${queueDatabase}": ${messageOf(cause)}; ` +
          "its events are kept, and sent once ssh-session-notifier can read it",
        { cause },
      );
    }
  }

  #read(
    database: Database | undefined,
    { position, limit }: { position: InboxPosition; limit: number },
  ): InboxPage | undefined {
    if (database === undefined) {
      const isThere = statIfThere(this.#paths.queueDatabase) !== undefined;
      return isThere ? undefined : { events: [], position: { againToId: 0, ...position } };
    }
    const from = startOf(database, position);
    const againToId = from.againToId ?? lastIdOf(database);
    const rows = database.prepare(READ_PAGE).all(from.lastId, limit);
    if (rows.length === 0) assertNumbers(database);
    const events: SessionEvent[] = [];
    let last = { ...from, againToId };
    let again = 0;
    for (const row of rows) {
      const uuid = String(row["uuid"]);
      const event = parseRecord({ uuid, occurredAtMs: row["at"], record: String(row["record"]) });
      last = { lastId: Number(row["id"]), lastUuid: uuid, againToId };
      if (event === undefined) continue;
      events.push(event);
      if (last.lastId <= againToId) again++;
    }
    const unreadable = rows.length - events.length;
    return { events, position: last, again, ...(unreadable > 0 ? { unreadable } : {}) };
  }

  /**
   * Opens a copy of the database, and renews the copy if the database has changed. A WAL reader must lock the -shm file,
   * and a process that can lock it can delay logins by ten seconds (see hook/insert.ts), so `send` reads a copy.
   */
  #open(): Database | undefined {
    const { queueDatabase, queueCopy } = this.#paths;
    if (statIfThere(queueDatabase) === undefined) return undefined;
    const looks = looksOf(queueDatabase);
    if (this.#database !== undefined && looks === this.#looks) return this.#database;
    this.close();
    try {
      if (!copyWhole(queueDatabase, queueCopy)) return undefined;
      this.#database = openDatabase(queueCopy, { busyTimeoutMs: BUSY_TIMEOUT_MS });
      // The copy need not survive a power loss.
      this.#database.exec("PRAGMA synchronous = OFF");
      // This also makes SQLite open the log.
      assertQueueSchema(this.#database);
    } finally {
      // The open files need no names: if the process is killed, nothing remains on the disk.
      removeCopy(queueCopy);
    }
    this.#looks = looks;
    return this.#database;
  }
}

/**
 * Returns what is wrong with the row ids; undefined if nothing is. SQLite gives a new row the largest id plus one, so one
 * row with an id that JavaScript can't represent would silently hide all logins after it.
 */
export function faultOfNumbers(database: Database): string | undefined {
  const row = database.prepare(`SELECT 1 FROM event WHERE id > ${Number.MAX_SAFE_INTEGER} LIMIT 1`).get();
  return row === undefined ? undefined : "it has events with numbers that are too large";
}

function assertNumbers(database: Database): void {
  const fault = faultOfNumbers(database);
  if (fault !== undefined) throw new Error(fault);
}

/**
 * A file larger than this, in bytes, is not copied if it is mostly a hole; a million events fit in this size. The user
 * of `queue` can make a hole of any size, and its copy would fill the disk or never end.
 */
const MAX_HOLE = 1024 ** 3;

/** How many times to try a copy while hooks write, before leaving it to the next run. */
const MAX_COPIES = 5;

/** Buffer size for copying, in bytes. */
const CHUNK = 1024 * 1024;

/** Size of the header of a log, in bytes; the header changes whenever the log is reset ("WAL File Format"). */
const LOG_HEADER = 32;

/**
 * Copies a database and its log while hooks may write.
 *
 * The log can be copied at any time, because SQLite ignores an incomplete transaction in it. Pages that a checkpoint
 * writes to the database during the copy are still in the log, unless the log was reset: then the copy is invalid.
 *
 * @returns whether it succeeded
 */
function copyWhole(from: string, to: string): boolean {
  for (let tries = 0; tries < MAX_COPIES; tries++) {
    removeCopy(to);
    const before = stateOf(from);
    copy(from, to);
    copy(`${from}-wal`, `${to}-wal`);
    if (stateOf(from) === before) return true;
  }
  return false;
}

function removeCopy(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) removeIfThere(`${path}${suffix}`);
}

/** Changes whenever the log is reset or checkpointed. */
function stateOf(path: string): string {
  using log = openPlainFile(`${path}-wal`);
  const header = new Uint8Array(LOG_HEADER);
  const length = log?.read(header, 0) ?? 0;
  return `${looksOfFile(path)} ${header.subarray(0, length)}`;
}

/** Changes with every write to the database or its log. */
function looksOf(path: string): string {
  return `${looksOfFile(path)} ${looksOfFile(`${path}-wal`)}`;
}

function looksOfFile(path: string): string {
  const info = statIfThere(path);
  return `${info?.dev}:${info?.ino}:${info?.size}:${info?.mtime?.getTime()}`;
}

function copy(from: string, to: string): void {
  using source = openPlainFile(from);
  if (source === undefined) return;
  if (source.size > MAX_HOLE && source.allocated < source.size / 2) {
    throw new Error(`"${from}" is mostly a hole (${source.size} bytes)`);
  }
  using target = orSay(to, () => Deno.openSync(to, { createNew: true, write: true, mode: 0o600 }));
  const chunk = new Uint8Array(CHUNK);
  // Data written during the copy is in the next copy.
  for (let position = 0, length = 0; position < source.size; position += length) {
    length = source.read(chunk.subarray(0, Math.min(CHUNK, source.size - position)), position);
    if (length === 0) break;
    let rest = chunk.subarray(0, length);
    while (rest.length > 0) rest = rest.subarray(orSay(to, () => target.writeSync(rest)));
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

// A row with a missing or too long UUID is an event too, so it gets a unique one.
const UUID = `coalesce(CASE WHEN octet_length(uuid) <= ${MAX_NAME_LENGTH} THEN uuid END, 'row ' || id) AS uuid`;

/** Where to continue: at the position, or at the start if the position is from another database. */
function startOf(database: Database, position: InboxPosition): InboxPosition {
  if (position.lastId === 0) return position;
  const at = database.prepare(`SELECT ${UUID} FROM event WHERE id = ?`).get(position.lastId);
  return at !== undefined && at["uuid"] === position.lastUuid ? position : INBOX_START;
}

/** The id of the newest event; 0 if there is none. */
function lastIdOf(database: Database): number {
  const row = database.prepare(`SELECT max(id) AS last FROM event WHERE id <= ${Number.MAX_SAFE_INTEGER}`).get();
  return Number(row?.["last"] ?? 0);
}

const AT = `CASE WHEN occurred_at_ms BETWEEN -${MAX_TIME_MS} AND ${MAX_TIME_MS} THEN occurred_at_ms END`;

const COUNT_UNREAD = `
  SELECT count(*) AS count, min(${AT}) AS oldest FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER}`;

// A value that does not fit in a JavaScript number would make the whole read fail, and hide the rows after it. A record
// that is too long is not loaded, because it may be as large as the database.
const READ_PAGE = `
  SELECT id, ${UUID}, CASE WHEN octet_length(record) <= ${MAX_RECORD_LENGTH} THEN record END AS record,
    ${AT} AS at
  FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER} ORDER BY id LIMIT ?`;
