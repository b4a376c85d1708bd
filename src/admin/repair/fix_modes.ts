// Fixes what is wrong around the queue database: modes, the spool, and leftovers of an interrupted repair.

import type { StatePaths } from "../../paths.ts";
import { MAX_FOLDER_BYTES, statIfThere } from "../../sqlite/files.ts";
import { isObstacle, movedAside, obstaclesOf } from "./move_queue_aside.ts";
import { SUFFIXES } from "./queue_fault.ts";

/** Setgid: new files get the group of the directory. */
const FOLDER_MODE = 0o2750;
const FILE_MODE = 0o640;
/** Any process that can open the -shm file can lock it, and so delay every login; see hook/insert.ts. */
const INDEX_MODE = 0o600;

/** Fixes what it can, and reports each change. */
export function putRight(paths: StatePaths, say: (line: string) => void): void {
  const { queueDir, queueDatabase, spoolDir } = paths;
  for (const path of obstaclesOf(paths).filter(isObstacle)) {
    Deno.removeSync(path);
    say(`removed "${path}", which prevented the database from being opened`);
  }
  const journal = statIfThere(`${queueDatabase}-journal`);
  if (journal !== undefined && !journal.isFile) moveAside(`${queueDatabase}-journal`, { paths, say });
  const spool = statIfThere(spoolDir);
  // No part of this program lists a directory this large, and it can stay this large after it is emptied.
  const isUsable = spool?.isDirectory === true && spool.size <= MAX_FOLDER_BYTES;
  if (spool !== undefined && !isUsable) moveAside(spoolDir, { paths, say });
  if (!isUsable) {
    Deno.mkdirSync(spoolDir);
    say(`created "${spoolDir}"`);
  }
  // Must happen before the database is opened: SQLite would create a -shm file that the group can open.
  if (statIfThere(queueDatabase)?.isFile && statIfThere(`${queueDatabase}-shm`) === undefined) {
    createIndex(`${queueDatabase}-shm`);
  }
  for (const suffix of SUFFIXES) {
    const path = `${queueDatabase}${suffix}`;
    const mode = suffix === "-shm" ? INDEX_MODE : FILE_MODE;
    if (statIfThere(path)?.isFile) setMode(path, { mode, say });
  }
  for (const path of [queueDir, spoolDir]) setMode(path, { mode: FOLDER_MODE, say });
}

/** Creates the file with its content in one step, because SQLite replaces an empty one. The hook has the same code. */
function createIndex(path: string): void {
  const unfinished = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.writeTextFileSync(unfinished, "new", { createNew: true, mode: INDEX_MODE });
    Deno.linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    if (statIfThere(unfinished) !== undefined) Deno.removeSync(unfinished);
  }
}

function moveAside(path: string, { paths, say }: { paths: StatePaths; say: (line: string) => void }): void {
  say(`moved "${path}", which cannot be used, to "${movedAside(path, paths)}"`);
}

function setMode(path: string, { mode, say }: { mode: number; say: (line: string) => void }): void {
  const info = statIfThere(path);
  // Only the owner can change the mode.
  if (info === undefined || info.uid !== Deno.uid() || ((info.mode ?? 0) & 0o7777) === mode) return;
  Deno.chmodSync(path, mode);
  say(`set the mode of "${path}" to ${mode.toString(8).padStart(4, "0")}`);
}
