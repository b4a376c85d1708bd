// The error of a bench that cannot run: a line, a hint, and an exit code.

import type { ExitCode } from "../../src/failure.ts";

/** Ends a bench without a stack trace. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly exitCode: ExitCode;
  readonly hint: string;

  constructor(message: string, { exitCode, hint }: { exitCode: ExitCode; hint: string }) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}
