// Moves a store that is damaged out of the way, so that a run which is killed at any point is completed by the next one.
// A folder is named after the step that it has come to: `damaged-….moving`, then `damaged-….reading`, until what can be
// read is in the new store, then `damaged-…`, which is for people.

import type { StatePaths } from "../paths.ts";
import { damagedFolderName, listFolder, statIfThere, syncFolder } from "./files.ts";

type SendPaths = Pick<StatePaths, "sendDir" | "deliveriesDatabase">;

// The log goes first: the database without it would be taken for whole, and older than it is.
const SUFFIXES = ["-wal", "-shm", "-journal", ""];

/** Moves the store aside. */
export function setAside(paths: SendPaths, nowMs: number): void {
  Deno.mkdirSync(`${damagedFolderName(paths.sendDir, nowMs)}.moving`, { mode: 0o700 });
  syncFolder(paths.sendDir);
  finishSettingAside(paths);
}

/** Completes what a run has begun that was killed. */
export function finishSettingAside({ sendDir, deliveriesDatabase }: SendPaths): void {
  for (const folder of foldersIn(sendDir, ".moving")) {
    const name = deliveriesDatabase.slice(sendDir.length + 1);
    for (const suffix of SUFFIXES) {
      if (statIfThere(`${deliveriesDatabase}${suffix}`) === undefined) continue;
      Deno.renameSync(`${deliveriesDatabase}${suffix}`, `${folder}/${name}${suffix}`);
      syncFolder(folder);
    }
    Deno.renameSync(folder, folder.replace(/\.moving$/, ".reading"));
    syncFolder(sendDir);
  }
}

/** The folders that wait to be read. */
export function foldersToRead(sendDir: string): string[] {
  return foldersIn(sendDir, ".reading");
}

/**
 * Says that what could be read of a folder is in the new store.
 *
 * @returns where it lies from now on
 */
export function finishReading(folder: string): string {
  const finished = folder.replace(/\.reading$/, "");
  Deno.renameSync(folder, finished);
  return finished;
}

function foldersIn(directory: string, step: string): string[] {
  return listFolder(directory)
    .filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged-") && name.endsWith(step))
    .map(({ name }) => `${directory}/${name}`).sort();
}
