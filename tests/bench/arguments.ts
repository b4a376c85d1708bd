// What `deno task bench` is asked to do. Pure.

/** What to measure, and how to show it. */
export interface Arguments {
  /** What to measure; all where there are none. */
  readonly names: readonly string[];
  readonly isMarkdown: boolean;
  readonly seed: number;
}

/** A command line to which the answer is a text. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly exitCode: 0 | 64;

  constructor(message: string, exitCode: 0 | 64) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Reads the command line.
 *
 * @param known what can be measured
 * @throws {UsageError} for `--help`, and for what it does not know
 */
export function parseArguments(args: readonly string[], known: readonly string[]): Arguments {
  const usage = `usage: deno task bench [--markdown] [--seed=N] [NAME...]\n\nNAME: ${known.join(", ")}; default: all`;
  const names: string[] = [];
  let isMarkdown = false;
  let seed = Date.now() % 2 ** 31;
  for (const argument of args) {
    const [, number] = /^--seed=(\d{1,10})$/.exec(argument) ?? [];
    if (argument === "--help") throw new UsageError(usage, 0);
    if (argument === "--markdown") isMarkdown = true;
    else if (number !== undefined) seed = Number(number);
    else if (known.includes(argument)) names.push(argument);
    else throw new UsageError(`Nothing to measure is called ${JSON.stringify(argument)}\n${usage}`, 64);
  }
  return { names, isMarkdown, seed };
}
