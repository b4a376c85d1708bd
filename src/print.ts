// Writes results to standard output.

import { ExitCode, Failure, messageOf } from "./failure.ts";

/**
 * Writes a line to standard output, completely.
 *
 * @throws {Failure} if the write fails, with the error as its cause
 */
export function print(line: string): void {
  try {
    let rest = new TextEncoder().encode(`${line}\n`);
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
