// Takes over the unsent events of the Go program of the same name, once. One transaction inserts them and notes that it
// did; then the old database is renamed. If the run is killed, the next run completes this.

import { createHash } from "node:crypto";
import { cap, MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { isRead, noteRead } from "./sources.ts";
import { takeInEvents } from "./take_in.ts";
import { databaseFiles, statIfThere } from "../sqlite/files.ts";
import { assertPlainFiles, assertPlainTable } from "../sqlite/foreign_schema.ts";
import { type Database, openDatabase, transaction } from "../sqlite/open.ts";
import { MAX_TIME_MS } from "../intake/record.ts";
import { rowsAroundDamage } from "../sqlite/rows_around_damage.ts";
import { SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR, sqliteCode } from "../sqlite/sqlite_error.ts";

/** How long to wait for a lock of a Go program that is still running, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** The note in the store that the events were taken over. There is only one such database, so `looks` is constant. */
const NOTE = { name: "legacy.db", looks: "taken" };

/** The columns of the Go program's table `session_events`. All but `id` are text. */
const COLUMNS = ["id", "event_type", "user", "remote_host", "terminal", "service", "session_datetime"] as const;

/** A row of that table. */
export type LegacyRow = Readonly<Record<typeof COLUMNS[number], unknown>>;

/**
 * Takes over the rows, if the database exists.
 *
 * @param options.keep whether to leave the file unchanged, for a preview
 */
export function takeOver(
  database: Database,
  { paths: { legacyDatabase: path }, log, keep }: {
    paths: Pick<StatePaths, "legacyDatabase">;
    log: Log;
    keep: boolean;
  },
): void {
  if (statIfThere(path) === undefined) {
    // Forget the note, because a file that appears there later is another database.
    if (isRead(database, NOTE)) database.prepare("DELETE FROM salvaged WHERE name = ?").run(NOTE.name);
    return;
  }
  if (!isRead(database, NOTE)) {
    const events = readRows(path, { log, readOnly: keep })?.map(legacyEvent);
    if (events === undefined) return;
    const { taken } = transaction(database, () => {
      noteRead(database, NOTE);
      return takeInEvents(database, events, { horizon: undefined });
    });
    log("warning", `took over ${taken} unsent events from the Go program of the same name`);
  }
  if (!keep) putBy(path);
}

/** Renames the database, so the next run does not read it again and the administrator can still look at it. */
function putBy(path: string): void {
  const taken = path.replace(/\.db$/, ".taken.db");
  // The database last: until then, the next run continues.
  for (const file of databaseFiles(path).toReversed()) {
    if (statIfThere(file) !== undefined) Deno.renameSync(file, `${taken}${file.slice(path.length)}`);
  }
}

/**
 * Reads all rows, including those with a `locked_at`, which stays set if the Go program crashes; of a damaged database,
 * those that SQLite can read.
 *
 * @returns undefined if that must wait until the next run; other events are sent meanwhile
 */
function readRows(path: string, { log, readOnly }: { log: Log; readOnly: boolean }): LegacyRow[] | undefined {
  const rows: unknown[] = [];
  try {
    assertPlainFiles(path);
    using database = openDatabase(path, { readOnly, busyTimeoutMs: BUSY_TIMEOUT_MS });
    assertPlainTable(database, "session_events");
    // One by one, because an error after the last readable row must not lose the others.
    for (const row of rowsAroundDamage(database, { table: "session_events", columns: COLUMNS.join(", ") })) {
      rows.push(row);
    }
  } catch (error) {
    log("error", `cannot read the Go program's database "${path}": ${messageOf(error)}`);
    if ([SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR].includes(sqliteCode(error))) return undefined;
  }
  return rows as LegacyRow[];
}

const TYPES: Readonly<Record<string, "open" | "close">> = { open_session: "open", close_session: "close" };

/** Converts a row to an event. An invalid row is marked as tampered with, which makes its event urgent. */
export function legacyEvent(row: LegacyRow): SessionEvent {
  const text = (value: unknown) =>
    cap(typeof value === "string" ? value : value === null ? "" : String(value), MAX_NAME_LENGTH);
  const type = TYPES[text(row.event_type)];
  const occurredAtMs = parseDateTime(row.session_datetime);
  const digest = createHash("sha256").update(JSON.stringify(COLUMNS.map((column) => String(row[column]))));
  const id = Number(row.id);
  return {
    // The same each time the row is read, and different from that of any other row or database.
    uuid: `go-${Number.isSafeInteger(id) ? id : 0}-${digest.digest("hex").slice(0, 16)}`,
    occurredAtMs: occurredAtMs ?? 0,
    type: type ?? "open",
    user: text(row.user),
    remoteHost: text(row.remote_host),
    terminal: text(row.terminal),
    service: text(row.service),
    connection: "",
    authInfo: "",
    // The Go program did not record the process, so opens and closes can't be paired: each row gets its own number.
    parentPid: Number.isSafeInteger(id) ? -Math.abs(id) : 0,
    tampered: type === undefined || occurredAtMs === undefined ? ["record"] : [],
  };
}

const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * Parses a time of the Go program: ISO 8601 with an offset and a fraction, or `YYYY-MM-DD hh:mm:ss` in UTC.
 *
 * @returns milliseconds since the epoch; undefined if it is invalid
 */
export function parseDateTime(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const [, date, time, offset = "Z"] = DATE_TIME.exec(value.trim()) ?? [];
  if (date === undefined) return undefined;
  try {
    const atMs = Temporal.Instant.from(`${date}T${time}${offset}`).epochMilliseconds;
    return Math.abs(atMs) <= MAX_TIME_MS ? atMs : undefined;
  } catch {
    return undefined;
  }
}
