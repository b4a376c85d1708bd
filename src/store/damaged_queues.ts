// The queue databases that `repair` has set aside, folders in queue/ that `send` may only read: which of them there are,
// and which have been read to their end.

import { listFolder, statIfThere } from "./files.ts";
import type { Database } from "./open.ts";

/** A hook that still had a database open when it was set aside has ended by then. In milliseconds. */
const SETTLED_AFTER_MS = 10_000;

/** More than any host has; whoever makes more only keeps his own from being read. */
const MAX_FOLDERS = 100;

/** What a folder is called that `repair` has finished; while it works, there is more behind the name. */
const NAME = /^damaged-[0-9A-Za-z-]{1,64}$/;

/** A queue database that was set aside. */
export interface DamagedQueue {
  readonly folder: string;
  readonly database: string;
  /** Changes whenever somebody writes to it. */
  readonly looks: string;
  /** Whether nobody has written to it for a while. */
  readonly isSettled: boolean;
}

/**
 * The databases that were set aside, oldest first.
 *
 * @throws if the folder is too large to be listed
 * @param databaseName how a queue database is called
 */
export function findDamagedQueues(
  queueDir: string,
  { databaseName, nowMs }: { databaseName: string; nowMs: number },
): DamagedQueue[] {
  return foldersIn(queueDir).flatMap((name) => {
    const folder = `${queueDir}/${name}`;
    const database = `${folder}/${databaseName}`;
    const files = filesOf(database);
    // Whoever reads it says why not.
    if (files === undefined) return [{ folder, database, looks: "", isSettled: true }];
    if (files.every((info) => info === undefined)) return [];
    // A time in the future is one of a clock that was set back since.
    const isSettled = files.every((info) => Math.abs(nowMs - (info?.mtime?.getTime() ?? 0)) > SETTLED_AFTER_MS);
    const looks = files.map((info) => `${info?.ino} ${info?.size} ${info?.mtime?.getTime()}`).join(", ");
    return [{ folder, database, looks, isSettled }];
  });
}

/** The database and its log; undefined where its owner lets nobody look into the folder. */
function filesOf(database: string): (Deno.FileInfo | undefined)[] | undefined {
  try {
    return [database, `${database}-wal`].map(statIfThere);
  } catch {
    return undefined;
  }
}

function foldersIn(queueDir: string): string[] {
  // Why there is none, reading the database says.
  if (statIfThere(queueDir)?.isDirectory !== true) return [];
  return listFolder(queueDir).filter(({ name, isDirectory }) => isDirectory && NAME.test(name))
    .map(({ name }) => name).sort().slice(0, MAX_FOLDERS);
}

/** Whether something was taken over to its end, as it looks now. */
export function isSalvaged(database: Database, { name, looks }: { name: string; looks: string }): boolean {
  return database.prepare("SELECT looks FROM salvaged WHERE name = ?").get(name)?.["looks"] === looks;
}

/** Remembers that something was taken over to its end. */
export function rememberSalvaged(database: Database, { name, looks }: { name: string; looks: string }): void {
  database.prepare("INSERT OR REPLACE INTO salvaged (name, looks) VALUES (?, ?)").run(name, looks);
}
