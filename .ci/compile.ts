// Compiles the program, for `deno task compile` and for the tests. If Deno's download site cannot be reached, the tests
// (`--for-testing`) use a stub from the npm registry. A binary whose runtime stub is not from Deno's own site is for
// testing only, and its `--version` says so.

import { dirname } from "node:path";
import { CACHE, execute, filesBelow, isFile, makeWhole, ROOT, sha256 } from "./checkout.ts";
import { embed } from "./embed.ts";
import { type Arch, ARCHES, runtimeStub, STUB_SOURCES } from "./runtime_stub.ts";
import { parseFlags, runTask } from "./task.ts";

export { ROOT } from "./checkout.ts";

interface CompileOptions {
  /** A module below the checkout. */
  readonly entry: string;
  /** The path of the binary to create. */
  readonly output: string;
  /** Whether a stub from the npm registry is acceptable. */
  readonly forTesting: boolean;
  readonly arch: Arch;
  /** The digest of the sources. */
  readonly digest: string;
}

/**
 * Compiles the program from the current sources.
 *
 * @returns its path
 */
export async function compiledBinary(options: { readonly arch?: Arch } = {}): Promise<string> {
  return await compiled("src/main.ts", options);
}

/**
 * Compiles another entry like the real program, with its flags and permissions.
 *
 * @param entry a module below the checkout
 * @param options.arch by default, this machine's
 * @returns the path of the binary, which is cached for each state of the sources
 */
export async function compiled(
  entry: string,
  { arch = Deno.build.arch }: { readonly arch?: Arch } = {},
): Promise<string> {
  const digest = await sourceDigest();
  const directory = `${CACHE}/compiled/${digest}`;
  const suffix = arch === Deno.build.arch ? "" : `_${arch}`;
  const output = `${directory}/${entry.replaceAll("/", "_").replace(/\.ts$/, "")}${suffix}`;
  if (await isFile(output)) return output;
  await Deno.mkdir(directory, { recursive: true });
  // One at a time: when tests begin, many files need the same binary at once.
  using lock = await Deno.open(`${directory}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (await isFile(output)) return output;
  await compile({ entry, output, forTesting: true, arch, digest });
  return output;
}

/** The paths of the files that the program embeds, apart from `main.js`. */
export async function embeddedFiles(): Promise<readonly string[]> {
  const { include } = await embed("src/main.ts", { key: `${await sourceDigest()}-${Deno.build.arch}` });
  return include;
}

async function compile(options: CompileOptions): Promise<void> {
  await makeWhole(options.output, (output) => compileTo(output, options));
}

async function compileTo(output: string, { entry, forTesting, arch, digest }: CompileOptions): Promise<void> {
  const { main, include } = await embed(entry, { key: `${digest}-${arch}` });
  const flags = [
    // The union of the commands' permissions; each command drops those that it does not need.
    "--permission-set=binary",
    "--no-prompt",
    // Packages must be those of deno.lock.
    "--frozen",
    // The code cache is a file with a predictable name in /tmp, which root would read and write.
    "--no-code-cache",
    // Without --jitless, V8 needs writable and executable memory, which SELinux denies to sshd's hooks.
    // --single-threaded lets the program start even if only one more process is allowed.
    // --max-semi-space-size, in MiB: a `send` of many events takes a fifth less memory.
    "--v8-flags=--jitless,--single-threaded,--max-semi-space-size=4",
    `--target=${arch}-unknown-linux-gnu`,
    // The bundles were type-checked when they were created.
    "--no-check",
    ...include.map((path) => `--include=${path}`),
    `--output=${output}`,
    main,
  ];
  const isForeign = Deno.env.has("DENORT_BIN");
  // This is sufficient if Deno's download site can be reached.
  const noted = isForeign ? [await noteStub("DENORT_BIN", main)] : [];
  const direct = await execute([Deno.execPath(), "compile", ...noted, ...flags]);
  if (!direct.success && isForeign) throw new Error(`Cannot compile with DENORT_BIN: ${direct.stderr}`);
  if (!direct.success && !forTesting) {
    throw new Error(
      `${direct.stderr}\nIf Deno's download site cannot be reached, run: deno task compile --for-testing`,
    );
  }
  if (!direct.success) await compileWithStub(flags, { arch, main, firstError: direct.stderr });
}

async function compileWithStub(
  flags: readonly string[],
  { arch, main, firstError }: { readonly arch: Arch; readonly main: string; readonly firstError: string },
): Promise<void> {
  const source = STUB_SOURCES[arch];
  const env = { DENORT_BIN: await runtimeStub(source), DENO_TLS_CA_STORE: "system,mozilla" };
  const noted = await noteStub(`npm:${source.package}`, main);
  const result = await execute(["npx", "-y", `deno@${source.denoVersion}`, "compile", noted, ...flags], env);
  if (!result.success) throw new Error(`Cannot compile: ${firstError}\nnor with a stub from npm: ${result.stderr}`);
}

/** Records the stub's origin for the binary's `--version`, see command_line.ts. Returns the flag that embeds it. */
async function noteStub(origin: string, main: string): Promise<string> {
  const path = `${dirname(main)}/stub.json`;
  await makeWhole(path, async (unfinished) => {
    await Deno.writeTextFile(unfinished, JSON.stringify({ origin }));
    await Deno.utime(unfinished, 0, 0);
  });
  return `--include=${path}`;
}

/** The digest of everything that goes into a binary. */
async function sourceDigest(): Promise<string> {
  const directories = ["src", ".ci", "tests/helpers", "tests/bench"].map((name) => filesBelow(`${ROOT}/${name}`));
  const paths = [`${ROOT}/deno.json`, `${ROOT}/deno.lock`, ...(await Promise.all(directories)).flat()].sort();
  // Use paths relative to the checkout: the binary contains the digest and must be the same in every directory.
  const parts = await Promise.all(
    paths.map(async (path) => `${path.slice(ROOT.length)}\n${await Deno.readTextFile(path)}`),
  );
  const text = [Deno.version.deno, Deno.env.get("DENORT_BIN") ?? "", ...parts].join("\n");
  return (await sha256(new TextEncoder().encode(text))).slice(0, 16);
}

const OPTIONS = { "for-testing": { type: "boolean" }, arch: { type: "string" }, output: { type: "string" } } as const;
const USAGE = `usage: deno task compile [--for-testing] [--arch=${ARCHES.join("|")}] [--output=FILE]`;

async function main(args: readonly string[]): Promise<string> {
  const { "for-testing": forTesting = false, ...values } = parseFlags(args, { options: OPTIONS, usage: USAGE });
  const arch = ARCHES.find((name) => name === (values.arch ?? Deno.build.arch));
  if (arch === undefined) throw new Error(`Cannot compile for "${values.arch}"\n${USAGE}`);
  const suffix = values.arch === undefined ? "" : `-${arch}`;
  const output = values.output ?? `${ROOT}/dist/ssh-session-notifier${suffix}`;
  await Deno.mkdir(dirname(output), { recursive: true });
  await compile({ entry: "src/main.ts", output, forTesting, arch, digest: await sourceDigest() });
  return output;
}

if (import.meta.main) await runTask(main);
