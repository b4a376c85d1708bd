// Lists the directories of the queue, whose content an attacker may control.

/** A larger directory (about 3,500 names on ext4, 5 ms) is not listed, because Deno reads all names at once. */
const MAX_FOLDER_BYTES = 256 * 1024;

/** Lists a directory; undefined if it is a symbolic link, or so large that listing it could delay the login. */
export function listSmall(directory: string, info = Deno.lstatSync(directory)): Deno.DirEntry[] | undefined {
  return info.isDirectory && info.size <= MAX_FOLDER_BYTES ? [...Deno.readDirSync(directory)] : undefined;
}

/** The paths of all events in spools, whether valid or not; none of a spool that does not exist or is not listed. */
export function spooledFiles(directories: readonly string[]): string[] {
  return directories.flatMap((directory) => {
    try {
      const files = listSmall(directory)?.filter(({ name, isFile }) => isFile && name.endsWith(".json")) ?? [];
      return files.map(({ name }) => `${directory}/${name}`);
    } catch {
      return [];
    }
  });
}
