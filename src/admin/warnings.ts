// The problems that `send` noted and that a person should look at, even if the alarm works; for `check` and `status`.

import { messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import { isSetAside } from "../intake/damaged_queues.ts";
import { SourceError } from "../intake/record.ts";
import type { StatePaths } from "../paths.ts";
import type { Overview } from "../store/overview.ts";
import { quotedForShell } from "../text.ts";

/** A warning in one sentence, and what to do. */
export interface Warning {
  readonly id: Id;
  readonly message: string;
  readonly hint: string;
}

/**
 * Returns the warnings.
 *
 * @param overview undefined if `send` has never run
 * @throws {SourceError} if a directory in queue/ cannot be examined
 */
export function warningsOf(paths: StatePaths, overview: Overview | undefined): Warning[] {
  const { unreadQueues = [], backupFault } = overview ?? {};
  // Omits directories that were deleted, and any path that is not a moved database: the store may be forged, and
  // the administrator runs the hint as root.
  const there = unreadQueues.filter(({ folder }) => explaining(folder, () => isSetAside(paths, folder)));
  return [
    ...there.map(({ folder, fault }): Warning => ({
      id: "queue.damaged-unread",
      message: `send could not read all of the damaged queue database in "${folder}": ${fault}`,
      hint: `look at that directory; delete it when you do not need it: rm -r ${quotedForShell(folder)}`,
    })),
    ...backupFault === undefined ? [] : [
      {
        id: "store.backup-failing",
        message: `send cannot make the daily backup "${paths.deliveriesBackup}" of its store: ${backupFault}`,
        hint: "make sure that the disk works and has room, and look at that path; each run of send tries again",
      } as const,
    ],
  ];
}

function explaining<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new SourceError(`Cannot examine "${folder}": ${messageOf(cause)}`, { cause });
  }
}
