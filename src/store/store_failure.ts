// What a person can do about an error of the store, or of the disk below it: what passes by itself is tried again in the
// next run.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import type { StatePaths } from "../paths.ts";
import { isPassingSystemError, isSystemError, systemCode } from "../system_error.ts";
import { NotPlainError, statIfThere } from "./files.ts";
import { ForeignSchemaError } from "./foreign_schema.ts";
import { NewerSchemaError } from "./schema.ts";
import {
  isDamage,
  isSqliteError,
  SQLITE_BUSY,
  SQLITE_CANTOPEN,
  SQLITE_FULL,
  SQLITE_IOERR,
  SQLITE_LOCKED,
  SQLITE_PROTOCOL,
  sqliteCode,
} from "./sqlite_error.ts";

/** What passes by itself, or with room on the disk. */
const PASSING = [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL, SQLITE_PROTOCOL];

/** What an error means. `reason`: where its own message is not what to say. */
interface Meaning {
  readonly code: Id;
  readonly reason?: string;
  readonly exitCode: ExitCode;
  readonly hint: string;
}

const PASSES: Meaning = {
  code: "store.unavailable",
  exitCode: ExitCode.tempFail,
  hint:
    "see that the disk works and has room, and nothing else holds the file; nothing is lost, the next run tries again",
};

const IS_REFUSED: Meaning = {
  code: "store.refused",
  exitCode: ExitCode.config,
  hint:
    "see that the folder and all in it belong to ssh-session-notifier, and that its file system is mounted read-write",
};

/** The failure that an error of the store, or of a file beside it, is for the command; any other error as it is. */
export function explainStoreError(error: unknown, { deliveriesDatabase }: Pick<StatePaths, "deliveriesDatabase">) {
  if (error instanceof Failure) return error;
  const meaning = meaningOf(error, deliveriesDatabase);
  if (meaning === undefined) return error;
  const { reason = messageOf(error), ...rest } = meaning;
  return new Failure(`Cannot use "${deliveriesDatabase}": ${reason}`, { ...rest, cause: error });
}

/** Does some work on the store. What goes wrong with that is the failure that it is for the command. */
export function explainingStore<T>(paths: Pick<StatePaths, "deliveriesDatabase">, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explainStoreError(error, paths);
  }
}

function meaningOf(error: unknown, path: string): Meaning | undefined {
  if (error instanceof NewerSchemaError) {
    const hint = "install the newer ssh-session-notifier again that has written it";
    return { code: "store.newer", reason: `its ${error.message}`, exitCode: ExitCode.config, hint };
  }
  if (error instanceof ForeignSchemaError || error instanceof NotPlainError) {
    const hint = "see who has changed it; the next run of send moves it aside and makes a new one";
    return { code: "store.foreign", exitCode: ExitCode.config, hint };
  }
  if (error instanceof Deno.errors.NotCapable) {
    const hint = "see that neither its folder, nor one above that, nor what is in it is a symbolic link, which leads " +
      "out of the sandbox: mount --bind the other place there";
    const reason = error.message.split(", ", 1)[0] ?? "";
    return { code: "store.outside-sandbox", reason, exitCode: ExitCode.config, hint };
  }
  if (isUnopened(error)) {
    const refusal = refusalOf(path);
    return refusal === undefined || isPassing(refusal) ? PASSES : IS_REFUSED;
  }
  if (isPassing(error)) return PASSES;
  if (isDamage(error)) {
    const hint = "nothing needs to be done: the next run makes a new one of what can be read, and goes on";
    const reason = `it is damaged: ${messageOf(error)}`;
    return { code: "store.damaged", reason, exitCode: ExitCode.tempFail, hint };
  }
  return isSqliteError(error) || isSystemError(error) ? IS_REFUSED : undefined;
}

/** Whether what went wrong, at the bottom of it, passes by itself, or with room on the disk. */
export function isPassing(error: unknown): boolean {
  const root = rootOf(error);
  return PASSING.includes(sqliteCode(root)) || isPassingSystemError(root);
}

/**
 * Likewise, where something of the queue could not be read. A disk that can't read it is for a person, since `repair` moves
 * it out of the way.
 */
export function isPassingInQueue(error: unknown): boolean {
  return isPassing(error) && systemCode(rootOf(error)) !== "EIO";
}

/** Whether the file system can only be read: the kernel makes it so when its disk fails (ext4(5), `errors=remount-ro`). */
export function isReadOnly(error: unknown): boolean {
  return systemCode(rootOf(error)) === "EROFS";
}

/** What to do then. */
export const REMOUNT =
  "see why its file system is mounted read-only (dmesg tells whether its disk fails), and mount it read-write";

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

/** Whether SQLite could not open a file, of which it says no more. */
function isUnopened(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === undefined || sqliteCode(error) === SQLITE_CANTOPEN);
}

/** What the system says where the files of the store are opened as SQLite would; undefined where it says nothing. */
function refusalOf(path: string): unknown {
  try {
    for (const file of ["", "-wal", "-shm"].map((suffix) => `${path}${suffix}`)) {
      if (statIfThere(file) !== undefined) Deno.openSync(file, { read: true, write: true }).close();
    }
    Deno.removeSync(Deno.makeTempFileSync({ dir: path.replace(/\/[^/]*$/, "") }));
    return undefined;
  } catch (error) {
    return error;
  }
}
