// Writes results to standard output.

import { ExitCode, Failure, messageOf } from "./failure.ts";

/**
 * Writes a line to standard output, completely.
 *
 * @throws {Failure} if the write fails, with the error as its cause
 */
export function print(line: string): void {
  printBytes(new TextEncoder().encode(`${line}\n`));
}

/** Writes bytes to standard output, as {@link print} does. */
export function printBytes(bytes: Uint8Array): void {
  try {
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch (cause) {
    throw new Failure(`Cannot write to standard output: ${messageOf(cause)}`, {
      code: "output.not-writable",
      exitCode: ExitCode.tempFail,
      hint: "free space where the output goes, and run the command again",
      cause,
    });
  }
}
