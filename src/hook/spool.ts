// The spool: events that the queue database refused, one JSON file each. `send` reads it as it reads the database.

import type { SessionEvent } from "../event.ts";
import { type Database, pragma, transaction } from "../store/open.ts";
import { INSERT } from "./insert.ts";

/** How many files one hook looks at, at most, so that no login pays for many. `send` reads all. */
const LOOK_AT_MOST = 50;

/** No file of ours is longer, in bytes: what is, is something else. */
const MAX_BYTES = 256 * 1024;

/**
 * Keeps an event as `<uuid>.json`, durably: when this returns, a power loss does not undo it. Under another name until
 * it is whole, so that nobody reads half of it.
 *
 * @throws what the disk says; nothing is left then
 */
export function writeToSpool(directory: string, event: SessionEvent): void {
  makeDirectory(directory);
  const unfinished = `${directory}/${event.uuid}.unfinished`;
  const file = Deno.openSync(unfinished, { createNew: true, write: true });
  try {
    try {
      // Readable for the group, whatever umask sshd left us.
      Deno.chmodSync(unfinished, 0o640);
      let rest = new TextEncoder().encode(JSON.stringify(event));
      while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
      file.syncSync();
    } finally {
      file.close();
    }
    Deno.renameSync(unfinished, `${directory}/${event.uuid}.json`);
  } catch (error) {
    Deno.removeSync(unfinished);
    throw error;
  }
  // The new name too must outlast a power loss.
  using folder = Deno.openSync(directory);
  folder.syncSync();
}

function makeDirectory(directory: string): void {
  try {
    // Not followed: a link could lead anywhere.
    if (!Deno.lstatSync(directory).isDirectory) throw new Error(`"${directory}" is not a directory`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(directory);
    Deno.chmodSync(directory, 0o2750);
  }
}

/**
 * Moves files of the spool into the database. What is no event of ours stays, for `send` to report. Killed between the
 * two steps, or done by two hooks at once, an event is in both for a while: it is told by its uuid.
 */
export function moveIntoDatabase(directory: string, database: Database): void {
  const moved: string[] = [];
  let seen = 0;
  // The insert may have waited for all that a login may wait.
  pragma(database, "busy_timeout = 0");
  transaction(database, () => {
    for (const { name, isFile } of Deno.readDirSync(directory)) {
      const path = `${directory}/${name}`;
      if (!name.endsWith(".json")) continue;
      if (seen++ === LOOK_AT_MOST) break;
      if (!isFile || Deno.statSync(path).size > MAX_BYTES) continue;
      if (insertRecord(database, Deno.readTextFileSync(path), name.replace(/\.json$/, ""))) moved.push(path);
    }
  });
  for (const path of moved) Deno.removeSync(path);
}

function insertRecord(database: Database, record: string, uuid: string): boolean {
  try {
    const event: SessionEvent = JSON.parse(record);
    if (event.uuid !== uuid) return false;
    database.prepare(INSERT).run(uuid, event.occurredAtMs, record);
    return true;
  } catch {
    return false;
  }
}
