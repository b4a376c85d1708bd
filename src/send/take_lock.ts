// The lock that permits only one run of `send`. Its file also records whether this host has ever had a store.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { NotPlainError, statIfThere } from "../sqlite/files.ts";
import { explainStoreError, isPassing, isReadOnly, REMOUNT } from "../store/store_failure.ts";

/**
 * Takes the lock. The kernel releases it, however the run ends.
 *
 * @returns undefined if another run has it
 * @throws {Failure} if the state directory cannot be used
 */
export function takeLock({ sendDir, sendLock }: StatePaths): Deno.FsFile | undefined {
  let file: Deno.FsFile | undefined;
  try {
    // Opening a FIFO would block until a process reads from it.
    if (statIfThere(sendLock)?.isFile === false) throw new NotPlainError(`"${sendLock}" is not a plain file`);
    file = Deno.openSync(sendLock, { create: true, write: true });
    if (file.tryLockSync(true)) return file;
  } catch (cause) {
    file?.close();
    throw unusable(sendDir, cause);
  }
  file.close();
  return undefined;
}

/** Whether this host has had a store. If the store is lost, the next run must not send the whole queue again. */
export function hadStore(lock: Deno.FsFile): boolean {
  return lock.statSync().size > 0;
}

/** Records in the lock file that this host has a store. */
export function markStore(lock: Deno.FsFile): void {
  if (hadStore(lock)) return;
  lock.writeSync(new TextEncoder().encode("A store was created.\n"));
  lock.syncSync();
}

function unusable(directory: string, cause: unknown): Failure {
  if (cause instanceof Deno.errors.NotFound) {
    return new Failure(`State directory "${directory}" does not exist`, {
      code: "state.missing",
      exitCode: ExitCode.config,
      hint: "run install.sh, or reinstall the package",
      cause,
    });
  }
  if (isPassing(cause)) return explainStoreError(cause, { deliveriesDatabase: directory }) as Failure;
  const denied = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable;
  return new Failure(
    `Cannot use the state directory "${directory}": ${denied ? "permission denied" : messageOf(cause)}`,
    {
      code: "state.unusable",
      exitCode: denied ? ExitCode.noPermission : ExitCode.config,
      hint: isReadOnly(cause)
        ? REMOUNT
        : "run send as the user ssh-session-notifier; if it still fails, run install.sh, or reinstall the package",
      cause,
    },
  );
}
