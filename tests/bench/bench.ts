// `deno task bench`: measures the budgets and the comparisons, and prints them as tables.
// Exits with 1 if a budget is exceeded or could not be measured.

import { displayOf } from "../../src/admin/history/terminal.ts";
import { isInstalled } from "../helpers/command_line.ts";
import { missingForTestHost } from "../helpers/host.ts";
import { type Arguments, parseArguments, usage } from "./arguments.ts";
import { describeMachine } from "./machine.ts";
import { picture, publish } from "./publish.ts";
import { Refusal } from "./refusal.ts";
import { type MeasuredComparison, type MeasuredRow, type Report, reportLines } from "./report.ts";
import { type Context, isRowKept, type Measured, type Need } from "./row.ts";
import { COMPARISONS, ROWS } from "./rows.ts";
import { Scratch } from "./scratch.ts";

/** The results, including failures. */
interface Subject<Result> {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly measure: (context: Context) => Promise<Result>;
}

/** What a measurement needs. */
interface Surroundings {
  readonly seed: number;
  /** Creates a folder for each measurement. */
  readonly directory: string;
  readonly missing: ReadonlyMap<Need, string>;
  readonly report: (text: string) => void;
}

async function measured<Result>(
  { name, needs, measure }: Subject<Result>,
  { seed, directory, missing, report }: Surroundings,
): Promise<Measured<Result>> {
  const lacks = needs.flatMap((need) => missing.get(need) ?? []);
  if (lacks.length > 0) return { failure: `this machine ${lacks.join(", and ")}` };
  if (!Deno.stderr.isTerminal()) write(Deno.stderr, `measuring ${name}\n`);
  const scratch = await Deno.makeTempDir({ dir: directory });
  try {
    return { result: await measure({ scratch, seed, report }) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message.trim() : String(error) };
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Measures one row after the other, and shows the progress on a terminal. */
async function measureAll({ names, seed }: Arguments, directory: string): Promise<Omit<Report, "machine">> {
  const isWanted = ({ name }: { name: string }) => names.length === 0 || names.includes(name);
  const [rows, comparisons] = [ROWS.filter(isWanted), COMPARISONS.filter(isWanted)];
  const missing = await missingNeeds();
  const results = { rows: [] as MeasuredRow[], comparisons: [] as MeasuredComparison[] };
  const surroundings = ({ name }: { name: string }) => {
    const number = results.rows.length + results.comparisons.length + 1;
    const title = `${number} of ${rows.length + comparisons.length}, ${name}`;
    const report = (text: string) => {
      if (Deno.stderr.isTerminal()) write(Deno.stderr, `\r\x1b[K${title}: ${text}`);
    };
    return { seed, directory, missing, report };
  };
  for (const row of rows) results.rows.push({ row, measured: await measured(row, surroundings(row)) });
  for (const comparison of comparisons) {
    results.comparisons.push({ comparison, measured: await measured(comparison, surroundings(comparison)) });
  }
  if (Deno.stderr.isTerminal()) write(Deno.stderr, "\r\x1b[K");
  return results;
}

async function main(args: readonly string[]): Promise<number> {
  const known = [...ROWS, ...COMPARISONS].map(({ name }) => name);
  const options = parseArguments(args, known);
  if (options.isHelp) {
    write(Deno.stdout, `${usage(known)}\n`);
    return 0;
  }
  using scratch = new Scratch();
  const results = await measureAll(options, scratch.directory);
  const report = { machine: await describeMachine(), ...results };
  const lines = reportLines(report, { columns: displayOf().columns, isMarkdown: options.isMarkdown });
  write(Deno.stdout, lines.map((line) => `${line}\n`).join(""));
  if (options.svg !== undefined) await Deno.writeTextFile(options.svg, picture(report));
  if (options.isWritten) await publish(report);
  const isKept = results.rows.every(({ row, measured }) => isRowKept(row, measured)) &&
    results.comparisons.every(({ measured }) => "result" in measured);
  return isKept ? 0 : 1;
}

/** What this machine lacks, as text that follows "this machine". */
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

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    write(Deno.stderr, `error: ${error.message}\nhint: ${error.hint}\n`);
    Deno.exitCode = error.exitCode;
  }
}
