// Lists the queue databases that `repair` has moved aside, and records which were read completely. They are in
// subdirectories of queue/, where `send` can only read.

import { listFolder, statIfThere } from "../sqlite/files.ts";
import type { Database } from "../sqlite/open.ts";

/** After this time, a hook that had the database open when it was moved has ended. In milliseconds. */
const SETTLED_AFTER_MS = 10_000;

/** The most directories that are read; more than any host has. Only the user of `queue`, which owns queue/, can add more. */
const MAX_FOLDERS = 100;

/** The name of a directory that `repair` has finished; until then, the name has a suffix. */
const NAME = /^damaged-[0-9A-Za-z-]{1,64}$/;

/** A queue database that was moved aside. */
export interface DamagedQueue {
  readonly folder: string;
  readonly database: string;
  /** Changes with every write to it. */
  readonly looks: string;
  /** Whether there was no write to it for {@link SETTLED_AFTER_MS}. */
  readonly isSettled: boolean;
}

/**
 * Lists the databases that were moved aside, oldest first.
 *
 * @param databaseName the file name of a queue database
 * @throws if the directory is too large to list
 */
export function findDamagedQueues(
  queueDir: string,
  { databaseName, nowMs }: { databaseName: string; nowMs: number },
): DamagedQueue[] {
  return foldersIn(queueDir).flatMap((name) => {
    const folder = `${queueDir}/${name}`;
    const database = `${folder}/${databaseName}`;
    const files = filesOf(database);
    // The code that reads the database reports why this fails.
    if (files === undefined) return [{ folder, database, looks: "", isSettled: true }];
    if (files.every((info) => info === undefined)) return [];
    // The absolute difference, because a time is in the future if the clock was set back since.
    const isSettled = files.every((info) => Math.abs(nowMs - (info?.mtime?.getTime() ?? 0)) > SETTLED_AFTER_MS);
    const looks = files.map((info) => `${info?.ino} ${info?.size} ${info?.mtime?.getTime()}`).join(", ");
    return [{ folder, database, looks, isSettled }];
  });
}

/** The database and its log; undefined if the directory can't be searched. */
function filesOf(database: string): (Deno.FileInfo | undefined)[] | undefined {
  try {
    return [database, `${database}-wal`].map(statIfThere);
  } catch {
    return undefined;
  }
}

function foldersIn(queueDir: string): string[] {
  // The code that reads the queue database reports that the directory does not exist.
  if (statIfThere(queueDir)?.isDirectory !== true) return [];
  return listFolder(queueDir).filter(({ name, isDirectory }) => isDirectory && NAME.test(name))
    .map(({ name }) => name).sort().slice(0, MAX_FOLDERS);
}

/** Whether a database was read completely, and has not changed since. */
export function isSalvaged(database: Database, { name, looks }: { name: string; looks: string }): boolean {
  return database.prepare("SELECT looks FROM salvaged WHERE name = ?").get(name)?.["looks"] === looks;
}

/** Records that a database was read completely. */
export function rememberSalvaged(database: Database, { name, looks }: { name: string; looks: string }): void {
  database.prepare("INSERT OR REPLACE INTO salvaged (name, looks) VALUES (?, ?)").run(name, looks);
}
