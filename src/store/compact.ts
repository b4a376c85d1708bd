// Gives unused space in the store back to the disk, once most of the store is unused. Failure is harmless: the store is
// complete at every moment, and a later run tries again.

import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { StatePaths } from "../paths.ts";
import { replaceContent } from "../sqlite/backup.ts";
import { removeDatabase } from "../sqlite/files.ts";
import { type Database, openDatabase, pragma, transaction } from "../sqlite/open.ts";
import { isDamage } from "../sqlite/sqlite_error.ts";
import { diskSpace, FULL_BYTES } from "./disk_space.ts";
import { migrate } from "./schema.ts";

/** Less unused space than this, in bytes, is kept for later events. */
const MIN_UNUSED_BYTES = 4 * 1024 * 1024;

/**
 * Rewrites the store without its unused pages, if these are more than half of it, and the disk has room for two copies
 * of the rest: a file and the log. Not with VACUUM, which Deno refuses to a program that may not read every file.
 */
export async function compact(database: Database, { paths, log }: { paths: StatePaths; log: Log }): Promise<void> {
  const unfinished = `${paths.deliveriesDatabase}.unfinished`;
  // Left by a run that was killed.
  removeDatabase(unfinished);
  const read = (name: string) => Number(pragma(database, name));
  const [pageBytes, pages, unused] = [read("page_size"), read("page_count"), read("freelist_count")];
  if (unused * pageBytes < MIN_UNUSED_BYTES || unused * 2 < pages) return;
  const neededBytes = 2 * (pages - unused) * pageBytes + FULL_BYTES;
  if ((diskSpace(paths).get(paths.sendDir)?.bytes ?? 0) < neededBytes) return;
  try {
    using copy = openDatabase(unfinished, { busyTimeoutMs: 0 });
    // Otherwise the replacement may begin a new log, which looks like a write of another command.
    pragma(database, "wal_checkpoint(TRUNCATE)");
    const version = pragma(database, "data_version");
    transaction(database, () => copyRows(database, copy));
    const check = () => {
      if (pragma(database, "data_version") !== version) throw new Error("another command has written to it meanwhile");
    };
    await replaceContent(paths.deliveriesDatabase, { source: copy, check });
    log(
      "info",
      `gave ${Math.round(unused * pageBytes / 1024 / 1024)} MiB of unused space in the store back to the disk`,
    );
  } catch (error) {
    if (isDamage(error)) throw error;
    log("info", `cannot give unused space in the store back to the disk: ${messageOf(error)}`);
  } finally {
    removeDatabase(unfinished);
  }
}

/** Fills an empty database with the tables of the store. */
function copyRows(from: Database, to: Database): void {
  // The tables are not in the order of their references.
  pragma(to, "foreign_keys = OFF");
  migrate(to);
  const tables = from.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all().map(({ name }) =>
    String(name)
  );
  transaction(to, () => {
    for (const table of tables) {
      // A migration has inserted a row into some.
      to.prepare(`DELETE FROM ${table}`).run();
      const columns = from.prepare(`SELECT * FROM ${table}`).columns();
      const insert = to.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => "?").join()})`);
      for (const row of from.prepare(`SELECT * FROM ${table}`).iterate()) insert.run(...Object.values(row));
    }
  });
}
