// Moves the queue database aside while hooks run, without losing an event to a file that is no longer read.
//
//   1. Create a directory with the name of the database's rollback journal. SQLite then refuses at once to open the
//      database, and hooks use the spool.
//   2. Wait until all hooks that had the database open have ended.
//   3. Move the write-ahead log to `damaged-….moving` first, because the database without its log would look intact.
//      Create a directory with the name of the log, in case a hook is late. Then move the index and the database, and
//      remove `.moving` from the name.
//   4. Remove the directories that steps 1 and 3 created in place of the journal and the log.
//
// If this is killed at any point, events go to the spool and the next `repair` continues.

import type { StatePaths } from "../../paths.ts";
import { damagedFolderName, listFolder, MAX_FOLDER_BYTES, statIfThere, syncFolder } from "../../sqlite/files.ts";

/** Time after which a hook has ended, in milliseconds. A hook waits for locks for at most half a second. */
const HOOKS_END_AFTER_MS = 5_000;

/** Suffix of the directory's name until it is complete. */
const MOVING = ".moving";

type Paths = Pick<StatePaths, "queueDir" | "queueDatabase">;

/** The directory that an interrupted repair left. */
export function unfinishedMove({ queueDir }: Paths): string | undefined {
  const names = listFolder(queueDir)
    .filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged-") && name.endsWith(MOVING))
    .map(({ name }) => name).sort();
  return names[0] === undefined ? undefined : `${queueDir}/${names[0]}`;
}

/** Options of {@link moveQueueAside}. */
export interface MoveOptions {
  readonly say: (line: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** The directory that an interrupted repair left. */
  readonly unfinished?: string | undefined;
}

/** Moves the database and its log and index aside, and reports the new location. */
export async function moveQueueAside(paths: Paths, { say, sleep, unfinished }: MoveOptions): Promise<void> {
  const { queueDir, queueDatabase } = paths;
  const folder = unfinished ?? makeFolder(`${damagedFolderName(queueDir, Date.now())}${MOVING}`);
  syncFolder(queueDir);
  const [journal, log] = obstaclesOf(paths);
  replaceByObstacle(journal, folder);
  await sleep(HOOKS_END_AFTER_MS);
  replaceByObstacle(log, folder);
  move(`${queueDatabase}-shm`, folder);
  move(queueDatabase, folder);
  const finished = finish(folder, queueDir);
  // The journal's directory last: while it exists, no hook can create a database and see the log's directory disappear.
  for (const path of [log, journal]) if (isObstacle(path)) Deno.removeSync(path);
  say(`moved the database to "${finished}"`);
}

/**
 * Moves a file or directory other than the database aside.
 *
 * @returns the directory that it is in now
 */
export function movedAside(path: string, { queueDir }: Paths): string {
  const folder = makeFolder(damagedFolderName(queueDir, Date.now()));
  move(path, folder);
  return folder;
}

/** The two paths that keep SQLite from opening the database if they are directories. */
export function obstaclesOf({ queueDatabase }: Paths): [journal: string, log: string] {
  return [`${queueDatabase}-journal`, `${queueDatabase}-wal`];
}

/** Whether a path is an empty directory, such as an interrupted repair leaves. */
export function isObstacle(path: string): boolean {
  const info = statIfThere(path);
  return info?.isDirectory === true && info.size <= MAX_FOLDER_BYTES && listFolder(path).length === 0;
}

function replaceByObstacle(path: string, folder: string): void {
  if (isObstacle(path)) return;
  move(path, folder);
  Deno.mkdirSync(path, { mode: 0o750 });
}

function makeFolder(folder: string): string {
  Deno.mkdirSync(folder);
  Deno.chmodSync(folder, 0o2750);
  return folder;
}

/** Skips a file that a hook recreated after an interrupted repair moved the old one. */
function move(path: string, folder: string): void {
  const target = `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`;
  if (statIfThere(path) === undefined || statIfThere(target) !== undefined) return;
  Deno.renameSync(path, target);
  syncFolder(folder);
}

function finish(folder: string, queueDir: string): string {
  const finished = folder.slice(0, -MOVING.length);
  Deno.renameSync(folder, finished);
  syncFolder(queueDir);
  return finished;
}
