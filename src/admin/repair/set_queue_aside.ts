// Sets the queue database aside while hooks run, by one rename of its directory.
//
// A hook that has opened the database and its log commits to them under their new name, where `send` reads them. Later
// hooks find no directory and use the spool. The new directory is created only when no hook can still be about to open
// the log of the old database, because SQLite would find the new log under that name.
//
// If this is killed, the directory is missing, events go to the spool, and the next `repair` creates it.

import type { StatePaths } from "../../paths.ts";
import { damagedFolderName, statIfThere, syncFile } from "../../sqlite/files.ts";

/** Time after which a hook has ended, in milliseconds. A hook waits for locks for at most half a second. */
const HOOKS_END_AFTER_MS = 5_000;

/** How to report a change and how to wait. */
export interface RepairSteps {
  readonly say: (line: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

type Paths = Pick<StatePaths, "queueDir" | "databaseDir">;

/** Sets the database aside, and creates the directory for a new one. */
export async function setQueueAside(paths: Paths, steps: RepairSteps): Promise<void> {
  steps.say(`moved the database to "${movedAside(paths.databaseDir, paths)}"`);
  await createDatabaseDir(paths, steps);
}

/** Creates the directory of the database. */
export async function createDatabaseDir({ queueDir, databaseDir }: Paths, { sleep }: RepairSteps): Promise<void> {
  await sleep(HOOKS_END_AFTER_MS);
  Deno.mkdirSync(databaseDir);
  Deno.chmodSync(databaseDir, 0o2750);
  syncFile(queueDir);
}

/**
 * Moves a file or directory aside.
 *
 * @returns its new path
 */
export function movedAside(path: string, { queueDir }: Pick<StatePaths, "queueDir">): string {
  const folder = damagedFolderName(queueDir, Date.now());
  Deno.renameSync(path, folder);
  syncFile(queueDir);
  return folder;
}

/**
 * Sets aside a database from before it had a directory of its own. The database goes first: the old hooks do not create
 * one while its log is there.
 */
export async function setOldDatabaseAside({ queueDir }: Paths, { say, sleep }: RepairSteps): Promise<void> {
  const moving = `${queueDir}/old_database`;
  const names = ["", "-wal", "-shm"].map((suffix) => `session_events.db${suffix}`)
    .filter((name) => statIfThere(`${queueDir}/${name}`) !== undefined);
  if (names.length === 0 && statIfThere(moving) === undefined) return;
  Deno.mkdirSync(moving, { recursive: true, mode: 0o2750 });
  for (const name of names) {
    if (name !== "session_events.db") await sleep(HOOKS_END_AFTER_MS);
    Deno.renameSync(`${queueDir}/${name}`, `${moving}/${name}`);
  }
  say(`moved the database of an earlier release to "${movedAside(moving, { queueDir })}"`);
}
