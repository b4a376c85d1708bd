// The checkout of the tests: its path, its files, and running programs in it.

/** The checkout's directory. */
export const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname).replace(/\/$/, "");

/** The directory of cached runtime stubs and binaries. */
export const CACHE = `${ROOT}/.cache`;

/** Whether skipped tests are failures, as in CI. */
export const MUST_RUN = Deno.env.get("CI") === "true";

/** A program that has ended. */
export interface Executed {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the checkout, with `env` added to this process's environment. */
export async function execute(
  [command = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Executed> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a program like {@link execute} and returns its stdout. Throws its stderr if it fails. */
export async function executeOrThrow(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await execute(command, env);
  if (!success) throw new Error(`Command "${command.join(" ")}" failed: ${stderr}`);
  return stdout;
}

/**
 * Runs a module's text in a separate process, for tests of the umask or the environment: test files that run in
 * parallel are threads of one process and share these.
 *
 * @returns its stdout
 */
export async function evaluate(text: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  return await executeOrThrow([Deno.execPath(), "eval", "--quiet", text], env);
}

/** All files below a directory; empty if it does not exist. */
export async function filesBelow(directory: string): Promise<string[]> {
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

/** Whether a path is a file. */
export async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}

/** The SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * Creates a file or a directory atomically: under a temporary name that is then renamed, so several processes can
 * create it at once. Throws if a directory already exists, and keeps it.
 *
 * @param fill creates it at the given path; if it fails, the rest is removed
 */
export async function makeWhole(path: string, fill: (unfinished: string) => Promise<unknown>): Promise<void> {
  const unfinished = `${path}.${crypto.randomUUID()}`;
  try {
    await fill(unfinished);
    await Deno.rename(unfinished, path);
  } catch (error) {
    await Deno.remove(unfinished, { recursive: true }).catch(() => {});
    throw error;
  }
}
