// What the tasks that build something have in common: their options, and how they print the result or an error.

import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/**
 * Parses the options of a task.
 *
 * @throws {Error} whose message ends with the usage, if an option is not known or lacks its value
 */
export function parseFlags<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  { options, usage }: { readonly options: Options; readonly usage: string },
) {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

/** Runs a task with the arguments of this program, and prints its result. If it throws, prints why and exits with 1. */
export async function runTask(task: (args: readonly string[]) => Promise<string>): Promise<void> {
  try {
    // deno-lint-ignore no-console -- the result of this program
    console.log(await task(Deno.args));
  } catch (error) {
    // deno-lint-ignore no-console -- the error of this program
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
