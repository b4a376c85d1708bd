// The checkout that the tests stand in: where it is, its files, and programs that run in it.

/** The checkout's directory. */
export const ROOT = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");

/** Where what is made once is kept: runtime stubs and binaries. */
export const CACHE = `${ROOT}/.cache`;

/** In CI nothing may be skipped. */
export const MUST_RUN = Deno.env.get("CI") === "true";

/** A program that has ended. */
export interface Executed {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the checkout, with `env` besides the environment of this process. */
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

/** Likewise, where it must not fail. Gives its stdout; throws what it said on stderr. */
export async function executeOrThrow(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await execute(command, env);
  if (!success) throw new Error(`Command "${command.join(" ")}" failed: ${stderr}`);
  return stdout;
}

/**
 * Runs a module's text in a process of its own, for what a whole process has but once: its umask, its environment. The
 * test files that run in parallel are threads of one process.
 *
 * @returns its stdout
 */
export async function evaluate(text: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  return await executeOrThrow([Deno.execPath(), "eval", "--quiet", text], env);
}

/** All files below a directory; none where there is no directory. */
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

/** Whether there is a file at a path. */
export async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(path).catch(() => undefined))?.isFile ?? false;
}

/** The SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * Makes a file or a folder under another name, then gives it its own: nobody finds half of it, and of several processes
 * that make it at once each does so by itself. A folder that is there already stays, and this throws.
 *
 * @param fill makes it at the path that it is given; what it leaves where it fails is taken away
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
