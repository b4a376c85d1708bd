// The daily backup of the store, and its restoration.

import { DAY_MS } from "../text.ts";
import type { StatePaths } from "../paths.ts";
import { assertIntact, backUpTo } from "../sqlite/backup.ts";
import { removeDatabase, statIfThere, syncFile } from "../sqlite/files.ts";
import { type Database, openDatabase, transaction } from "../sqlite/open.ts";
import { inUseMs, readAgain } from "./read_again.ts";
import { assertSchema, migrate } from "./schema.ts";

type BackupPaths = Pick<StatePaths, "sendDir" | "deliveriesDatabase" | "deliveriesBackup">;

/**
 * Backs up the store if a day has passed since the last backup, or since the store was created.
 *
 * @throws errors of the disk or of SQLite; the last backup is kept
 */
export async function backUpDaily(database: Database, { paths, nowMs }: { paths: BackupPaths; nowMs: number }) {
  const lastAtMs = statIfThere(paths.deliveriesBackup)?.mtime?.getTime();
  // The absolute difference, because the time is in the future if the clock was set back since.
  const ageMs = lastAtMs === undefined ? inUseMs(database) : Math.abs(nowMs - lastAtMs);
  if (ageMs < DAY_MS) return;
  await backUpTo(paths.deliveriesBackup, database);
  syncFile(paths.sendDir);
}

/**
 * Notes why the backup failed; empty if it did not. Writes only if that has changed.
 *
 * @returns whether it has changed
 */
export function noteBackupFault(database: Database, fault: string): boolean {
  const { changes } = database.prepare("UPDATE store SET backup_fault = :fault WHERE backup_fault <> :fault")
    .run({ fault });
  return changes > 0;
}

/**
 * Creates the store from its backup, in one step: it exists only once it is complete, on disk, and marked so that the
 * queue is read again.
 *
 * @returns whether there was a backup
 * @throws if the backup is damaged, or not a store; and errors of the disk
 */
export function restoreStore(
  { paths, ...now }: { paths: BackupPaths; nowMs: number; newestAtMs: number | undefined },
): boolean {
  const { deliveriesBackup, deliveriesDatabase, sendDir } = paths;
  if (statIfThere(deliveriesBackup)?.isFile !== true) return false;
  const unfinished = `${deliveriesDatabase}.unfinished`;
  removeDatabase(unfinished);
  try {
    Deno.copyFileSync(deliveriesBackup, unfinished);
    prepare(unfinished, now);
    Deno.renameSync(unfinished, deliveriesDatabase);
    syncFile(sendDir);
    // If what damaged the store is in the backup too, restoring it in each run would repeat the same events forever.
    Deno.removeSync(deliveriesBackup);
  } finally {
    removeDatabase(unfinished);
  }
  return true;
}

function prepare(path: string, now: Parameters<typeof readAgain>[1]): void {
  assertIntact(path);
  {
    using database = openDatabase(path, { busyTimeoutMs: 0 });
    assertSchema(database);
    migrate(database);
    transaction(database, () => readAgain(database, now));
  }
  syncFile(path);
}
