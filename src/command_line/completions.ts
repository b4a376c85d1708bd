// `completions`: prints a completion script. tests/command_line/completions.test.ts compares the scripts with the
// commands in program.ts.

import bash from "./completions/ssh-session-notifier.bash" with { type: "text" };
import fish from "./completions/ssh-session-notifier.fish" with { type: "text" };
import zsh from "./completions/ssh-session-notifier.zsh" with { type: "text" };
import { ExitCode } from "../failure.ts";
import { print } from "../print.ts";

const SCRIPTS = { bash, zsh, fish };

/** Prints the completions for a shell. */
export function printCompletions(shell: keyof typeof SCRIPTS): ExitCode {
  print(SCRIPTS[shell].trimEnd());
  return ExitCode.ok;
}
