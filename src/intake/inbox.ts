// Reads the queue database, without writing to it. All of it is hostile. Records that are not an event are counted.

import { MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { removeDatabase, statIfThere } from "../sqlite/files.ts";
import { ForeignSchemaError } from "../sqlite/foreign_schema.ts";
import { type Database, openDatabase } from "../sqlite/open.ts";
import { faultOfQueueTable } from "../sqlite/queue_table.ts";
import { copyDatabase, looksOf, removeLog } from "./copy.ts";
import { MAX_RECORD_LENGTH, MAX_TIME_MS, parseRow, SourceError } from "./record.ts";

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
  /** How many events were deleted from the queue before they were read; see {@link startOf}. Default: 0. */
  readonly dropped?: number;
}

/** Before the first event. */
export const INBOX_START: InboxPosition = { lastId: 0, lastUuid: "" };

/** Reads a copy of the queue database. One at a time in a process: two would share the index of the same copy's log. */
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
   * Reads the events after a position. If the position is from another database (the queue was repaired), reads from the
   * first event: the store recognizes known events by UUID.
   *
   * @param limit the most records to read
   * @returns undefined if the read must wait until the next run
   * @throws {SourceError} if the database can't be read
   */
  read(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#open(), { position, limit }));
  }

  /** The state of the database and its log when the copy was made, from {@link looksOf}; empty without a copy. */
  get looks(): string {
    return this.#database === undefined ? "" : this.#looks;
  }

  /** Like {@link read}, but from the open copy if there is one, which does not have newer events. Saves copies. */
  readOn(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(this.#database ?? this.#open(), { position, limit }));
  }

  /**
   * The time of the newest event, as recorded in the event, in milliseconds since the epoch.
   *
   * @returns undefined if there is no event
   * @throws {SourceError} if the database can't be read
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
      const { queueDatabase, queueCopy } = this.#paths;
      // The database may be repaired before the next read, which must open it again; or it is the copy that is damaged.
      this.close();
      removeDatabase(queueCopy);
      throw new SourceError(
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
    const { dropped, ...from } = startOf(database, position);
    const againToId = from.againToId ?? lastIdOf(database);
    const rows = database.prepare(READ_PAGE).all(from.lastId, limit);
    const fault = rows.length === 0 ? faultOfNumbers(database) : undefined;
    if (fault !== undefined) throw new Error(fault);
    const events: SessionEvent[] = [];
    let last = { ...from, againToId };
    let again = 0;
    for (const row of rows) {
      const event = parseRow(row);
      last = { lastId: Number(row["id"]), lastUuid: String(row["uuid"]), againToId };
      if (event === undefined) continue;
      events.push(event);
      if (last.lastId <= againToId) again++;
    }
    const unreadable = rows.length - events.length;
    return {
      events,
      position: last,
      again,
      ...(unreadable > 0 ? { unreadable } : {}),
      ...(dropped > 0 ? { dropped } : {}),
    };
  }

  /**
   * Opens a copy of the database, and renews the copy if the database has changed. A WAL reader must lock the -shm file,
   * and a process that can lock it can delay logins by ten seconds (see hook/insert.ts), so `send` reads a copy.
   */
  #open(): Database | undefined {
    const { queueDatabase, queueCopy, queueCopyNote, runSpoolDir } = this.#paths;
    if (statIfThere(queueDatabase) === undefined) return undefined;
    const looks = looksOf(queueDatabase);
    if (this.#database !== undefined && looks === this.#looks) return this.#database;
    this.close();
    const kept = { note: queueCopyNote, madeAtBoot: runSpoolDir };
    try {
      if (!copyDatabase(queueDatabase, queueCopy, { kept })) return undefined;
      // Read-only: a checkpoint would write to the copy, which the next run uses with a newer log.
      this.#database = openDatabase(queueCopy, { readOnly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
      // This also makes SQLite open the log.
      const fault = faultOfQueueTable(this.#database);
      if (fault !== undefined) throw new ForeignSchemaError(fault);
    } finally {
      // The log needs no name while it is open. If it stayed, the next run could take it for a newer one.
      removeLog(queueCopy);
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

// A row with a missing or too long UUID is an event too, so it gets a unique one.
const UUID = `coalesce(CASE WHEN octet_length(uuid) <= ${MAX_NAME_LENGTH} THEN uuid END, 'row ' || id) AS uuid`;

/**
 * The most events that are reported as dropped. The ids may be forged, and no host has so many logins before an
 * administrator sees that `send` does not run.
 */
const MAX_DROPPED = 1_000_000;

/**
 * Where to continue, and how many events before that the hook has deleted although they were not read: it keeps the
 * newest 10,000. Ids grow by one, so the events after a position are those with greater ids, even if the event at the
 * position was deleted too. If the position is from another database, reading continues at the start. Events that may have
 * been read before do not count as dropped.
 */
function startOf(database: Database, position: InboxPosition): InboxPosition & { readonly dropped: number } {
  const { lastId, lastUuid, againToId } = position;
  const at = database.prepare(`SELECT ${UUID} FROM event WHERE id = ?`).get(lastId);
  if (at !== undefined && at["uuid"] === lastUuid) return { ...position, dropped: 0 };
  const first = database.prepare(`SELECT min(id) AS id FROM event WHERE id BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER}`);
  const firstId = Number(first.get()?.["id"] ?? 0);
  if (firstId <= lastId) return { ...INBOX_START, dropped: 0 };
  const dropped = firstId - 1 - Math.max(lastId, againToId ?? Infinity);
  return { ...position, dropped: Math.min(Math.max(dropped, 0), MAX_DROPPED) };
}

/** The id of the newest event; 0 if there is none. */
function lastIdOf(database: Database): number {
  const row = database.prepare(`SELECT max(id) AS last FROM event WHERE id <= ${Number.MAX_SAFE_INTEGER}`).get();
  return Number(row?.["last"] ?? 0);
}

const AT = `CASE WHEN occurred_at_ms BETWEEN -${MAX_TIME_MS} AND ${MAX_TIME_MS} THEN occurred_at_ms END`;

/**
 * The columns of an event. A value that does not fit in a JavaScript number would make the whole read fail, and hide the
 * rows after it. A record that is too long is not loaded, because it may be as large as the database.
 */
export const EVENT_COLUMNS = `
  ${UUID}, ${AT} AS occurredAtMs, CASE WHEN octet_length(record) <= ${MAX_RECORD_LENGTH} THEN record END AS record`;

const READ_PAGE = `
  SELECT id, ${EVENT_COLUMNS} FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER} ORDER BY id LIMIT ?`;
