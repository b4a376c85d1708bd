// Commands for people are mostly started as root. What they read was written by others, so they become the user of
// `send` before they look at it.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { becomeOwner } from "../hook/privileges.ts";
import type { StatePaths } from "../paths.ts";

/**
 * Becomes the owner of `send`'s directory, for good, if this is root; anyone else must be that owner already.
 *
 * @param command the name of the command, for the failure's mend
 * @throws {Failure} where that can't be
 */
export function becomeSender({ sendDir }: StatePaths, command: string): void {
  let owner: number | null;
  try {
    owner = Deno.lstatSync(sendDir).uid;
    becomeOwner(sendDir, { anyOwner: false });
  } catch (cause) {
    if (cause instanceof Deno.errors.PermissionDenied) throw notAllowed(command, cause);
    throw new Failure(`Cannot become the user of send: ${messageOf(cause)}`, {
      exitCode: ExitCode.config,
      mend: "run install.sh, which makes the user and the directory",
      cause,
    });
  }
  if (Deno.uid() !== owner) throw notAllowed(command);
}

function notAllowed(command: string, cause?: unknown): Failure {
  return new Failure(`${command} must run as root, or as the user ssh-session-notifier`, {
    exitCode: ExitCode.noPermission,
    mend: `sudo ssh-session-notifier ${command}`,
    cause,
  });
}
