// Gives up root. Administrators run most commands as root, but the commands read files that other users wrote, so they
// first become the user of `send`.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { becomeOwner, giveUpRoot } from "../hook/privileges.ts";
import type { StatePaths } from "../paths.ts";
import { refuseGroups } from "./without_groups.ts";

/**
 * Permanently becomes the owner of the directory of `send` if this is root; any other user must already be that owner.
 *
 * @param command the name of the command, for the hint
 * @throws {Failure} if this user is not allowed to, or the directory is unusable
 */
export function becomeSender({ sendDir }: StatePaths, command: string): void {
  prepare(command);
  let owner: number | null;
  try {
    owner = Deno.lstatSync(sendDir).uid;
    becomeOwner(sendDir, { anyOwner: false });
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) throw notAllowed(command, cause);
    throw new Failure(`Cannot become the user of send: ${messageOf(cause)}`, {
      code: "users.send-unusable",
      exitCode: ExitCode.config,
      hint: "run install.sh, or reinstall the package",
      cause,
    });
  }
  if (Deno.uid() !== owner) throw notAllowed(command);
}

/**
 * Like {@link becomeSender}, but with the group of the queue, the only one that may read the queue. This process
 * cannot read the configuration afterwards.
 *
 * @throws {Failure} as {@link becomeSender} does
 */
export function becomeQueueReader(paths: StatePaths, command: string): void {
  const owners = ownersOf(paths);
  if (Deno.uid() !== 0 || owners === undefined) return becomeSender(paths, command);
  prepare(command);
  giveUpRoot(owners);
}

/** Nothing that other users wrote is read before this process can start no program. */
function prepare(command: string): void {
  refuseGroups(command);
  Deno.permissions.revokeSync({ name: "run" });
}

/** The user of `send` and the group of the queue; undefined if a directory is missing or root owns it, see files.ts. */
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
  return new Failure(`${command} must run as root or as the user ssh-session-notifier`, {
    code: "command.not-permitted",
    exitCode: ExitCode.noPermission,
    hint: `sudo ssh-session-notifier ${command}`,
    cause,
  });
}
