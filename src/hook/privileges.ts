// Drops root: the hook becomes the owner of the queue directory before it touches anything in it.
// As root, it would write through a symbolic link planted there, and Deno's sandbox would follow that link too.

/**
 * Permanently becomes the owner of a directory. Does nothing unless the effective user is root; su keeps the real user.
 *
 * @param options.anyOwner accepts a directory that belongs to root, and stays root; for tests and the demo
 * @throws if the directory does not exist, is not a directory, or belongs to root
 */
export function becomeOwner(directory: string, options: { readonly anyOwner: boolean }): void {
  const { uid, gid } = ownerOf(directory);
  if (globalThis.process.geteuid?.() !== 0) return;
  if (uid === 0 || gid === 0) {
    if (options.anyOwner) return;
    throw new Error(`Cannot use "${directory}": it must belong to its own system user, not to ${uid}:${gid}`);
  }
  giveUpRoot({ uid, gid });
}

/** Permanently becomes a user and a group. */
export function giveUpRoot({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  // Change the group first, while still root. For root, both calls set the real, effective and saved IDs, and the
  // second drops all capabilities (setgid(2), setuid(2)). Deno has no setgroups(2); su leaves the hook groups.
  // Deno has no setuid, only Node's `process`: free in Deno 2.7; 2.9 loads it at its first use, in 20 ms of CPU.
  const { process } = globalThis;
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (Deno.uid() !== uid || Deno.gid() !== gid) throw new Error(`Cannot change from root to ${uid}:${gid}`);
}

/** Does not follow symbolic links; throws unless the path is a directory. */
function ownerOf(directory: string): { uid: number; gid: number } {
  const { isDirectory, uid, gid } = Deno.lstatSync(directory);
  if (!isDirectory || uid === null || gid === null) throw new Error(`"${directory}" is not a directory`);
  return { uid, gid };
}
