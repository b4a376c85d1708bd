// What a person is told when a command can't do its work, and the exit code that goes with it.

import type { Id } from "./ids.ts";

/** Exit codes, those of sysexits(3) where they fit. */
export const ExitCode = {
  ok: 0,
  /** The command line is wrong. */
  usage: 64,
  /** A defect of this program. */
  software: 70,
  /** Something is left to retry. */
  tempFail: 75,
  noPermission: 77,
  /** The configuration, or the installation around it, is wrong. */
  config: 78,
} as const;

/** One of {@link ExitCode}. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** What an error says; anything can be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error that is explained to the user in one line each, without a stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
  /** What is wrong; of several things, the first. */
  readonly code: Id;
  readonly exitCode: ExitCode;
  /** What to do about it; a sentence without a period. */
  readonly hint: string;

  /**
   * @param message what is wrong, and where; several lines where several things are
   * @param options.code what is wrong, for scripts and for the manual
   * @param options.mend what to do about it
   */
  constructor(
    message: string,
    options: { code: Id; exitCode: ExitCode; hint: string; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}
