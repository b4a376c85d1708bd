// Moves all events of a spool into the queue database. A hook moves only 100, and skips a directory that is too large
// to list during a login.

import type { SessionEvent } from "../../event.ts";
import { plural } from "../../text.ts";
import { NotPlainError, removeIfThere, statIfThere } from "../../sqlite/files.ts";
import { type Database, pragma, transaction } from "../../sqlite/open.ts";
import { INSERT_EVENT } from "../../sqlite/queue_table.ts";
import { parseSpooled } from "../../intake/record.ts";
import { readSpoolFile } from "../../intake/spool.ts";

/** Events per transaction. A hook waits at most half a second for a transaction to end. */
const PAGE = 100;

/**
 * Moves the files that contain an event. Other files stay for the administrator to inspect; `send` reports them.
 *
 * @returns lines that describe what it did; empty if there was nothing to move
 */
export function emptySpool(database: Database, spoolDir: string): string[] {
  if (statIfThere(spoolDir)?.isDirectory !== true) return [];
  const names = [...Deno.readDirSync(spoolDir)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
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
  if (moved > 0) makeAnew(spoolDir);
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

/** Replaces the directory, because ext4 never shrinks a directory. */
function makeAnew(spoolDir: string): void {
  try {
    Deno.removeSync(spoolDir);
    Deno.mkdirSync(spoolDir);
    Deno.chmodSync(spoolDir, 0o2750);
  } catch (error) {
    // The directory is not empty, or a hook has just recreated it.
    if (statIfThere(spoolDir)?.isDirectory !== true) throw error;
  }
}
