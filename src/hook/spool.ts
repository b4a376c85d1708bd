// The spools: events that the queue database refused, one JSON file each. `send` reads them as it reads the database.

import { cap, type SessionEvent } from "../event.ts";
import { type Database, pragma, transaction } from "../store/open.ts";
import { INSERT_EVENT } from "../store/queue_table.ts";
import { listSmall } from "./insert.ts";

/** How many files one hook tries to move, so that no login is delayed by many. */
const MOVE_AT_MOST = 100;
/** No file of ours is longer, in bytes: what is, is something else. */
const MAX_FILE_BYTES = 256 * 1024;
/** Limits of the spool in memory: the number of files, and in each the part that a user can make long (code units). */
const MAX_RUN_FILES = 1_000;
const MAX_RUN_AUTH_INFO = 4 * 1024;

/** Keeps an event as `<uuid>.json`, so that a power loss does not undo it; or throws, and leaves nothing. */
export function writeToSpool(directory: string, event: SessionEvent): void {
  makeDirectory(directory);
  writeWhole(directory, event);
  // The new name must survive a power loss too, as must that of a new folder.
  for (const path of [directory, `${directory}/..`]) {
    using folder = Deno.openSync(path);
    folder.syncSync();
  }
}

/** Keeps an event in the same way until the next boot. Throws if the folder is missing or full. */
export function writeToRunSpool(directory: string, event: SessionEvent): void {
  const isFull = (listSmall(directory)?.length ?? Infinity) >= MAX_RUN_FILES;
  if (isFull) throw new Error(`"${directory}" is full or is not a directory`);
  writeWhole(directory, { ...event, authInfo: cap(event.authInfo, MAX_RUN_AUTH_INFO) });
}

/** Writes under another name until the file is complete, so that no half of it is read. */
function writeWhole(directory: string, event: SessionEvent): void {
  const unfinished = `${directory}/${event.uuid}.unfinished`;
  using file = Deno.openSync(unfinished, { createNew: true, write: true });
  try {
    // Readable for the group, whatever umask sshd left us.
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
    // Not followed: a link could lead anywhere.
    if (!Deno.lstatSync(directory).isDirectory) throw new Error(`"${directory}" is not a directory`);
  }
}

/**
 * Moves files of the spools into the database. What is no event of ours stays, for `send` to report. Killed between the
 * two steps, or done by two hooks at once, an event is in both for a while: it is told by its uuid.
 */
export function moveIntoDatabase(directories: readonly string[], database: Database): void {
  const files = directories.flatMap(spooledFiles).slice(0, MOVE_AT_MOST);
  if (files.length === 0) return;
  try {
    // The login may have waited for this lock before.
    pragma(database, "busy_timeout = 0");
    const moved = transaction(database, () => files.filter((path) => insertFile(database, path)));
    for (const path of moved) Deno.removeSync(path);
  } catch {
    // A later hook tries again, and `send` reads the spools too.
  }
}

function spooledFiles(directory: string): string[] {
  try {
    const files = listSmall(directory)?.filter(({ name, isFile }) => isFile && name.endsWith(".json")) ?? [];
    return files.map(({ name }) => `${directory}/${name}`);
  } catch {
    return [];
  }
}

/** False for what is no event of ours; what the database says is thrown. */
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
