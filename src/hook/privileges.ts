// Gives up root: the hook becomes the owner of the queue directory, before it touches anything in there.
// As root it would write through a link that is planted there, and Deno's sandbox would follow it too.

/**
 * Becomes the owner of a directory, for good. A process that is not root stays who it is.
 *
 * @param options.anyOwner whether a directory of root's will do: only where a test or the demo has one of its own
 * @throws where the directory is missing, is none, or belongs to root
 */
export function becomeOwner(directory: string, options: { readonly anyOwner: boolean }): void {
  const { uid, gid } = ownerOf(directory);
  if (Deno.uid() !== 0) return;
  if (uid === 0 || gid === 0) {
    if (options.anyOwner) return;
    throw new Error(
      `Cannot use "${directory}" as the queue: it must belong to its own system user, not to ${uid}:${gid}`,
    );
  }
  giveUpRoot({ uid, gid });
}

/** Becomes a user and a group, permanently. */
export function giveUpRoot({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  // The group first: without root, it can't be changed. For root, both set the real, effective and saved ids, and the
  // capabilities go with them (setuid(2), setgid(2)). Deno has no setgroups(2), but sshd leaves the hook no groups.
  // Node's global, since Deno has no setuid of its own, and an import of node:process takes longer.
  const { process } = globalThis;
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (Deno.uid() !== uid || Deno.gid() !== gid) throw new Error(`Cannot change from root to ${uid}:${gid}`);
}

/** Follows no link: only a directory is accepted. */
function ownerOf(directory: string): { uid: number; gid: number } {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(directory);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "it does not exist" : String(cause);
    throw new Error(`Cannot use the queue directory "${directory}": ${reason}`, { cause });
  }
  const { isDirectory, uid, gid } = info;
  if (!isDirectory || uid === null || gid === null) throw new Error(`"${directory}" is not a directory`);
  return { uid, gid };
}
