// Prepares the files that `deno compile` embeds: main.ts, and one bundle each for the hook and for all other commands.
// At each start the runtime looks at every embedded file, three per TypeScript module (source, code and map), so
// separate modules would slow down every login.

import { dirname } from "node:path";
import { CACHE, execute, executeOrThrow, filesBelow, isFile, makeWhole, ROOT } from "./checkout.ts";

const PROGRAM = "src/main.ts";

/** The modules that main.ts imports, and the file name of each one's bundle. */
const PARTS: Readonly<Record<string, string>> = { "src/hook/queue.ts": "queue.js", "src/command.ts": "command.js" };

/**
 * Bundles with the name of their module, beside those that load them: the Worker, which is started by its URL; and what
 * it imports only to send a mail, because all imports of a bundle are loaded when it starts.
 */
const LOADED_LATER: Readonly<Record<string, string>> = {
  "src/transport/http_worker.ts": "http_worker.ts",
  "src/transport/smtp.ts": "smtp.ts",
};

/**
 * Creates the files to embed: for `src/main.ts`, its text and one bundle for each module that it imports; for any other
 * entry, one bundle.
 *
 * @param entry a module below the checkout
 * @param options.key identifies the state of the sources; the result is cached under it
 * @returns the module to compile, and the other files to embed
 */
export async function embed(
  entry: string,
  { key }: { readonly key: string },
): Promise<{ readonly main: string; readonly include: readonly string[] }> {
  const directory = `${CACHE}/embedded/${key}/${entry.replaceAll("/", "_").replace(/\.ts$/, "")}`;
  const embedded = {
    main: `${directory}/${entry === PROGRAM ? "main.ts" : "main.js"}`,
    include: [...Object.values(LOADED_LATER), "licences.txt"].map((name) => `${directory}/${name}`),
  };
  if (await isFile(embedded.main)) return embedded;
  try {
    await Deno.mkdir(dirname(directory), { recursive: true });
    await makeWhole(directory, (unfinished) => writeParts(entry, { directory: unfinished }));
  } catch (error) {
    // Another process may have created it first.
    if (!(await isFile(embedded.main))) throw error;
  }
  return embedded;
}

async function writeParts(entry: string, { directory }: { readonly directory: string }): Promise<void> {
  await Deno.mkdir(directory);
  const packages = await packagesOf([entry, ...Object.keys(LOADED_LATER)]);
  const parts: Record<string, string> = { ...LOADED_LATER };
  if (entry === PROGRAM) {
    Object.assign(parts, PARTS);
    await Deno.writeTextFile(`${directory}/main.ts`, importBundles(await Deno.readTextFile(`${ROOT}/${entry}`)));
  } else {
    parts[entry] = "main.js";
  }
  for (const [part, name] of Object.entries(parts)) await bundle(part, { output: `${directory}/${name}`, packages });
  await Deno.writeTextFile(`${directory}/licences.txt`, await licences(packages));
  // The binary contains these times. Fixed times make the same sources give the same bytes.
  for (const path of await filesBelow(directory)) await Deno.utime(path, 0, 0);
}

/** The text of main.ts, importing the bundles instead of the modules. */
function importBundles(text: string): string {
  for (const [part, name] of Object.entries(PARTS)) {
    const [before, after, ...more] = text.split(`import("./${part.replace("src/", "")}")`);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`Cannot embed ${PROGRAM} as it must import ${part} once`);
    }
    text = `${before}import("./${name}")${after}`;
  }
  if (/import\("[^"]*\.ts"\)/.test(text)) {
    throw new Error(`Cannot embed ${PROGRAM}: it imports more than is bundled`);
  }
  return text;
}

interface Package {
  /** `name@version`. */
  readonly id: string;
  /** Its path in Deno's cache. */
  readonly inCache: string;
  readonly directory: string;
}

/** Bundles a module with all its imports. Keeps comments, and removes the names of this machine's directories. */
async function bundle(
  entry: string,
  { output, packages }: { readonly output: string; readonly packages: readonly Package[] },
): Promise<void> {
  const command = [
    Deno.execPath(),
    "bundle",
    "--quiet",
    "--check",
    "--platform=deno",
    "--external=./smtp.ts",
    `--output=${output}`,
    entry,
  ];
  const { success, stderr } = await execute(command, { DENO_TLS_CA_STORE: "system,mozilla" });
  if (!success) {
    throw new Error(
      `Cannot bundle "${entry}": ${stderr}\nWhere it says that esbuild is missing: Deno fetches it from npm`,
    );
  }
  let text = await Deno.readTextFile(output);
  for (const { id, inCache } of packages) {
    // esbuild writes module names in comments and in quotes.
    text = text.replace(new RegExp(`(?<=^// |")[^"\n]*/${RegExp.escape(inCache)}/`, "gm"), `npm/${id}/`);
  }
  await Deno.writeTextFile(output, text);
}

/** The packages' licences, which require their text in each copy. */
async function licences(packages: readonly Package[]): Promise<string> {
  const texts = packages.map(async ({ id, directory }) => {
    const path = (await filesBelow(directory)).find((path) => /\/licen[cs]e(\.\w+)?$/i.test(path));
    if (path === undefined) throw new Error(`Cannot embed "${id}": it has no licence`);
    return `${id}\n\n${await Deno.readTextFile(path)}`;
  });
  return (await Promise.all(texts)).join("\n");
}

/** The packages from `deno info`: those that modules import, and those in the lock file, as `name@version`. */
interface Info {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, InfoPackage>>;
}

interface InfoPackage {
  readonly name: string;
  readonly version: string;
  readonly registryUrl: string;
  readonly dependencies: readonly string[];
}

/** The packages that modules import, directly or indirectly. */
async function packagesOf(entries: readonly string[]): Promise<Package[]> {
  const info = async (...args: string[]) =>
    JSON.parse(await executeOrThrow([Deno.execPath(), "info", "--json", ...args]));
  const { npmCache } = await info() as { readonly npmCache: string };
  const packages = new Map<string, Package>();
  const add = (id: string, npmPackages: Info["npmPackages"]) => {
    const found = npmPackages[id];
    if (found === undefined || packages.has(id)) return;
    const { name, version, registryUrl, dependencies } = found;
    const inCache = `${new URL(registryUrl).host}/${name}/${version}`;
    packages.set(id, { id, inCache, directory: `${npmCache}/${inCache}` });
    for (const dependency of dependencies) add(dependency, npmPackages);
  };
  for (const entry of entries) {
    const { modules, npmPackages } = await info(entry) as Info;
    for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage, npmPackages);
  }
  return [...packages.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}
