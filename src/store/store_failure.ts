// Explains errors of the store and its disk: an exit code, and a hint that says what the administrator can do. The next
// run retries after a temporary error.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import type { StatePaths } from "../paths.ts";
import { isPassingSystemError, isSystemError, systemCode } from "../system_error.ts";
import { NotPlainError, statIfThere } from "../sqlite/files.ts";
import { ForeignSchemaError } from "../sqlite/foreign_schema.ts";
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
} from "../sqlite/sqlite_error.ts";

/** Temporary errors, including a full disk. */
const PASSING = [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL, SQLITE_PROTOCOL];

/** What an error means. `reason` replaces the message of the error. */
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
    "check that the disk works and has room and that no process locks the file; nothing is lost, the next run retries",
};

const IS_REFUSED: Meaning = {
  code: "store.refused",
  exitCode: ExitCode.config,
  hint:
    "make sure that ssh-session-notifier owns the directory and its files, and that the file system is mounted read-write",
};

/** Turns an error of the store, or of a file next to it, into a {@link Failure}; returns other errors unchanged. */
export function explainStoreError(error: unknown, { deliveriesDatabase }: Pick<StatePaths, "deliveriesDatabase">) {
  if (error instanceof Failure) return error;
  const meaning = meaningOf(error, deliveriesDatabase);
  if (meaning === undefined) return error;
  const { reason = messageOf(error), ...rest } = meaning;
  return new Failure(`Cannot use "${deliveriesDatabase}": ${reason}`, { ...rest, cause: error });
}

/** Runs `work` on the store, and throws its errors as {@link explainStoreError} returns them. */
export function explainingStore<T>(paths: Pick<StatePaths, "deliveriesDatabase">, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explainStoreError(error, paths);
  }
}

function meaningOf(error: unknown, path: string): Meaning | undefined {
  if (error instanceof NewerSchemaError) {
    const hint = "reinstall the newer version of ssh-session-notifier that created it";
    return { code: "store.newer", reason: `its ${error.message}`, exitCode: ExitCode.config, hint };
  }
  if (error instanceof ForeignSchemaError || error instanceof NotPlainError) {
    const hint = "find out who changed it; the next run of send moves it aside and creates a new one";
    return { code: "store.foreign", exitCode: ExitCode.config, hint };
  }
  if (error instanceof Deno.errors.NotCapable) {
    const hint =
      "if its directory, a parent directory or one of its files is a symbolic link, replace the link with a " +
      "bind mount (mount --bind): the link leads out of the sandbox";
    const reason = error.message.split(", ", 1)[0] ?? "";
    return { code: "store.outside-sandbox", reason, exitCode: ExitCode.config, hint };
  }
  if (isUnopened(error)) {
    const refusal = refusalOf(path);
    return refusal === undefined || isPassing(refusal) ? PASSES : IS_REFUSED;
  }
  if (isPassing(error)) return PASSES;
  if (isDamage(error)) {
    const hint = "do nothing: the next run of send restores its daily backup, if there is one, and continues";
    const reason = `it is damaged: ${messageOf(error)}`;
    return { code: "store.damaged", reason, exitCode: ExitCode.tempFail, hint };
  }
  return isSqliteError(error) || isSystemError(error) ? IS_REFUSED : undefined;
}

/** Whether the root cause of an error is temporary, such as a full disk. */
export function isPassing(error: unknown): boolean {
  const root = rootOf(error);
  return PASSING.includes(sqliteCode(root)) || isPassingSystemError(root);
}

/**
 * Like {@link isPassing}, for a failure to read the queue. A read error of the disk (EIO) is permanent there, because the
 * administrator can run `repair`, which moves the queue database aside.
 */
export function isPassingInQueue(error: unknown): boolean {
  return isPassing(error) && systemCode(rootOf(error)) !== "EIO";
}

/** The finding for an error of reading the queue. */
export function queueFaultId(error: unknown): "queue.read-only" | "queue.unavailable" | "queue.not-readable" {
  if (isReadOnly(error)) return "queue.read-only";
  return isPassingInQueue(error) ? "queue.unavailable" : "queue.not-readable";
}

/** Whether the file system is read-only; the kernel remounts it so when its disk fails (ext4(5), `errors=remount-ro`). */
export function isReadOnly(error: unknown): boolean {
  return systemCode(rootOf(error)) === "EROFS";
}

/** The hint for a read-only file system. */
export const REMOUNT =
  "check dmesg for disk errors, to find out why the file system is mounted read-only; then remount it read-write";

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

/** Whether SQLite could not open a file; it does not report the reason. */
function isUnopened(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === undefined || sqliteCode(error) === SQLITE_CANTOPEN);
}

/** Opens the files of the store as SQLite does, and creates one next to them. Returns the error; undefined if it works. */
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
