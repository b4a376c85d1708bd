// Moves a damaged store aside; if the run is killed, the next run continues. The name of the directory records the step:
// `damaged-….moving`; then `damaged-….reading`, until the readable data is in the new store; then `damaged-…`, which is
// kept for the administrator.

import type { StatePaths } from "../paths.ts";
import { damagedFolderName, listFolder, statIfThere, syncFolder } from "../sqlite/files.ts";

type SendPaths = Pick<StatePaths, "sendDir" | "deliveriesDatabase">;

// The log is moved first: the database without its log would be valid, but out of date.
const SUFFIXES = ["-wal", "-shm", "-journal", ""];

/** Moves the store to a new directory. */
export function setAside(paths: SendPaths, nowMs: number): void {
  Deno.mkdirSync(`${damagedFolderName(paths.sendDir, nowMs)}.moving`, { mode: 0o700 });
  syncFolder(paths.sendDir);
  finishSettingAside(paths);
}

/** Completes a move to a new directory, also one that a killed run has begun. */
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

/** The directories that are still to be read. */
export function foldersToRead(sendDir: string): string[] {
  return foldersIn(sendDir, ".reading");
}

/**
 * Marks a directory as read.
 *
 * @returns its new path
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
