// What a person can do about an error of the store: what passes by itself is tried again in the next run.

import { ExitCode, Failure } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { NewerSchemaError } from "../store/schema.ts";
import {
  isDamage,
  isSqliteError,
  SQLITE_BUSY,
  SQLITE_FULL,
  SQLITE_IOERR,
  SQLITE_LOCKED,
  sqliteCode,
} from "../store/sqlite_error.ts";

/** What passes by itself, or with room on the disk. */
const PASSING = [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL];

/** The failure that an error of the store is for the command; any other error as it is. */
export function explainStoreError(error: unknown, { deliveriesDatabase }: Pick<StatePaths, "deliveriesDatabase">) {
  const fail = (reason: string, exitCode: ExitCode, mend: string) =>
    new Failure(`Cannot use "${deliveriesDatabase}": ${reason}`, { exitCode, mend, cause: error });
  if (error instanceof NewerSchemaError) {
    return fail(
      `its ${error.message}`,
      ExitCode.config,
      "install the newer ssh-session-notifier again that has written it",
    );
  }
  if (isDiskFull(error) || PASSING.includes(sqliteCode(error))) {
    return fail(
      messageOf(error),
      ExitCode.tempFail,
      "see that the disk has room and nothing else holds the file; nothing is lost, the next run tries again",
    );
  }
  if (isDamage(error)) {
    return fail(
      `it is damaged: ${messageOf(error)}`,
      ExitCode.tempFail,
      "nothing needs to be done: the next run makes a new one of what can be read, and goes on",
    );
  }
  if (!isSqliteError(error) && codeOf(error) !== "EROFS") return error;
  return fail(
    messageOf(error),
    ExitCode.config,
    "see that the folder and all in it belong to ssh-session-notifier, and that its file system is mounted read-write",
  );
}

/** Whether a disk or a quota is full, as Deno says it. */
export function isDiskFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(codeOf(error));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
