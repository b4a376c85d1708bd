// Reads what `queue` wrote, without writing there. All of it is hostile: what can't be read as an event is counted.

import { MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { assertQueueSchema } from "./foreign_schema.ts";
import { openPlainFile, removeIfThere, statIfThere } from "./files.ts";
import { type Database, openDatabase } from "./open.ts";
import { MAX_RECORD_LENGTH, MAX_TIME_MS, parseRecord } from "./record.ts";

/** How long reading waits for a lock on the copy, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** How far the queue database was read: the last id, and the event that had it. */
export interface InboxPosition {
  readonly lastId: number;
  readonly lastUuid: string;
  /** What has a greater id is new for certain; up to it, events may have been taken in before. Undefined: unknown. */
  readonly againToId?: number;
}

/** Some events, oldest first, and the position after the last record. */
export interface InboxPage {
  readonly events: readonly SessionEvent[];
  /** How many records between them can't be read. Default: none. */
  readonly unreadable?: number;
  readonly position: InboxPosition;
  /** How many of them, the first ones, may have been taken in before. Default: none. */
  readonly again?: number;
}

/** Events that were not read yet. */
export interface Unread {
  readonly count: number;
  /** When the oldest of them happened, if its time makes sense, in milliseconds since the epoch. */
  readonly oldestAtMs?: number;
}

/** Before the first event. */
export const INBOX_START: InboxPosition = { lastId: 0, lastUuid: "" };

/** The queue database can't be read. The message says why, and what to do. */
export class InboxError extends Error {
  override readonly name = "InboxError";
}

/** The queue database, read in a copy. */
export class Inbox {
  readonly #paths: StatePaths;
  #database: Database | undefined;
  /** What the database and its log looked like when they were copied. */
  #looks = "";

  constructor(paths: StatePaths) {
    this.#paths = paths;
  }

  /** Lets go of the database. It is opened again where something is read after that. */
  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  /**
   * The events behind a position. Where the database is not the one that the position is from (it was mended, or the
   * row has gone), reading starts again from the first: what is known already is told by its uuid.
   *
   * @param limit how many at most
   * @returns undefined where that must wait for the next time
   * @throws {InboxError} where it can't be read
   */
  read(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#open(), { position, limit }));
  }

  /**
   * As {@link read}, but from the copy that is open, so that many pages need one copy. Later events are not in it.
   */
  readOn(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#database ?? this.#open(), { position, limit }));
  }

  /**
   * What stands behind a position, without reading it.
   *
   * @returns undefined where there is no queue database yet
   * @throws {InboxError} where it can't be read
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
   * When the newest event happened, by its own account, in milliseconds since the epoch.
   *
   * @returns undefined where there is none
   * @throws {InboxError} where it can't be read
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
      // Open it anew next time: it may have been mended by then.
      this.close();
      throw new InboxError(
        `Cannot read the queue database "${queueDatabase}": ${messageOf(cause)}; ` +
          "its events are kept, and go out once ssh-session-notifier can read it",
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
   * Opens a copy of the database, made anew where that has changed. In place it can't be read: for that one must be able
   * to lock the index of its log, and who can do that can hold every login up for ten seconds; see hook/insert.ts.
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
      // A copy need not outlast a power loss.
      this.#database.exec("PRAGMA synchronous = OFF");
      // Has SQLite open the log, too.
      assertQueueSchema(this.#database);
    } finally {
      // Once they are open they need no names, and so nothing is left however the process ends.
      removeCopy(queueCopy);
    }
    this.#looks = looks;
    return this.#database;
  }
}

/**
 * What is wrong with the numbers of events, if anything is. SQLite numbers a row after the last one, so one row with a
 * number that can't be read would hide all logins after it, for ever, and in silence.
 */
export function faultOfNumbers(database: Database): string | undefined {
  const row = database.prepare(`SELECT 1 FROM event WHERE id > ${Number.MAX_SAFE_INTEGER} LIMIT 1`).get();
  return row === undefined ? undefined : "events in it have numbers that are too large";
}

function assertNumbers(database: Database): void {
  const fault = faultOfNumbers(database);
  if (fault !== undefined) throw new Error(fault);
}

/**
 * From this size on a file that is mostly holes is not copied, in bytes: that of a million events. Whoever writes there may
 * make a hole of any size, for which the disk, and a run, would be too small.
 */
const MAX_HOLE = 1024 ** 3;

/** How often copying is tried while hooks write, before it waits for the next time. */
const MAX_COPIES = 5;

/** So much is copied at a time, in bytes. */
const CHUNK = 1024 * 1024;

/** How long the header of a log is, in bytes; it changes whenever the log is begun anew ("WAL File Format"). */
const LOG_HEADER = 32;

/**
 * Copies a database and its log while others may write.
 *
 * What stands in the log may be copied at any time: a part of it that is not whole is left out by SQLite. And what is
 * folded into the database meanwhile stands in the log still, unless that has been begun anew: then the copy is none.
 *
 * @returns whether that has succeeded
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

/** Changes whenever the log is begun anew, and whenever it is folded into the database. */
function stateOf(path: string): string {
  using log = openPlainFile(`${path}-wal`);
  const header = new Uint8Array(LOG_HEADER);
  const length = log?.read(header, 0) ?? 0;
  return `${looksOfFile(path)} ${header.subarray(0, length)}`;
}

/** Changes whenever somebody writes. */
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
    throw new Error(`"${from}" is mostly a hole, of ${source.size} bytes`);
  }
  using target = orSay(to, () => Deno.openSync(to, { createNew: true, write: true, mode: 0o600 }));
  const chunk = new Uint8Array(CHUNK);
  // What is written meanwhile comes with the next copy.
  for (let position = 0, length = 0; position < source.size; position += length) {
    length = source.read(chunk.subarray(0, Math.min(CHUNK, source.size - position)), position);
    if (length === 0) break;
    let rest = chunk.subarray(0, length);
    while (rest.length > 0) rest = rest.subarray(orSay(to, () => target.writeSync(rest)));
  }
}

/** Says that it is the copy that can't be written: the queue may be on another disk. */
function orSay<T>(to: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new Error(`cannot write its copy "${to}": ${messageOf(cause)}`, { cause });
  }
}

// A row without a uuid, or with one that is none, is an event too, and must not pass for another one.
const UUID = `coalesce(CASE WHEN octet_length(uuid) <= ${MAX_NAME_LENGTH} THEN uuid END, 'row ' || id) AS uuid`;

/** From where to read on: the position, or the start where it is from another database. */
function startOf(database: Database, position: InboxPosition): InboxPosition {
  if (position.lastId === 0) return position;
  const at = database.prepare(`SELECT ${UUID} FROM event WHERE id = ?`).get(position.lastId);
  return at !== undefined && at["uuid"] === position.lastUuid ? position : INBOX_START;
}

/** The id of the newest event; 0 where there is none. */
function lastIdOf(database: Database): number {
  const row = database.prepare(`SELECT max(id) AS last FROM event WHERE id <= ${Number.MAX_SAFE_INTEGER}`).get();
  return Number(row?.["last"] ?? 0);
}

const AT = `CASE WHEN occurred_at_ms BETWEEN -${MAX_TIME_MS} AND ${MAX_TIME_MS} THEN occurred_at_ms END`;

const COUNT_UNREAD = `
  SELECT count(*) AS count, min(${AT}) AS oldest FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER}`;

// What does not fit into a JavaScript number would make the whole read fail, and hide what stands behind it. A record
// that is too long is no event, and is not even loaded: it may be as large as the database.
const READ_PAGE = `
  SELECT id, ${UUID}, CASE WHEN octet_length(record) <= ${MAX_RECORD_LENGTH} THEN record END AS record,
    ${AT} AS at
  FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER} ORDER BY id LIMIT ?`;
