// Takes over what can be read of databases that were set aside as damaged: the queue's, which `repair` has moved into
// queue/damaged-…, and the store's own. Each as a whole, or not at all, so that a run which is killed starts again.

import { MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";
import { type CarvedRow, type CarvedValue, carveRows } from "./carve.ts";
import { type Database, openDatabase, transaction } from "../sqlite/open.ts";
import { MAX_RECORD_LENGTH, parseRecord } from "../intake/record.ts";
import { migrate } from "./schema.ts";
import { SQLITE_CONSTRAINT, sqliteCode } from "../sqlite/sqlite_error.ts";

/**
 * The events of a queue database that was set aside; undefined for a record that can't be read.
 *
 * @param path the database; its `-wal` is read too
 */
export function* salvageQueue(path: string): Generator<SessionEvent | undefined> {
  for (const { rowid, values } of carveRows(path)) {
    const [id, uuid, occurredAtMs, record] = values;
    const isEvent = values.length === 4 && id === null && rowid !== undefined &&
      typeof uuid === "string" && uuid !== "" && typeof record === "string";
    if (!isEvent) continue;
    yield parseRecord({
      uuid: uuid.slice(0, MAX_NAME_LENGTH),
      occurredAtMs,
      record: record.slice(0, MAX_RECORD_LENGTH),
    });
  }
}

/** What was taken over of a store. */
export interface SalvagedStore {
  readonly events: number;
  readonly deliveries: number;
}

/** Tables that a new store begins by itself, and the one whose rows can't be told for sure from those of an index. */
const NOT_SALVAGED = ["inbox", "store", "salvaged", "host", "unrecorded", "unreadable"];

/**
 * Fills a store that is new with what can be read of one that was set aside. What is pending comes as a possible repeat:
 * that it was delivered may be what could not be read.
 *
 * @param path the damaged store; its `-wal` is read too
 */
export function salvageStore(database: Database, path: string): SalvagedStore {
  const tables = tablesOf(database);
  return transaction(database, () => {
    // A row may come before the one that it refers to.
    database.prepare("PRAGMA defer_foreign_keys = ON").run();
    for (const row of carveRows(path, { leaveOut: true })) {
      for (const table of tables) {
        if (table.fits(row)) table.insert(row);
      }
    }
    for (const statement of MAKE_WHOLE) database.prepare(statement).run();
    const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
    return { events: count("event"), deliveries: count("delivery") };
  });
}

const MAKE_WHOLE = [
  "DELETE FROM delivery WHERE event_id NOT IN (SELECT id FROM event)",
  "UPDATE event SET opened_by = NULL WHERE opened_by NOT IN (SELECT id FROM event)",
  // Which routes wanted it, and what became of that, could not be read: it is judged again, if it is fresh.
  `UPDATE event SET verdict = NULL, opened_by = NULL
   WHERE verdict = 'notify' AND id NOT IN (SELECT event_id FROM delivery)
     AND occurred_at_ms >= (SELECT history_before_ms FROM store)`,
  // Or its close, judged again, would not find it.
  "UPDATE event SET is_closed = id IN (SELECT opened_by FROM event WHERE opened_by IS NOT NULL)",
  `UPDATE event SET is_repeat = 1
   WHERE verdict IS NULL OR id IN (SELECT event_id FROM delivery WHERE state = 'pending')`,
  "UPDATE store SET elapsed_ms = max(elapsed_ms, coalesce((SELECT max(taken_in_ms) FROM event), 0))",
];

/** A table of the store, as rows of it stand on a page. */
interface Table {
  fits(row: CarvedRow): boolean;
  insert(row: CarvedRow): void;
}

interface Column {
  readonly name: string;
  readonly isText: boolean;
  readonly mayBeNull: boolean;
  /** Its place in the primary key, from 1 on; 0: none. */
  readonly keyPlace: number;
}

function tablesOf(database: Database): Table[] {
  const before = openDatabase(":memory:", { busyTimeoutMs: 0 });
  migrate(before, { upTo: 1 });
  const tables = database.prepare("PRAGMA table_list").all()
    .filter(({ schema, type, name }) =>
      schema === "main" && type === "table" && !String(name).startsWith("sqlite_") &&
      !NOT_SALVAGED.includes(String(name))
    )
    .map(({ name, wr }) => {
      const table = { name: String(name), hasRowid: wr === 0 };
      return tableOf(database, { ...table, lengthBefore: columnsOf(before, table).length });
    });
  before.close();
  return tables;
}

/** In stored order: without rowids, the primary key comes first ("WITHOUT ROWID Tables" of the file format). */
function columnsOf(database: Database, { name, hasRowid }: { name: string; hasRowid: boolean }): Column[] {
  const columns = database.prepare(`PRAGMA table_info(${name})`).all().map((column): Column => ({
    name: String(column["name"]),
    isText: column["type"] === "TEXT",
    mayBeNull: column["notnull"] === 0 && column["pk"] === 0,
    keyPlace: Number(column["pk"]),
  }));
  const place = ({ keyPlace }: Column) => keyPlace || columns.length + 1;
  return hasRowid ? columns : columns.toSorted((a, b) => place(a) - place(b));
}

function tableOf(
  database: Database,
  { name, hasRowid, lengthBefore }: { name: string; hasRowid: boolean; lengthBefore: number },
): Table {
  const all = columnsOf(database, { name, hasRowid });
  const isRowid = ({ keyPlace, isText }: Column) => hasRowid && keyPlace > 0 && !isText;
  // If a store was damaged before it was migrated, its rows have the length of version 1.
  const shapes = new Map(
    [all.length, lengthBefore].filter((length) => length > 0).map((length) => {
      const stored = all.slice(0, length);
      const names = stored.map((column) => column.name);
      const insert = database.prepare(
        `INSERT INTO ${name} (${names}) VALUES (${names.map(() => "?")}) ${onConflict(name, names)}`,
      );
      return [length, { stored, insert }];
    }),
  );
  return {
    fits: ({ rowid, values }) =>
      (hasRowid ? Number.isSafeInteger(rowid) : rowid === undefined) &&
      (shapes.get(values.length)?.stored.every((column, index) =>
        isRowid(column) ? values[index] === null : isOf(column, values[index])
      ) ?? false),
    insert: ({ rowid, values }) => {
      const { stored = [], insert } = shapes.get(values.length) ?? {};
      try {
        insert?.run(...stored.map((column, index) => (isRowid(column) ? rowid : values[index]) ?? null));
      } catch (error) {
        // A row of something else that has the same shape, or of another time.
        if (sqliteCode(error) !== SQLITE_CONSTRAINT) throw error;
      }
    },
  };
}

function isOf({ isText, mayBeNull }: Column, value: CarvedValue): boolean {
  if (value === null) return mayBeNull;
  return isText ? typeof value === "string" : typeof value === "number";
}

/** Which of two versions of a row to believe, where the damage has hit what would tell. */
function onConflict(table: string, names: readonly string[]): string {
  const set = names.map((name) => `${name} = excluded.${name}`).join(", ");
  if (table === "event") {
    return `ON CONFLICT (id) DO UPDATE SET ${set} WHERE event.verdict IS NULL ON CONFLICT DO NOTHING`;
  }
  if (table !== "delivery") return "ON CONFLICT DO NOTHING";
  // What was delivered stays so; what was given up may have been brought back.
  const rank = (row: string) => `CASE ${row}.state WHEN 'delivered' THEN 2 WHEN 'pending' THEN 1 ELSE 0 END`;
  return `ON CONFLICT (event_id, route) DO UPDATE SET ${set} WHERE ${rank("excluded")} > ${rank("delivery")}`;
}
