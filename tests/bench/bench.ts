// `deno task bench`: measures what has a budget, and what people compare, and shows it as tables on stdout.
// Exits 1 where a budget is exceeded, or could not be measured.

import { Progress } from "../../src/admin/progress.ts";
import { displayOf } from "../../src/admin/terminal.ts";
import { isInstalled } from "../helpers/command_line.ts";
import { missingForTestHost } from "../helpers/host.ts";
import { type Arguments, parseArguments, UsageError } from "./arguments.ts";
import { describeMachine } from "./machine.ts";
import { type MeasuredComparison, type MeasuredRow, reportLines } from "./report.ts";
import { type Context, isRowKept, type Measured, type Need } from "./row.ts";
import { COMPARISONS, ROWS } from "./rows.ts";
import { Scratch } from "./scratch.ts";

/** What is measured, whatever comes of it. */
interface Subject<Result> {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly measure: (context: Context) => Promise<Result>;
}

/** Measures one thing after the other. */
class Bench {
  readonly #progress: Progress;
  readonly #seed: number;
  readonly #directory: string;
  readonly #missing: ReadonlyMap<Need, string>;
  readonly #total: number;
  #begun = 0;

  constructor({ progress, seed, directory, missing, total }: {
    progress: Progress;
    seed: number;
    directory: string;
    missing: ReadonlyMap<Need, string>;
    total: number;
  }) {
    this.#progress = progress;
    this.#seed = seed;
    this.#directory = directory;
    this.#missing = missing;
    this.#total = total;
  }

  async measure<Result>({ name, needs, measure }: Subject<Result>): Promise<Measured<Result>> {
    const title = `${++this.#begun} of ${this.#total}, ${name}`;
    const lacks = needs.flatMap((need) => this.#missing.get(need) ?? []);
    if (lacks.length > 0) return { failure: `this machine ${lacks.join(", and ")}` };
    if (!Deno.stderr.isTerminal()) write(Deno.stderr, `${title}\n`);
    const scratch = await Deno.makeTempDir({ dir: this.#directory });
    const report = (text: string) => this.#progress.report(() => text === "" ? title : `${title}: ${text}`);
    report("");
    try {
      return { result: await measure({ scratch, seed: this.#seed, report }) };
    } catch (error) {
      return { failure: error instanceof Error ? error.message.trim() : String(error) };
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
  }
}

async function main(args: readonly string[]): Promise<number> {
  const options = argumentsOf(args);
  if (typeof options === "number") return options;
  using scratch = new Scratch();
  const isWanted = ({ name }: { name: string }) => options.names.length === 0 || options.names.includes(name);
  const [rows, comparisons] = [ROWS.filter(isWanted), COMPARISONS.filter(isWanted)];
  const measuredRows: MeasuredRow[] = [];
  const measuredComparisons: MeasuredComparison[] = [];
  {
    using progress = new Progress();
    const bench = new Bench({
      progress,
      seed: options.seed,
      directory: scratch.directory,
      missing: await missingNeeds(),
      total: rows.length + comparisons.length,
    });
    for (const row of rows) measuredRows.push({ row, measured: await bench.measure(row) });
    for (const comparison of comparisons) {
      measuredComparisons.push({ comparison, measured: await bench.measure(comparison) });
    }
  }
  const report = { machine: await describeMachine(), rows: measuredRows, comparisons: measuredComparisons };
  const lines = reportLines(report, { columns: displayOf().columns, isMarkdown: options.isMarkdown });
  write(Deno.stdout, lines.map((line) => `${line}\n`).join(""));
  const isKept = measuredRows.every(({ row, measured }) => isRowKept(row, measured)) &&
    measuredComparisons.every(({ measured }) => "result" in measured);
  return isKept ? 0 : 1;
}

/** What to do, or the exit code where that is nothing. */
function argumentsOf(args: readonly string[]): Arguments | number {
  try {
    return parseArguments(args, [...ROWS, ...COMPARISONS].map(({ name }) => name));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    write(error.exitCode === 0 ? Deno.stdout : Deno.stderr, `${error.message}\n`);
    return error.exitCode;
  }
}

/** What this machine lacks, in words that follow "this machine". */
async function missingNeeds(): Promise<ReadonlyMap<Need, string>> {
  const missing = new Map<Need, string>();
  const host = await missingForTestHost();
  if (host !== undefined) missing.set("test host", `${host}, for logins over a real sshd`);
  if (!await isInstalled("curl")) missing.set("curl", "needs curl");
  return missing;
}

function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += to.writeSync(bytes.subarray(sent));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
