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
    throw new Error(`Cannot use "${directory}" as it must belong to a system user of its own: it is ${uid}:${gid}'s`);
  }
  giveUpRoot({ uid, gid });
}

/** Becomes a user and a group, for good. */
export function giveUpRoot({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  // The group first: without root, it could no longer be changed. For root, both set the real, effective and saved ids
  // (setuid(2), setgid(2)), and the capabilities go with them; the end-to-end tests look at a running hook.
  // Deno has no setgroups(2); under sshd the hook has no supplementary groups at this point.
  // Deno has no ids to set of its own, so Node's; as a global, since the import of the module costs every login more.
  const { process } = globalThis;
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (Deno.uid() !== uid || Deno.gid() !== gid) throw new Error(`Cannot give up root for ${uid}:${gid}`);
}

function ownerOf(directory: string): { uid: number; gid: number } {
  let info: Deno.FileInfo;
  try {
    // Not followed: nothing but a directory will do.
    info = Deno.lstatSync(directory);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound ? "there is none" : String(cause);
    throw new Error(`Cannot use the queue directory "${directory}": ${reason}`, { cause });
  }
  if (!info.isDirectory || info.uid === null || info.gid === null) {
    throw new Error(`Cannot use "${directory}" as it is not a directory`);
  }
  return { uid: info.uid, gid: info.gid };
}
