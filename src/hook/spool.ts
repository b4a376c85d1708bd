// Spools hold the events that could not be written to the queue database, one JSON file each. `send` reads them too.

import type { SessionEvent } from "../event.ts";
import { type Database, pragma, transaction } from "../sqlite/open.ts";
import { INSERT_EVENT } from "../sqlite/queue_table.ts";
import { listSmall } from "./listing.ts";

/** How many files one hook moves at most. Limits the delay of a login. */
const MOVE_AT_MOST = 100;
/** The size limit of a spool file, in bytes. Our hook never writes a larger one. */
const MAX_FILE_BYTES = 256 * 1024;
/** The limit of the spool in memory, in files: of at most 40 KB each, since the values of an event are cut. */
const MAX_RUN_FILES = 1_000;

/** Writes an event durably to `<uuid>.json`. If it throws, that file may still exist; its UUID prevents a duplicate. */
export function writeToSpool(directory: string, event: SessionEvent): void {
  makeDirectory(directory);
  writeWhole(directory, event);
  // The names of the new file and of a new directory must survive a power loss too.
  for (const path of [directory, `${directory}/..`]) {
    using folder = Deno.openSync(path);
    folder.syncSync();
  }
}

/** Like {@link writeToSpool}, but lasts only until the next boot. Throws if the directory does not exist or is full. */
export function writeToRunSpool(directory: string, event: SessionEvent): void {
  const isFull = (listSmall(directory)?.length ?? Infinity) >= MAX_RUN_FILES;
  if (isFull) throw new Error(`"${directory}" is full or is not a directory`);
  writeWhole(directory, event);
}

/** Writes a file under a temporary name, then renames it, so readers see only complete files. */
function writeWhole(directory: string, event: SessionEvent): void {
  const unfinished = `${directory}/${event.uuid}.unfinished`;
  using file = Deno.openSync(unfinished, { createNew: true, write: true });
  try {
    // The group must be able to read the file, whatever umask sshd set.
    Deno.chmodSync(unfinished, 0o640);
    let rest = new TextEncoder().encode(JSON.stringify(event));
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
    file.syncSync();
    Deno.renameSync(unfinished, `${directory}/${event.uuid}.json`);
  } catch (error) {
    Deno.removeSync(unfinished);
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    Deno.mkdirSync(directory);
    Deno.chmodSync(directory, 0o2750);
  } catch {
    // lstat, because a symbolic link could point anywhere.
    if (!Deno.lstatSync(directory).isDirectory) throw new Error(`"${directory}" is not a directory`);
  }
}

/**
 * Moves spooled events into the database. Leaves other files in place; `send` reports them. Inserts before it removes:
 * if the hook is killed in between, or two hooks move the same file, the unique UUID prevents duplicates. Never throws.
 */
export function moveIntoDatabase(files: readonly string[], database: Database): void {
  const batch = files.slice(0, MOVE_AT_MOST);
  try {
    // Do not wait: this login may already have waited for this lock.
    pragma(database, "busy_timeout = 0");
    const moved = transaction(database, () => batch.filter((path) => insertFile(database, path)));
    for (const path of moved) Deno.removeSync(path);
  } catch {
    // A later hook tries again, and `send` reads the spools too.
  }
}

/** Returns false if the file cannot be read or is not an event. Throws errors of the database. */
function insertFile(database: Database, path: string): boolean {
  try {
    if (Deno.statSync(path).size > MAX_FILE_BYTES) return false;
    const record = Deno.readTextFileSync(path);
    const { uuid, occurredAtMs }: SessionEvent = JSON.parse(record);
    if (!path.endsWith(`/${uuid}.json`) || !Number.isSafeInteger(occurredAtMs)) return false;
    database.prepare(INSERT_EVENT).run(uuid, occurredAtMs, record);
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error) throw error;
    return false;
  }
}
