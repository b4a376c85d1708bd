// The error that a command reports to its user, and the exit codes.

import type { Id } from "./ids.ts";

/** Exit codes, from sysexits(3) where one fits. */
export const ExitCode = {
  ok: 0,
  /** The command line is invalid. */
  usage: 64,
  /** A bug in this program. */
  software: 70,
  /** Something remains to be retried. */
  tempFail: 75,
  noPermission: 77,
  /** The configuration or the installation is wrong. */
  config: 78,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error that is reported to the user as a message and a hint, without a stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
  /** The id of the error; of the first one, if there are several. */
  readonly code: Id;
  /** The ids of all errors, in the order of the lines of the message. */
  readonly codes: readonly Id[];
  readonly exitCode: ExitCode;
  /** What to do about it, without a final period. */
  readonly hint: string;

  /**
   * @param message what is wrong, and where; one line for each error
   * @param options.code the id of the error, for scripts and for the manual
   * @param options.codes the ids of all errors, if there are several
   * @param options.hint what to do about it
   */
  constructor(
    message: string,
    options: { code: Id; codes?: readonly Id[]; exitCode: ExitCode; hint: string; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.codes = options.codes ?? [options.code];
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}
