// The command name decides the permissions, then the module. `queue` goes first and by a path of its own:
// it starts as root, and loads nothing that it does not need.

import { enterSandbox, hasSandbox } from "./sandbox.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const queueOptions = command === "queue" ? parseQueueArguments(rest) : undefined;
  if (queueOptions !== undefined) {
    enterSandbox("queue");
    const { queue } = await import("./hook/queue.ts");
    return queue(queueOptions);
  }
  enterSandbox(hasSandbox(command) ? command : "help");
  try {
    const { runCommand } = await import("./command_line.ts");
    return await runCommand(args);
  } catch (error) {
    return await explain(error);
  }
}

/** The hook's own arguments, or undefined if the command line has something to say about them. */
function parseQueueArguments(args: readonly string[]): { stateDir?: string } | undefined {
  const [flag, stateDir] = args;
  if (args.length === 0) return {};
  return flag === "--state-dir" && stateDir !== undefined && args.length === 2 ? { stateDir } : undefined;
}

/** Says what went wrong, without a stack trace, and answers the exit code. */
async function explain(error: unknown): Promise<number> {
  const { ExitCode, Failure } = await import("./failure.ts");
  const { createLog } = await import("./log.ts");
  const log = createLog();
  if (error instanceof Failure) {
    for (const line of error.message.split("\n")) log("error", line);
    log("error", `to mend it: ${error.mend}`);
    return error.exitCode;
  }
  log(
    "error",
    `internal error: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
  );
  log(
    "error",
    "to mend it: this is a defect of ssh-session-notifier, please report it with the line above",
  );
  return ExitCode.software;
}
