// Parses the command line of `deno task bench`. Pure.

import { ExitCode } from "../../src/failure.ts";
import { PICTURE } from "./publish.ts";
import { Refusal } from "./refusal.ts";

/** What to measure, and the output format. */
export interface Arguments {
  /** The rows to measure; empty means all. */
  readonly names: readonly string[];
  readonly isMarkdown: boolean;
  /** The file for the picture, below the checkout; undefined for none. */
  readonly svg: string | undefined;
  /** Whether to write the results into the documentation. */
  readonly isWritten: boolean;
  readonly isHelp: boolean;
  /** The seed of the random numbers. */
  readonly seed: number;
}

/** The usage text. */
export function usage(known: readonly string[]): string {
  return `usage: deno task bench [--markdown] [--svg[=FILE]] [--seed=N] [NAME...]\n       deno task bench --write\n\nNAME: ${
    known.join(", ")
  }; default: all`;
}

/**
 * Parses the command line.
 *
 * @param known the names of all rows
 * @throws {Refusal} if an argument is unknown, or --write comes with a name
 */
export function parseArguments(args: readonly string[], known: readonly string[]): Arguments {
  const names: string[] = [];
  let seed = Date.now() % 2 ** 31;
  let svg: string | undefined;
  const flags = new Set<string>();
  for (const argument of args) {
    const [, number] = /^--seed=(\d{1,10})$/.exec(argument) ?? [];
    if (number !== undefined) seed = Number(number);
    else if (/^--svg(=.|$)/.test(argument)) svg = argument.slice("--svg=".length) || PICTURE;
    else if (["--markdown", "--write", "--help"].includes(argument)) flags.add(argument);
    else if (known.includes(argument)) names.push(argument);
    else {
      throw new Refusal(`Nothing to measure is called ${JSON.stringify(argument)}`, {
        exitCode: ExitCode.usage,
        hint: `name one of ${known.join(", ")}`,
      });
    }
  }
  if (flags.has("--write") && names.length > 0) {
    throw new Refusal("The documentation shows all rows, so --write takes no name", {
      exitCode: ExitCode.usage,
      hint: "name rows without --write",
    });
  }
  return {
    names,
    isMarkdown: flags.has("--markdown"),
    svg,
    isWritten: flags.has("--write"),
    isHelp: flags.has("--help"),
    seed,
  };
}
