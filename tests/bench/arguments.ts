// What `deno task bench` is asked to do. Pure.

import { ExitCode } from "../../src/failure.ts";
import { Refusal } from "./refusal.ts";

/** What to measure, and how to show it. */
export interface Arguments {
  /** What to measure; all where there are none. */
  readonly names: readonly string[];
  readonly isMarkdown: boolean;
  readonly isHelp: boolean;
  /** Decides all that is random. */
  readonly seed: number;
}

/** What can be asked for. */
export function usage(known: readonly string[]): string {
  return `usage: deno task bench [--markdown] [--seed=N] [NAME...]\n\nNAME: ${known.join(", ")}; default: all`;
}

/**
 * Reads the command line.
 *
 * @param known what can be measured
 * @throws {Refusal} for what it does not know
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
