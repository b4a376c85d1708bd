// Takes over what the Go program of the same name had left to send, once. Its rows become events, in one transaction
// with the note that they did; then its database gets another name. Killed anywhere, the next run goes on from there.

import { createHash } from "node:crypto";
import { cap, MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { carveRows } from "./carve.ts";
import { isSalvaged, rememberSalvaged } from "./damaged_queues.ts";
import type { Deliveries } from "./deliveries.ts";
import { statIfThere } from "./files.ts";
import { assertPlainFiles, assertPlainTable } from "./foreign_schema.ts";
import { openDatabase } from "./open.ts";
import { MAX_TIME_MS } from "./record.ts";
import { SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR, sqliteCode } from "./sqlite_error.ts";

/** How long to wait for a Go program that still runs, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** The note in the store; there is one such database, so how it looks does not matter. */
const NOTE = { name: "legacy.db", looks: "taken" };

/** A row of the Go program's table `session_events`, whose columns but `id` are all text. */
export interface LegacyRow {
  readonly id: unknown;
  readonly event_type: unknown;
  readonly user: unknown;
  readonly remote_host: unknown;
  readonly terminal: unknown;
  readonly service: unknown;
  readonly session_datetime: unknown;
}

const COLUMNS = ["id", "event_type", "user", "remote_host", "terminal", "service", "session_datetime"] as const;

/** What taking over needs. */
export interface TakeOverOptions {
  readonly paths: Pick<StatePaths, "legacyDatabase">;
  readonly deliveries: Deliveries;
  readonly log: Log;
  /** Leaves the file as it is; for a preview. */
  readonly keep?: boolean;
}

/** Takes the rows over, where there is such a database. */
export function takeOver({ paths: { legacyDatabase: path }, deliveries, log, keep = false }: TakeOverOptions): void {
  const { database } = deliveries;
  if (statIfThere(path) === undefined) {
    // One that is put there later is another one.
    if (isSalvaged(database, NOTE)) database.prepare("DELETE FROM salvaged WHERE name = ?").run(NOTE.name);
    return;
  }
  if (!isSalvaged(database, NOTE)) {
    const events = readRows(path, { log, readOnly: keep })?.map(legacyEvent);
    if (events === undefined) return;
    const { taken } = deliveries.together(() => {
      rememberSalvaged(database, NOTE);
      return deliveries.takeInFromElsewhere(events, { horizon: undefined });
    });
    log("warning", `took over ${taken} events that the Go program of the same name had left to send`);
  }
  if (!keep) putBy(path);
}

/** The file stays, for people, under a name that says that it was taken over. */
function putBy(path: string): void {
  const taken = path.replace(/\.db$/, ".taken.db");
  for (const suffix of ["-wal", "-shm", "-journal", ""]) {
    if (statIfThere(`${path}${suffix}`) !== undefined) Deno.renameSync(`${path}${suffix}`, `${taken}${suffix}`);
  }
}

/**
 * All rows, also those with `locked_at`, which a crash of the Go program had left behind.
 *
 * @returns undefined where that must wait: it keeps nothing else from being sent
 */
function readRows(path: string, options: { log: Log; readOnly: boolean }): LegacyRow[] | undefined {
  const { log, readOnly } = options;
  try {
    assertPlainFiles(path);
    const database = openDatabase(path, { readOnly, busyTimeoutMs: BUSY_TIMEOUT_MS });
    try {
      assertPlainTable(database, "session_events");
      return database.prepare(`SELECT ${COLUMNS} FROM session_events ORDER BY id`).all() as unknown[] as LegacyRow[];
    } finally {
      database.close();
    }
  } catch (error) {
    log("error", `cannot read the database of the Go program, "${path}": ${messageOf(error)}`);
    return mayPass(error) ? undefined : carvedRows(path, log);
  }
}

function mayPass(error: unknown): boolean {
  return [SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR].includes(sqliteCode(error));
}

/** What can be read of a database that is damaged. */
function carvedRows(path: string, log: Log): LegacyRow[] | undefined {
  try {
    return [...carveRows(path, { leaveOut: true })]
      // With `locked_at`.
      .filter(({ rowid, values }) => rowid !== undefined && values.length === COLUMNS.length + 1)
      .map(({ rowid, values: [id, event_type, user, remote_host, terminal, service, session_datetime] }) => (
        { id: id ?? rowid, event_type, user, remote_host, terminal, service, session_datetime }
      ));
  } catch (error) {
    log("error", `nothing can be read of "${path}": ${messageOf(error)}; see that it belongs to ssh-session-notifier`);
    return undefined;
  }
}

const TYPES: Readonly<Record<string, "open" | "close">> = { open_session: "open", close_session: "close" };

/** The event that a row stands for. What is odd about the row makes it one that was tampered with, so that it shows. */
export function legacyEvent(row: LegacyRow): SessionEvent {
  const text = (value: unknown) =>
    cap(typeof value === "string" ? value : value === null ? "" : String(value), MAX_NAME_LENGTH);
  const type = TYPES[text(row.event_type)];
  const occurredAtMs = parseDateTime(row.session_datetime);
  const digest = createHash("sha256").update(JSON.stringify(COLUMNS.map((column) => String(row[column]))));
  const id = Number(row.id);
  return {
    // The same whenever it is read, and never that of a row of another database.
    uuid: `go-${Number.isSafeInteger(id) ? id : 0}-${digest.digest("hex").slice(0, 16)}`,
    occurredAtMs: occurredAtMs ?? 0,
    type: type ?? "open",
    user: text(row.user),
    remoteHost: text(row.remote_host),
    terminal: text(row.terminal),
    service: text(row.service),
    connection: "",
    authInfo: "",
    // It did not record the process, so nothing says which close belongs to which open: no two get the same.
    parentPid: Number.isSafeInteger(id) ? -Math.abs(id) : 0,
    tampered: type === undefined || occurredAtMs === undefined ? ["record"] : [],
  };
}

const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * An instant as the Go program wrote it: ISO 8601 with an offset and a fraction, or `YYYY-MM-DD hh:mm:ss` in UTC.
 *
 * @returns milliseconds since the epoch; undefined where it is none
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
