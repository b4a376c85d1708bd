// Commands for people are mostly started as root. What they read was written by others, so they become the user of
// `send` before they look at it.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { becomeOwner, giveUpRoot } from "../hook/privileges.ts";
import type { StatePaths } from "../paths.ts";
import { refuseGroups } from "./without_groups.ts";

/**
 * Becomes the owner of `send`'s directory, for good, if this is root; anyone else must be that owner already.
 *
 * @param command the name of the command, for the failure's mend
 * @throws {Failure} where that can't be
 */
export function becomeSender({ sendDir }: StatePaths, command: string): void {
  refuseGroups(command);
  let owner: number | null;
  try {
    owner = Deno.lstatSync(sendDir).uid;
    becomeOwner(sendDir, { anyOwner: false });
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) throw notAllowed(command, cause);
    throw new Failure(`Cannot become the user of send: ${messageOf(cause)}`, {
      code: "users.send-unusable",
      exitCode: ExitCode.config,
      hint: "run install.sh, which makes the user and the directory",
      cause,
    });
  }
  if (Deno.uid() !== owner) throw notAllowed(command);
}

/**
 * As {@link becomeSender}, but with the group of the queue, the only one that can read there. The configuration can't
 * be read after that.
 *
 * @throws {Failure} as {@link becomeSender} does
 */
export function becomeQueueReader(paths: StatePaths, command: string): void {
  const owners = ownersOf(paths);
  if (Deno.uid() !== 0 || owners === undefined) return becomeSender(paths, command);
  refuseGroups(command);
  giveUpRoot(owners);
}

/** The user of `send` and the group of the queue; undefined if either is missing or root's, which files.ts reports. */
function ownersOf({ sendDir, queueDir }: StatePaths): { readonly uid: number; readonly gid: number } | undefined {
  try {
    const { uid } = Deno.lstatSync(sendDir);
    const { gid } = Deno.lstatSync(queueDir);
    return uid && gid ? { uid, gid } : undefined;
  } catch {
    return undefined;
  }
}

function notAllowed(command: string, cause?: unknown): Failure {
  return new Failure(`${command} must run as root, or as the user ssh-session-notifier`, {
    code: "command.not-permitted",
    exitCode: ExitCode.noPermission,
    hint: `sudo ssh-session-notifier ${command}`,
    cause,
  });
}
