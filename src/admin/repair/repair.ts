// `repair`: repairs the queue database without interrupting logins. Becomes the user of `queue` first, because as root
// it would follow a planted link. Moves a damaged database aside; `send` recovers the events that can still be read.

import { ExitCode, Failure, messageOf } from "../../failure.ts";
import { becomeOwner } from "../../hook/privileges.ts";
import type { Id } from "../../ids.ts";
import { oneLine } from "../../log.ts";
import { type StatePaths, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { statIfThere } from "../../sqlite/files.ts";
import { isSqliteError, SQLITE_FULL, sqliteCode } from "../../sqlite/sqlite_error.ts";
import { isPassing, isReadOnly, REMOUNT } from "../../store/store_failure.ts";
import { isSystemError, systemCode } from "../../system_error.ts";
import { emptySpools } from "./empty_spool.ts";
import { fixModes } from "./fix_modes.ts";
import { faultOfDatabase } from "./queue_fault.ts";
import { createDatabaseDir, type RepairSteps, setOldDatabaseAside, setQueueAside } from "./set_queue_aside.ts";
import { refuseGroups } from "../without_groups.ts";

/** More than one event needs in the log or the spool, in bytes. */
const ROOM_BYTES = 64 * 1024;

/** Options of `repair`. */
export interface RepairOptions {
  /** Whether to move the database aside even if it is intact. */
  readonly force: boolean;
  /** Overrides the fixed state directory, for tests and the demo; it may have any owner. */
  readonly stateDir?: string | undefined;
}

/**
 * Fixes what prevents `queue` from writing to its database.
 *
 * @returns 0 when the next hook can write again
 * @throws {Failure} if it cannot be fixed
 */
export async function repair({ force, stateDir }: RepairOptions): Promise<ExitCode> {
  const paths = statePaths(stateDir);
  becomeQueue(paths, { anyOwner: stateDir !== undefined });
  using lock = explaining(paths, () => takeLock(paths));
  if (lock === undefined) {
    throw new Failure("Another repair is running", {
      code: "repair.running",
      exitCode: ExitCode.tempFail,
      hint: "wait until it ends",
    });
  }
  const say = (line: string) => print(oneLine(line));
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  try {
    await repairQueue(paths, { force, say, sleep });
  } catch (error) {
    throw explained(error, paths);
  }
  return ExitCode.ok;
}

/** Repairs the queue in a state directory. */
export async function repairQueue(
  paths: StatePaths,
  { force, ...steps }: { force: boolean } & RepairSteps,
): Promise<void> {
  const { say } = steps;
  await setOldDatabaseAside(paths, steps);
  if (statIfThere(paths.databaseDir) === undefined) {
    await createDatabaseDir(paths, steps);
    say(`created "${paths.databaseDir}"`);
  }
  fixModes(paths, say);
  const fault = faultOfDatabase(paths);
  say(fault === undefined ? "the queue database is not damaged" : `the queue database is damaged: ${fault}`);
  if (fault === undefined && !force) {
    tryRoom(paths);
  } else {
    await setQueueAside(paths, steps);
    say("the next runs of send recover the events that can be read from it");
  }
  emptySpools(paths, say);
}

/** Checks whether the disk has room for an event. The insert in faultOf() does not show it: it is rolled back. */
function tryRoom({ queueDir }: StatePaths): void {
  const path = `${queueDir}/room.${crypto.randomUUID()}`;
  using file = Deno.openSync(path, { createNew: true, write: true, mode: 0o600 });
  // Without a name, the file disappears even if this process is killed.
  Deno.removeSync(path);
  const bytes = new Uint8Array(ROOM_BYTES);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
  file.syncSync();
}

function becomeQueue({ queueDir }: StatePaths, options: { anyOwner: boolean }): void {
  // With another state directory, this process may stay root, so the groups do not matter.
  if (!options.anyOwner) refuseGroups("repair");
  try {
    const owner = Deno.lstatSync(queueDir).uid;
    becomeOwner(queueDir, options);
    if (Deno.uid() !== owner) throw new Deno.errors.PermissionDenied("permission denied");
  } catch (cause) {
    const denied = cause instanceof Deno.errors.PermissionDenied;
    throw new Failure(
      denied ? "repair must run as root" : `Cannot become the user of queue: ${messageOf(cause)}`,
      denied
        ? {
          code: "command.not-permitted",
          exitCode: ExitCode.noPermission,
          hint: "sudo ssh-session-notifier repair",
          cause,
        }
        : {
          code: "users.queue-unusable",
          exitCode: ExitCode.config,
          hint: "run install.sh, or reinstall the package",
          cause,
        },
    );
  }
}

/**
 * Takes a lock, which the kernel releases when this process ends. Locks a file that only the user of `queue` can
 * open, because `send` can open the directory and could lock it to block `repair`.
 */
function takeLock({ queueDir }: StatePaths): Deno.FsFile | undefined {
  const path = `${queueDir}/repair.lock`;
  // Opening a FIFO would wait for a reader.
  if (statIfThere(path)?.isFile === false) {
    throw new Failure(`"${path}" is not a plain file`, {
      code: "repair.lock-unusable",
      exitCode: ExitCode.config,
      hint: `find out what it is, then remove it: rm -r ${path}`,
    });
  }
  const file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  if (file.tryLockSync(true)) return file;
  file.close();
  return undefined;
}

function explaining<T>(paths: StatePaths, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explained(error, paths);
  }
}

function explained(error: unknown, { queueDir }: StatePaths): unknown {
  if (error instanceof Failure || !(isSystemError(error) || isSqliteError(error))) return error;
  const fail = (code: Id, reason: string, exitCode: ExitCode, hint: string) =>
    new Failure(`Cannot repair "${queueDir}": ${reason}`, { code, exitCode, hint, cause: error });
  if (["ENOSPC", "EDQUOT"].includes(systemCode(error)) || sqliteCode(error) === SQLITE_FULL) {
    return fail(
      "repair.disk-full",
      "the disk is full",
      ExitCode.tempFail,
      "free space on the disk, then run repair again",
    );
  }
  if (isReadOnly(error)) {
    return fail("repair.read-only", "its file system is read-only", ExitCode.config, REMOUNT);
  }
  const { tempFail, config } = ExitCode;
  return isPassing(error)
    ? fail("repair.read-error", messageOf(error), tempFail, "check the disk (journalctl -k), then run repair again")
    : fail(
      "repair.refused",
      messageOf(error),
      config,
      "move files that belong to other users out of this directory by hand",
    );
}
