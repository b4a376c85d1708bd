// `completions`: prints a completion script, generated from the commands in program.ts.

import type { Command } from "commander";
import { ExitCode } from "../failure.ts";
import { print } from "../print.ts";
import { bashCompletion } from "./bash_completion.ts";
import { describe, type ProgramDescription } from "./describe.ts";
import { fishCompletion } from "./fish_completion.ts";
import type { Shell } from "./program.ts";
import { zshCompletion } from "./zsh_completion.ts";

const WRITERS: Readonly<Record<Shell, (program: ProgramDescription) => string[]>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** Prints the completions for a shell. */
export function printCompletions(program: Command, shell: Shell): ExitCode {
  for (const line of WRITERS[shell](describe(program))) print(line);
  return ExitCode.ok;
}
