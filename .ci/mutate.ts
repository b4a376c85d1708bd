// Changes the sources in small ways, one at a time, and runs the tests that are nearest to the changed file. A change
// that no test notices shows a promise that no test holds, or code without a purpose. It only informs: survivors are not
// a failure. It never changes the checkout, but works in temporary copies of it.
//
// Usage: deno run -A .ci/mutate.ts [COUNT [SEED [PATH...]]]
// COUNT: how many mutations (default 20). SEED: repeats an earlier sample (default: random; it is printed).
// PATH: only files whose path begins with it, such as src/store.

import { executeOrThrow, ROOT } from "./checkout.ts";
import { mutated, type Mutation, mutationsOf } from "./mutations.ts";

/** How long the tests of one mutation may take, in milliseconds. A mutation that makes them endless is noticed. */
const LIMIT_MS = 120_000;

/** How many test files run for one mutation at most, the nearest ones. */
const MOST_TESTS = 8;

/** How many imports away from the changed file a test may be. */
const FARTHEST = 3;

/** The errors of TypeScript about names that are declared, but not used. */
const UNUSED: readonly number[] = [6133, 6138, 6192, 6196, 6198, 6199];

/** Tests that need root and take minutes, and those of the benchmarks. */
const NOT_RUN = /^tests\/(e2e|vm|bench)\//;

/** A mutation of a file. */
interface Sample extends Mutation {
  readonly path: string;
  readonly line: number;
  /** The changed text and what replaces it, with some text around it. */
  readonly before: string;
  readonly after: string;
}

const [count = "20", seed = `${crypto.getRandomValues(new Uint32Array(1))[0]}`, ...prefixes] = Deno.args;

async function main({ count, random }: { count: number; random: () => number }): Promise<void> {
  const names = (await executeOrThrow(["git", "ls-files", "-co", "--exclude-standard"])).split("\n");
  const files: string[] = [];
  for (const name of names) {
    // Neither a link, such as one in place of `.cache`, nor a file that is deleted but still in the index.
    if ((await Deno.lstat(`${ROOT}/${name}`).catch(() => undefined))?.isFile) files.push(name);
  }
  const imports = await importsOf(files.filter((name) => /^(src|tests|\.ci)\/.*\.ts$/.test(name)));
  const samples = await choose(files, { count, random });
  say(`seed ${seed}, ${samples.length} mutations`);
  const survivors: string[] = [];
  const left = [...samples];
  const work = async () => {
    await using copy = await Copy.of(files);
    for (let sample = left.shift(); sample !== undefined; sample = left.shift()) {
      const fate = await copy.tryOne(sample, testsOf(sample.path, imports));
      say(`${fate}: ${described(sample)}`);
      if (fate === "SURVIVED") survivors.push(described(sample));
    }
  };
  // Each also starts processes.
  await Promise.all(Array.from({ length: Math.ceil(navigator.hardwareConcurrency / 2) }, work));
  say(`\n${survivors.length} of ${samples.length} survived (seed ${seed}):`);
  for (const survivor of survivors.toSorted()) say(survivor);
}

function say(line: string): void {
  // deno-lint-ignore no-console -- the output of this script
  console.log(line);
}

function described({ path, line, kind, before, after }: Sample): string {
  const short = (part: string) => {
    const one = part.replaceAll(/\s+/g, " ");
    return one.length > 120 ? `${one.slice(0, 119)}…` : one;
  };
  return `${path}:${line} ${kind}: ${short(before)} -> ${short(after)}`;
}

/** Numbers from 0 to 1, the same ones for a seed: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Chooses different mutations, each kind as often as any other: there are many more strings than comparisons. */
async function choose(
  files: readonly string[],
  { count, random }: { count: number; random: () => number },
): Promise<Sample[]> {
  const byKind = new Map<string, Sample[]>();
  const sources = files.filter((name) =>
    /^src\/.*\.ts$/.test(name) && (prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix)))
  );
  for (const path of sources) {
    const source = await Deno.readTextFile(`${ROOT}/${path}`);
    for (const mutation of mutationsOf(source)) {
      const { start, end, text } = mutation;
      // A changed operator says nothing by itself.
      const [from, to] = end - start > 20 ? [start, end] : [Math.max(0, start - 40), end + 40];
      const sample = {
        ...mutation,
        path,
        line: source.slice(0, start).split("\n").length,
        before: source.slice(from, to),
        after: source.slice(from, start) + text + source.slice(end, to),
      };
      byKind.set(mutation.kind, [...byKind.get(mutation.kind) ?? [], sample]);
    }
  }
  const samples: Sample[] = [];
  const below = (length: number) => Math.floor(random() * length);
  while (samples.length < count && byKind.size > 0) {
    const kinds = [...byKind.keys()].toSorted();
    const kind = kinds[below(kinds.length)] ?? "";
    const all = byKind.get(kind) ?? [];
    samples.push(...all.splice(below(all.length), 1));
    if (all.length === 0) byKind.delete(kind);
  }
  return samples;
}

/** The files that each file imports, by path. */
async function importsOf(files: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const known = new Set(files);
  const imports = new Map<string, readonly string[]>();
  for (const path of files) {
    const text = await Deno.readTextFile(`${ROOT}/${path}`);
    // Also a module that is imported in a text, to be run in another process.
    const found = [...text.matchAll(/(?:from|import\(|resolve\()\s*"(\.[^"]+)"/g)].map(([, specifier = ""]) =>
      decodeURIComponent(new URL(specifier, `file:///${path}`).pathname.slice(1))
    );
    imports.set(path, found.filter((name) => known.has(name)));
  }
  return imports;
}

/** The tests to run for a file: those named after it, then those that reach it by the fewest imports. */
function testsOf(path: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const stem = path.replace(/^src\//, "tests/").replace(/\.ts$/, "");
  const tests = [...imports.keys()].filter((name) => name.endsWith(".test.ts") && !NOT_RUN.test(name));
  const folder = stem.replace(/[^/]*$/, "");
  const ranked = tests.map((test) => {
    const isNamed = test === `${stem}.test.ts` || test.startsWith(`${stem}_`);
    const distance = isNamed ? 0 : distanceOf(test, { path, imports });
    return { test, distance: distance + (test.startsWith(folder) ? 0 : 0.5) };
  }).filter(({ distance }) => distance <= FARTHEST).toSorted((a, b) => a.distance - b.distance);
  const nearest = ranked.slice(0, MOST_TESTS).map(({ test }) => test);
  return nearest.length > 0 ? nearest : tests.filter((test) => test.startsWith(folder));
}

/** By how many imports a test reaches a file; Infinity if it is too far. */
function distanceOf(
  from: string,
  { path, imports }: { path: string; imports: ReadonlyMap<string, readonly string[]> },
): number {
  let reached = new Set([from]);
  for (let distance = 1; distance <= FARTHEST; distance++) {
    reached = new Set([...reached].flatMap((name) => imports.get(name) ?? []));
    if (reached.has(path)) return distance;
  }
  return Infinity;
}

/** A temporary copy of the checkout. */
class Copy implements AsyncDisposable {
  readonly #directory: string;
  /** Whether tests pass in the unchanged copy. */
  readonly #passes = new Map<string, boolean>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async of(files: readonly string[]): Promise<Copy> {
    const directory = await Deno.makeTempDir({ prefix: "mutate-" });
    for (const name of files) {
      await Deno.mkdir(`${directory}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.copyFile(`${ROOT}/${name}`, `${directory}/${name}`);
    }
    return new Copy(directory);
  }

  /** Tries one mutation, and takes it back. */
  async tryOne(sample: Sample, tests: readonly string[]): Promise<string> {
    const passing: string[] = [];
    for (const test of tests) if (await this.#passesUnchanged(test)) passing.push(test);
    if (passing.length === 0) return "no test";
    const path = `${this.#directory}/${sample.path}`;
    const source = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, mutated(source, sample));
    try {
      const { success } = await this.#run(["test", "-A", "--quiet", "--no-check", "--fail-fast", ...passing]);
      if (!success) return "noticed";
      const { stderr } = await this.#run(["check", "--quiet", sample.path]);
      // The types hold some promises, such as which values a name can have. An unused name is none.
      const errors = [...stderr.matchAll(/\bTS(\d+) \[ERROR\]/g)].map(([, code]) => Number(code));
      return errors.every((code) => UNUSED.includes(code)) ? "SURVIVED" : "noticed by the types";
    } finally {
      await Deno.writeTextFile(path, source);
    }
  }

  async #passesUnchanged(test: string): Promise<boolean> {
    const known = this.#passes.get(test);
    if (known !== undefined) return known;
    const { success: passes } = await this.#run(["test", "-A", "--quiet", "--no-check", test]);
    if (!passes) say(`${test} fails or is too slow without a mutation, so it is not used`);
    this.#passes.set(test, passes);
    return passes;
  }

  /** Runs Deno. It fails if it takes too long. */
  async #run(args: readonly string[]): Promise<{ readonly success: boolean; readonly stderr: string }> {
    const { success, stderr } = await new Deno.Command("timeout", {
      args: ["--kill-after=5", `${LIMIT_MS / 1_000}`, Deno.execPath(), ...args],
      cwd: this.#directory,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    return { success, stderr: new TextDecoder().decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

try {
  await main({ count: Number(count), random: randomFrom(Number(seed)) });
} catch (error) {
  say(`cannot continue: ${error instanceof Error ? error.stack : error}`);
}
Deno.exit(0);
