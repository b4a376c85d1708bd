// Parses the command line of every command except plain `queue`.

import { CommanderError } from "commander";
import config from "../deno.json" with { type: "json" };
import { createProgram } from "./command_line/program.ts";
import { ExitCode } from "./failure.ts";

/**
 * Runs the command that the arguments name.
 *
 * @returns the exit code of the command, 0 after help, 64 for an invalid command line
 */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.ok;
  const program = createProgram(await versionText(), (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
}

/** The version, the runtime, and the origin of the runtime stub if it is not Deno's own. */
async function versionText(): Promise<string> {
  const { deno, v8 } = Deno.version;
  const stub = Deno.build.standalone ? await stubOrigin() : undefined;
  const warning = stub === undefined ? "" : `; for testing only: its runtime stub is from ${stub}`;
  return `ssh-session-notifier ${config.version} (Deno ${deno}, V8 ${v8})${warning}`;
}

/** Reads the file that .ci/compile.ts adds to the binary if it cannot reach Deno's download site. */
async function stubOrigin(): Promise<string | undefined> {
  try {
    const stub = await import(new URL("./stub.json", import.meta.url).href, { with: { type: "json" } });
    return String(stub.default.origin);
  } catch {
    return undefined;
  }
}
