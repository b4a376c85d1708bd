// Fixes the modes of the queue's files, and what is in the place of its spool.

import { createIndex } from "../../hook/insert.ts";
import type { StatePaths } from "../../paths.ts";
import { databaseFiles, MAX_FOLDER_BYTES, statIfThere } from "../../sqlite/files.ts";
import { movedAside } from "./set_queue_aside.ts";

/** Setgid: new files get the group of the directory. */
const FOLDER_MODE = 0o2750;
const FILE_MODE = 0o640;
/** See createIndex() in hook/insert.ts. */
const INDEX_MODE = 0o600;

/** Fixes what it can, and reports each change. */
export function fixModes(paths: StatePaths, say: (line: string) => void): void {
  const { queueDir, databaseDir, queueDatabase, spoolDir } = paths;
  const spool = statIfThere(spoolDir);
  // No part of this program lists a directory this large, and it can stay this large after it is emptied.
  const isUsable = spool?.isDirectory === true && spool.size <= MAX_FOLDER_BYTES;
  if (spool !== undefined && !isUsable) {
    say(`moved "${spoolDir}", which cannot be used, to "${movedAside(spoolDir, paths)}"`);
  }
  if (!isUsable) {
    Deno.mkdirSync(spoolDir);
    say(`created "${spoolDir}"`);
  }
  for (const path of [queueDir, spoolDir, databaseDir]) setMode(path, { mode: FOLDER_MODE, say });
  if (statIfThere(databaseDir)?.isDirectory !== true) return;
  // Must happen before the database is opened: SQLite would create a -shm file that the group can open.
  if (statIfThere(queueDatabase)?.isFile && statIfThere(`${queueDatabase}-shm`) === undefined) {
    createIndex(`${queueDatabase}-shm`);
  }
  for (const path of databaseFiles(queueDatabase)) {
    const mode = path.endsWith("-shm") ? INDEX_MODE : FILE_MODE;
    if (statIfThere(path)?.isFile) setMode(path, { mode, say });
  }
}

function setMode(path: string, { mode, say }: { mode: number; say: (line: string) => void }): void {
  const info = statIfThere(path);
  // Only the owner can change the mode, and a link would lead elsewhere.
  if (info === undefined || info.isSymlink || info.uid !== Deno.uid() || ((info.mode ?? 0) & 0o7777) === mode) return;
  Deno.chmodSync(path, mode);
  say(`set the mode of "${path}" to ${mode.toString(8).padStart(4, "0")}`);
}
