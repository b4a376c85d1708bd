// Runs every command except plain `queue`: drops the permissions that the command does not need, and reports errors
// without a stack trace.

import { ExitCode, Failure } from "./failure.ts";
import { createLog } from "./log.ts";
import { enterSandbox, mayRunItself } from "./sandbox.ts";

/**
 * Runs the command that the arguments name.
 *
 * @returns the exit code
 */
export async function command(args: readonly string[]): Promise<number> {
  try {
    const [name] = args;
    enterSandbox(name);
    if (mayRunItself(name)) {
      const { runWithoutGroups } = await import("./admin/without_groups.ts");
      const exitCode = await runWithoutGroups(args);
      if (exitCode !== undefined) return exitCode;
    }
    const { runCommand } = await import("./command_line.ts");
    return await runCommand(args);
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): ExitCode {
  const log = createLog();
  if (error instanceof Failure) {
    // The reader closed the pipe, as `head` does; exit quietly.
    if (error.cause instanceof Deno.errors.BrokenPipe) return error.exitCode;
    for (const [index, line] of error.message.split("\n").entries()) {
      log("error", `${line} [${error.codes[index] ?? error.code}]`);
    }
    log("hint", error.hint);
    return error.exitCode;
  }
  const fault = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  log("error", `internal error: ${fault}`);
  log("hint", "this is a bug in ssh-session-notifier: report it with the line above");
  return ExitCode.software;
}
