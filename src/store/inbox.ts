// Reads what `queue` wrote, without writing there. All of it is hostile: what can't be read as an event
// becomes an event that says so, since a person must hear of it.

import * as v from "valibot";
import { cap, MAX_AUTH_INFO_LENGTH, MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import type { StatePaths } from "../paths.ts";
import { removeIfThere, statIfThere } from "./files.ts";
import { type Database, openDatabase } from "./open.ts";

/** How long reading waits for a lock, in milliseconds. Readers of a write-ahead log hardly ever wait. */
const BUSY_TIMEOUT_MS = 5_000;

/** How far the queue database was read: the last id, and the event that had it. */
export interface InboxPosition {
  readonly lastId: number;
  readonly lastUuid: string;
}

/** Some events, oldest first, and the position behind the last one. */
export interface InboxPage {
  readonly events: readonly SessionEvent[];
  readonly position: InboxPosition;
}

/** Events that were not read yet. */
export interface Unread {
  readonly count: number;
  /** When the oldest of them happened, if its time makes sense, in milliseconds since the epoch. */
  readonly oldestAtMs?: number;
}

/** Before the first event. */
export const INBOX_START: InboxPosition = { lastId: 0, lastUuid: "" };

/** Stands for the user of an event whose record can't be read. */
export const UNREADABLE = "(unreadable record)";

/** The queue database can't be read. The message says why, and what to do. */
export class InboxError extends Error {
  override readonly name = "InboxError";
}

/** The queue database, open for reading. */
export class Inbox {
  readonly #paths: StatePaths;
  #database: Database | undefined;
  #identity = "";

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
   * @returns undefined where there is no queue database yet
   * @throws {InboxError} where it can't be read
   */
  read(position: InboxPosition, limit: number): InboxPage | undefined {
    return this.#explaining(() => this.#read(position, limit));
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
      const { lastId } = startOf(database, position);
      const row = database.prepare(COUNT_UNREAD).get(lastId);
      const oldest = row?.["oldest"];
      return { count: Number(row?.["count"]), ...(typeof oldest === "number" ? { oldestAtMs: oldest } : {}) };
    });
  }

  #explaining<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const { queueDatabase } = this.#paths;
      const reason = cause instanceof Error ? cause.message : String(cause);
      // Open it anew next time: it may have been mended by then.
      this.close();
      throw new InboxError(
        `Cannot read the queue database "${queueDatabase}": ${reason}; its events are kept, and go out once ` +
          `ssh-session-notifier can read it`,
        { cause },
      );
    }
  }

  #read(position: InboxPosition, limit: number): InboxPage | undefined {
    const database = this.#open();
    if (database === undefined) return undefined;
    const from = startOf(database, position);
    const rows = database.prepare(READ_PAGE).all(from.lastId, limit);
    const events: SessionEvent[] = [];
    let last = from;
    for (const row of rows) {
      const uuid = String(row["uuid"]);
      events.push(parseRecord({ uuid, occurredAtMs: row["at"], record: String(row["record"]) }));
      last = { lastId: Number(row["id"]), lastUuid: uuid };
    }
    return { events, position: last };
  }

  /** Opens the database, again where the file has become another one. */
  #open(): Database | undefined {
    const { queueDatabase, queueCopy } = this.#paths;
    const file = statIfThere(queueDatabase);
    if (file === undefined) return undefined;
    const inPlace = this.#hasLog();
    const identity = `${file.dev}:${file.ino}:${inPlace ? "in place" : file.mtime?.getTime()}`;
    if (this.#database !== undefined && identity === this.#identity) return this.#database;
    this.close();
    this.#database = inPlace
      ? openDatabase(queueDatabase, { readOnly: true, busyTimeoutMs: BUSY_TIMEOUT_MS })
      : this.#openCopy(queueCopy);
    this.#identity = identity;
    return this.#database;
  }

  /** Whether the files are there without which a reader who may not write can't read a write-ahead log. */
  #hasLog(): boolean {
    return ["-wal", "-shm"].every((suffix) => statIfThere(`${this.#paths.queueDatabase}${suffix}`) !== undefined);
  }

  /**
   * Somebody opened the database with another tool, which folded the log into it and took `-wal` and `-shm` away.
   * Until the next hook brings them back nobody writes, and a copy is whole.
   */
  #openCopy(copy: string): Database | undefined {
    const { queueDatabase } = this.#paths;
    for (const suffix of ["", "-wal", "-shm"]) {
      removeIfThere(`${copy}${suffix}`);
    }
    Deno.copyFileSync(queueDatabase, copy);
    if (statIfThere(`${queueDatabase}-wal`) !== undefined) {
      Deno.copyFileSync(`${queueDatabase}-wal`, `${copy}-wal`);
    }
    // A hook that came meanwhile may have changed a file while it was copied: read in place next time.
    if (this.#hasLog()) return undefined;
    return openDatabase(copy, { busyTimeoutMs: BUSY_TIMEOUT_MS });
  }
}

/** The longest record that is read, in characters; several times what a hook can write. */
const MAX_RECORD_LENGTH = 128 * 1024;

/** The furthest time from the epoch that JavaScript knows, in milliseconds (ECMA-262, "Time Values and Time Range"). */
const MAX_TIME_MS = 8.64e15;

// A row without a uuid is an event too, and must not pass for another one.
const UUID = `coalesce(substr(uuid, 1, ${MAX_NAME_LENGTH}), 'row ' || id) AS uuid`;

/** From where to read on: the position, or the start where it is from another database. */
function startOf(database: Database, position: InboxPosition): InboxPosition {
  const at = database.prepare(`SELECT ${UUID} FROM event WHERE id = ?`).get(position.lastId);
  return at !== undefined && at["uuid"] === position.lastUuid ? position : INBOX_START;
}

const AT = `CASE WHEN occurred_at_ms BETWEEN -${MAX_TIME_MS} AND ${MAX_TIME_MS} THEN occurred_at_ms END`;

const COUNT_UNREAD = `
  SELECT count(*) AS count, min(${AT}) AS oldest FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER}`;

// What does not fit into a JavaScript number would make the whole read fail, and hide what stands behind it.
const READ_PAGE = `
  SELECT id, ${UUID}, substr(record, 1, ${MAX_RECORD_LENGTH}) AS record,
    ${AT} AS at
  FROM event WHERE id > ? AND id <= ${Number.MAX_SAFE_INTEGER} ORDER BY id LIMIT ?`;

const text = (maxLength: number) => v.pipe(v.string(), v.transform((value) => cap(value, maxLength)));
const name = text(MAX_NAME_LENGTH);

const recordSchema = v.object({
  type: v.picklist(["open", "close"]),
  user: name,
  remoteHost: name,
  terminal: name,
  service: name,
  connection: name,
  authInfo: text(MAX_AUTH_INFO_LENGTH),
  parentPid: v.pipe(v.number(), v.safeInteger()),
  tampered: v.array(
    v.picklist(["PAM_TYPE", "PAM_USER", "PAM_RHOST", "PAM_TTY", "PAM_SERVICE", "SSH_CONNECTION", "SSH_AUTH_INFO_0"]),
  ),
});

/** The event that a row holds; uuid and time are those of the row. */
function parseRecord(row: { uuid: string; occurredAtMs: unknown; record: string }): SessionEvent {
  const { uuid, occurredAtMs } = row;
  let record: unknown;
  try {
    record = JSON.parse(row.record);
  } catch {
    record = undefined;
  }
  const { success, output } = v.safeParse(recordSchema, record);
  if (success && typeof occurredAtMs === "number") return { uuid, occurredAtMs, ...output };
  return {
    uuid,
    occurredAtMs: typeof occurredAtMs === "number" ? occurredAtMs : 0,
    type: "open",
    user: UNREADABLE,
    remoteHost: "",
    terminal: "",
    service: "",
    connection: "",
    authInfo: "",
    parentPid: 0,
    tampered: ["record"],
  };
}
