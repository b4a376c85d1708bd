// Runs the program from its sources, for commands that need no installation, and other programs that read its output.

import { ROOT } from "../../.ci/compile.ts";
import type { Ended } from "./program.ts";

/** Runs the program with the permissions of `help`. */
export async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--permission-set=help", "src/main.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The input and environment of another program. */
interface Given {
  readonly input: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs another program with some input.
 *
 * @throws {Deno.errors.NotFound} if it is not installed
 */
export async function runOther(command: readonly string[], { input, ...options }: Given): Promise<Ended> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, { args, ...options, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  // A program that ends without reading its input closes the pipe; that is allowed.
  const written = new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Whether a program is installed. */
export async function isInstalled(program: string): Promise<boolean> {
  const { code } = await new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" }).output();
  return code === 0;
}
