// Moves all events of the spools into the queue database. A hook moves only 100, and skips a directory that is too large
// to list during a login. Also empties the spools that `repair` moved aside because they are too large even for `send`.

import type { SessionEvent } from "../../event.ts";
import { createDatabase, createIndex } from "../../hook/insert.ts";
import { messageOf } from "../../failure.ts";
import type { StatePaths } from "../../paths.ts";
import { plural } from "../../text.ts";
import { NotPlainError, removeIfThere, statIfThere } from "../../sqlite/files.ts";
import { type Database, pragma, transaction } from "../../sqlite/open.ts";
import { INSERT_EVENT } from "../../sqlite/queue_table.ts";
import { damagedFolders } from "../../intake/damaged_queues.ts";
import { parseSpooled } from "../../intake/record.ts";
import { readSpoolFile } from "../../intake/spool.ts";
import { isPassing } from "../../store/store_failure.ts";
import { openHeld } from "./queue_fault.ts";

/** Events per transaction. A hook waits at most half a second for a transaction to end. */
const PAGE = 100;

/** The largest directory that is listed, in bytes (stat(2), `st_size`): some 400,000 names in ext4. */
const MAX_SPOOL_BYTES = 32 * 1024 * 1024;

/** Moves the events of all spools into the database, which is created if it does not exist. Reports what it did. */
export function emptySpools(paths: StatePaths, say: (line: string) => void): void {
  const { spoolDir, runSpoolDir, queueDir } = paths;
  let database: Database | undefined;
  const open = () => database ??= openOrCreate(paths);
  for (const folder of [spoolDir, runSpoolDir]) emptySpool(folder, { open, isAside: false }).forEach(say);
  orSay(queueDir, say, () => {
    for (const folder of damagedFolders(queueDir)) {
      orSay(folder, say, () => emptySpool(folder, { open, isAside: true }).forEach(say));
    }
  });
}

/** A directory that cannot be read, and that no hook uses, must not make `repair` fail. */
function orSay(folder: string, say: (line: string) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (isPassing(error)) throw error;
    say(`cannot empty "${folder}": ${messageOf(error)}`);
  }
}

/** Creates it like a hook, which may do the same at this moment. */
function openOrCreate(paths: StatePaths): Database {
  const { queueDatabase } = paths;
  if (statIfThere(queueDatabase) === undefined) {
    createDatabase(queueDatabase);
    createIndex(`${queueDatabase}-shm`);
  }
  return openHeld(paths);
}

/**
 * Moves the files that contain an event. Other files stay for the administrator to inspect; `send` reports them.
 *
 * @returns lines that describe what it did; empty if there was nothing to move
 */
function emptySpool(spoolDir: string, { open, isAside }: { open: () => Database; isAside: boolean }): string[] {
  const info = statIfThere(spoolDir);
  if (info?.isDirectory !== true) return [];
  if (info.size > MAX_SPOOL_BYTES) return [`left "${spoolDir}", which has, or had, too many files to list`];
  const names = [...Deno.readDirSync(spoolDir)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  if (names.length === 0) return [];
  const database = open();
  // The rows must be on disk before the files are removed.
  pragma(database, "synchronous = FULL");
  let moved = 0;
  for (let from = 0; from < names.length; from += PAGE) {
    const page = names.slice(from, from + PAGE);
    const taken = transaction(database, () => page.filter((name) => insert(database, { spoolDir, name })));
    for (const name of taken) removeIfThere(`${spoolDir}/${name}`);
    moved += taken.length;
  }
  const left = names.length - moved;
  if (moved > 0) makeAnew(spoolDir, { isAside });
  return [
    ...moved > 0 ? [`moved ${plural(moved, "event")} from "${spoolDir}" into the database`] : [],
    ...left > 0
      ? [`left ${plural(left, "file")} in "${spoolDir}" that cannot be moved: inspect and remove by hand`]
      : [],
  ];
}

function insert(database: Database, { spoolDir, name }: { spoolDir: string; name: string }): boolean {
  const record = readUnlessForeign(`${spoolDir}/${name}`);
  const event: SessionEvent | undefined = record === undefined ? undefined : parseSpooled(record);
  if (record === undefined || event === undefined || name !== `${event.uuid}.json`) return false;
  database.prepare(INSERT_EVENT).run(event.uuid, event.occurredAtMs, record);
  return true;
}

function readUnlessForeign(path: string): string | undefined {
  try {
    return readSpoolFile(path);
  } catch (error) {
    if (error instanceof NotPlainError || error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

/** Replaces the directory, because ext4 never shrinks a directory. Only removes one that was moved aside. */
function makeAnew(spoolDir: string, { isAside }: { isAside: boolean }): void {
  try {
    Deno.removeSync(spoolDir);
    if (isAside) return;
    Deno.mkdirSync(spoolDir);
    Deno.chmodSync(spoolDir, 0o2750);
  } catch (error) {
    // The directory is not empty, or a hook has just recreated it.
    if (statIfThere(spoolDir)?.isDirectory !== true) throw error;
  }
}
