// Parses the command line of `deno task bench`. Pure.

import { ExitCode } from "../../src/failure.ts";
import { Refusal } from "./refusal.ts";

/** What to measure, and the output format. */
export interface Arguments {
  /** The rows to measure; empty means all. */
  readonly names: readonly string[];
  readonly isMarkdown: boolean;
  readonly isHelp: boolean;
  /** The seed of the random numbers. */
  readonly seed: number;
}

/** The usage text. */
export function usage(known: readonly string[]): string {
  return `usage: deno task bench [--markdown] [--seed=N] [NAME...]\n\nNAME: ${known.join(", ")}; default: all`;
}

/**
 * Parses the command line.
 *
 * @param known the names of all rows
 * @throws {Refusal} if an argument is unknown
 */
export function parseArguments(args: readonly string[], known: readonly string[]): Arguments {
  const names: string[] = [];
  let seed = Date.now() % 2 ** 31;
  const flags = new Set<string>();
  for (const argument of args) {
    const [, number] = /^--seed=(\d{1,10})$/.exec(argument) ?? [];
    if (number !== undefined) seed = Number(number);
    else if (["--markdown", "--help"].includes(argument)) flags.add(argument);
    else if (known.includes(argument)) names.push(argument);
    else {
      throw new Refusal(`Nothing to measure is called ${JSON.stringify(argument)}`, {
        exitCode: ExitCode.usage,
        hint: `name one of ${known.join(", ")}`,
      });
    }
  }
  return { names, isMarkdown: flags.has("--markdown"), isHelp: flags.has("--help"), seed };
}
