// `repair`: mends the queue database while logins happen. Becomes the user of `queue` before it touches anything there:
// as root, it would follow a link that is planted. What is damaged is moved aside; `send` takes over what can be read.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { becomeOwner } from "../hook/privileges.ts";
import type { Id } from "../ids.ts";
import { oneLine } from "../log.ts";
import { type StatePaths, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { statIfThere } from "../store/files.ts";
import { isReadOnly, REMOUNT } from "../store/store_failure.ts";
import { isPassingSystemError, isSystemError, systemCode } from "../system_error.ts";
import { emptySpool } from "./empty_spool.ts";
import { type MoveOptions, moveQueueAside, unfinishedMove } from "./move_queue_aside.ts";
import { putRight } from "./put_right.ts";
import { faultOfDatabase, openHeld } from "./queue_fault.ts";
import { refuseGroups } from "./without_groups.ts";

/** What an event takes in the log, or as a file of the spool, and more; in bytes. */
const ROOM_BYTES = 64 * 1024;

/** What `repair` may be told. */
export interface RepairOptions {
  /** Moves the database aside, whatever it looks like. */
  readonly force: boolean;
  /** A state directory in place of the fixed one; any owner will do for it. For tests and the demo. */
  readonly stateDir?: string | undefined;
}

/**
 * Mends what keeps `queue` from writing its database.
 *
 * @returns 0 once the next hook can write again
 * @throws {Failure} where it can't be mended from here
 */
export async function repair({ force, stateDir }: RepairOptions): Promise<ExitCode> {
  const paths = statePaths(stateDir);
  becomeQueue(paths, { anyOwner: stateDir !== undefined });
  using lock = explaining(paths, () => takeLock(paths));
  if (lock === undefined) {
    throw new Failure("another repair is running", {
      code: "repair.running",
      exitCode: ExitCode.tempFail,
      hint: "wait until it has ended",
    });
  }
  const say = (line: string) => print(oneLine(line));
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  try {
    await hint(paths, { force, say, sleep });
  } catch (error) {
    throw explained(error, paths);
  }
  return ExitCode.ok;
}

/** Mends what is below a state directory. */
export async function hint(paths: StatePaths, { force, ...options }: { force: boolean } & MoveOptions): Promise<void> {
  const { say } = options;
  const unfinished = unfinishedMove(paths);
  if (unfinished !== undefined) {
    say("a repair was interrupted: completing it");
    await moveQueueAside(paths, { ...options, unfinished });
  }
  putRight(paths, say);
  const fault = faultOfDatabase(paths);
  if (fault !== undefined) say(`the queue database is damaged: ${fault}`);
  else say("the queue database is not damaged");
  if (fault === undefined && !force) {
    tryRoom(paths);
    // A hook makes the database.
    if (statIfThere(paths.queueDatabase) !== undefined) emptySpools(paths, say);
    return;
  }
  await moveQueueAside(paths, options);
  say("the next login makes a new database; send takes over what can be read of the old one in its next runs");
}

/** Moves the events of each spool into the database, and reports it. */
function emptySpools(paths: StatePaths, say: (line: string) => void): void {
  const database = openHeld(paths);
  for (const folder of [paths.spoolDir, paths.runSpoolDir]) emptySpool(database, folder).forEach(say);
}

/** Whether the disk takes an event: the one that was tried in the database was rolled back, and so never written. */
function tryRoom({ queueDir }: StatePaths): void {
  const path = `${queueDir}/room.${crypto.randomUUID()}`;
  using file = Deno.openSync(path, { createNew: true, write: true, mode: 0o600 });
  // Without a name it goes however this ends.
  Deno.removeSync(path);
  const bytes = new Uint8Array(ROOM_BYTES);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
  file.syncSync();
}

function becomeQueue({ queueDir }: StatePaths, options: { anyOwner: boolean }): void {
  // Another directory is for trials, where root is not given up.
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
          hint: "run install.sh, which makes the user and the directory",
          cause,
        },
    );
  }
}

/**
 * A lock that the kernel frees however this ends. It is on a file that only the user of `queue` can open: `send` can
 * open the folder, and could lock it.
 */
function takeLock({ queueDir }: StatePaths): Deno.FsFile | undefined {
  const path = `${queueDir}/repair.lock`;
  // Opening a FIFO would wait for a reader.
  if (statIfThere(path)?.isFile === false) {
    throw new Failure(`"${path}" is not a plain file`, {
      code: "repair.lock-unusable",
      exitCode: ExitCode.config,
      hint: `see what it is, and remove it: rm -r ${path}`,
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
  if (error instanceof Failure || !isSystemError(error)) return error;
  const fail = (code: Id, reason: string, exitCode: ExitCode, hint: string) =>
    new Failure(`Cannot mend "${queueDir}": ${reason}`, { code, exitCode, hint, cause: error });
  if (["ENOSPC", "EDQUOT"].includes(systemCode(error))) {
    return fail("repair.disk-full", "the disk is full", ExitCode.tempFail, "make room, and run repair again");
  }
  if (isReadOnly(error)) {
    return fail("repair.read-only", "its file system is read-only", ExitCode.config, REMOUNT);
  }
  const { tempFail, config } = ExitCode;
  return isPassingSystemError(error)
    ? fail("repair.read-error", messageOf(error), tempFail, "see what the disk says, and run repair again")
    : fail(
      "repair.refused",
      messageOf(error),
      config,
      "move files of other users out of it by hand",
    );
}
