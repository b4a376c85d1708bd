// Standard output, which is for results.

import { ExitCode, Failure, messageOf } from "./failure.ts";

/**
 * Writes a whole line to standard output.
 *
 * @throws {Failure} where that can't be written; its cause says why
 */
export function print(line: string): void {
  try {
    let rest = new TextEncoder().encode(`${line}\n`);
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch (cause) {
    throw new Failure(`Cannot write to standard output: ${messageOf(cause)}`, {
      code: "output.not-writable",
      exitCode: ExitCode.tempFail,
      hint: "see that there is room where it goes, and run it again",
      cause,
    });
  }
}
