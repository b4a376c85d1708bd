// Moves a damaged store aside, for the administrator to inspect. If the run is killed, the next run continues.

import type { StatePaths } from "../paths.ts";
import { dirname } from "node:path";
import { damagedFolderName, databaseFiles, listFolder, statIfThere, syncFile } from "../sqlite/files.ts";

type SendPaths = Pick<StatePaths, "sendDir" | "deliveriesDatabase">;

/**
 * Moves the store to a new directory: the database first, so that a log without a database shows that this was
 * interrupted.
 *
 * @returns the directory
 */
export function setAside(paths: SendPaths, nowMs: number): string {
  const { sendDir, deliveriesDatabase } = paths;
  const folder = damagedFolderName(sendDir, nowMs);
  Deno.mkdirSync(folder, { mode: 0o700 });
  move(deliveriesDatabase, folder);
  finishSettingAside(paths);
  return folder;
}

/** Moves a log that was left without its database: a new database would replay it. */
export function finishSettingAside(paths: SendPaths): void {
  const { sendDir, deliveriesDatabase } = paths;
  const rest = databaseFiles(deliveriesDatabase).filter((path) => statIfThere(path) !== undefined);
  if (rest.length === 0 || rest.includes(deliveriesDatabase)) return;
  const folders = listFolder(sendDir).filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged-"));
  const newest = folders.map(({ name }) => `${sendDir}/${name}`).sort().at(-1) ?? damagedFolderName(sendDir, 0);
  Deno.mkdirSync(newest, { recursive: true, mode: 0o700 });
  for (const path of rest) move(path, newest);
}

/** Moves a file to a directory next to it. */
function move(path: string, folder: string): void {
  const parent = dirname(path);
  Deno.renameSync(path, `${folder}${path.slice(parent.length)}`);
  syncFile(folder);
  syncFile(parent);
}
