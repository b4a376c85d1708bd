// Moves the queue database aside while hooks run, so that no event goes into a file that nobody reads any more.
//
//   1. A folder named like the database's rollback journal: SQLite then refuses to open, at once, and hooks use the spool.
//   2. Hooks that had it open by then have ended.
//   3. The log first: the database without it would be taken for whole. In its place another such folder, for a hook that
//      was late. Then the index, then the database, into `damaged-….moving`, which then loses the end of its name.
//   4. The folders of 1 and 3 go.
//
// Killed anywhere, the spool takes the events, and the next `repair` goes on.

import type { StatePaths } from "../paths.ts";
import { damagedFolderName, listFolder, MAX_FOLDER_BYTES, statIfThere, syncFolder } from "../store/files.ts";

/** By then a hook that had the database open has ended, in milliseconds. It waits for locks half a second at most. */
const HOOKS_END_AFTER_MS = 5_000;

/** The folder's name ends so until all is in it. */
const MOVING = ".moving";

type Paths = Pick<StatePaths, "queueDir" | "queueDatabase">;

/** The folder that an interrupted repair has left. */
export function unfinishedMove({ queueDir }: Paths): string | undefined {
  const names = listFolder(queueDir)
    .filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged-") && name.endsWith(MOVING))
    .map(({ name }) => name).sort();
  return names[0] === undefined ? undefined : `${queueDir}/${names[0]}`;
}

/** What moving needs. */
export interface MoveOptions {
  readonly say: (line: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
  /** The folder that an interrupted repair has left. */
  readonly unfinished?: string | undefined;
}

/** Moves the database with all that belongs to it, and says where it is. */
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
  // The journal's last: as long as it is there, no database is made that could see the other one go.
  for (const path of [log, journal]) if (isObstacle(path)) Deno.removeSync(path);
  say(`moved the database to "${finished}"`);
}

/**
 * Moves one thing aside that is not the database.
 *
 * @returns where it is
 */
export function movedAside(path: string, { queueDir }: Paths): string {
  const folder = makeFolder(damagedFolderName(queueDir, Date.now()));
  move(path, folder);
  return folder;
}

/** What keeps SQLite from opening the database where it is a folder. */
export function obstaclesOf({ queueDatabase }: Paths): [journal: string, log: string] {
  return [`${queueDatabase}-journal`, `${queueDatabase}-wal`];
}

/** Whether something is an empty folder, such as an interrupted repair leaves. */
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

/** Leaves what a hook has made anew since an interrupted repair had moved the old one. */
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
