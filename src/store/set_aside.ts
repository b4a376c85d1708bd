// Moves a damaged store aside, for the administrator to inspect. If the run is killed, the next run continues.

import type { StatePaths } from "../paths.ts";
import { damagedFolderName, listFolder, statIfThere, syncFile } from "../sqlite/files.ts";

type SendPaths = Pick<StatePaths, "sendDir" | "deliveriesDatabase">;

/**
 * Moves the store to a new directory: the database first, so that a log without a database shows that this was
 * interrupted.
 *
 * @returns the directory
 */
export function setAside(paths: SendPaths, nowMs: number): string {
  const folder = damagedFolderName(paths.sendDir, nowMs);
  Deno.mkdirSync(folder, { mode: 0o700 });
  move(paths, "", folder);
  finishSettingAside(paths);
  return folder;
}

/** Moves a log that was left without its database: a new database would replay it. */
export function finishSettingAside(paths: SendPaths): void {
  const { sendDir, deliveriesDatabase } = paths;
  const rest = ["-wal", "-shm", "-journal"].filter((suffix) =>
    statIfThere(`${deliveriesDatabase}${suffix}`) !== undefined
  );
  if (rest.length === 0 || statIfThere(deliveriesDatabase) !== undefined) return;
  const folders = listFolder(sendDir).filter(({ name, isDirectory }) => isDirectory && name.startsWith("damaged-"));
  const newest = folders.map(({ name }) => `${sendDir}/${name}`).sort().at(-1) ?? damagedFolderName(sendDir, 0);
  Deno.mkdirSync(newest, { recursive: true, mode: 0o700 });
  for (const suffix of rest) move(paths, suffix, newest);
}

function move({ sendDir, deliveriesDatabase }: SendPaths, suffix: string, folder: string): void {
  Deno.renameSync(`${deliveriesDatabase}${suffix}`, `${folder}${deliveriesDatabase.slice(sendDir.length)}${suffix}`);
  syncFile(folder);
  syncFile(sendDir);
}
