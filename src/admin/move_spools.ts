// Moves what lies in the spools into a sound queue database, as the next hook would: without a login, they would stay.

import { moveIntoDatabase } from "../hook/spool.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { listFolder, statIfThere } from "../store/files.ts";
import { type Database, openDatabase } from "../store/open.ts";
import { isSqliteError, SQLITE_BUSY, sqliteCode } from "../store/sqlite_error.ts";

/** How long opening waits for the hooks of logins that happen meanwhile, in milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

/** Stays open until the process ends, for the reason in queue_fault.ts. */
const held: Database[] = [];

/** Moves what is there, and says so. Where a login writes just then, its hook moves the files. */
export function moveSpools(
  { queueDatabase, spoolDir, runSpoolDir }: Pick<StatePaths, "queueDatabase" | "spoolDir" | "runSpoolDir">,
  say: (line: string) => void,
): void {
  const folders = [spoolDir, runSpoolDir].filter((folder) => filesIn(folder) > 0);
  if (folders.length === 0 || statIfThere(queueDatabase) === undefined) return;
  const database = openDatabase(queueDatabase, { busyTimeoutMs: BUSY_TIMEOUT_MS });
  held.push(database);
  for (const folder of folders) {
    const before = filesIn(folder);
    const left = moveAll(folder, database);
    if (left < before) say(`moved ${plural(before - left, "event")} from "${folder}" into the database`);
    if (left > 0) say(`${plural(left, "file")} in "${folder}" can't be moved: look at them, and remove them`);
  }
}

/** Answers how many files are left. */
function moveAll(folder: string, database: Database): number {
  for (let left = filesIn(folder);;) {
    try {
      moveIntoDatabase(folder, database);
    } catch (error) {
      if (!isSqliteError(error) || sqliteCode(error) !== SQLITE_BUSY) throw error;
      return left;
    }
    const now = filesIn(folder);
    if (now === 0 || now >= left) return now;
    left = now;
  }
}

function filesIn(folder: string): number {
  if (statIfThere(folder) === undefined) return 0;
  return listFolder(folder).filter(({ name }) => name.endsWith(".json")).length;
}
