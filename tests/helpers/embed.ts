// What `deno compile` embeds of the program: the hook and all the other commands as one file each, beside main.ts. At
// each start the runtime looks at every embedded file, and at three of each TypeScript module (its source, its code, its
// map), for which every login would pay.

import { dirname } from "node:path";
import { CACHE, execute, executeOrThrow, filesBelow, isFile, makeWhole, ROOT } from "./checkout.ts";

const PROGRAM = "src/main.ts";

/** The modules that the program's main one imports, and the name of each as a bundle beside it. */
const PARTS: Readonly<Record<string, string>> = { "src/hook/queue.ts": "queue.js", "src/command.ts": "command.js" };

/** Started by its URL, so no import leads to it; its bundle has the same name, beside that of who starts it. */
const WORKER = "src/send/http_worker.ts";

/**
 * Makes the files to embed of a program: of `src/main.ts` as it stands and one bundle of each part that it imports, of
 * any other entry one bundle.
 *
 * @param entry a module below the checkout
 * @param options.key names the state of the sources; what was made for it once is made no more
 * @returns the module to compile, and what to embed besides
 */
export async function embed(
  entry: string,
  { key }: { readonly key: string },
): Promise<{ readonly main: string; readonly include: readonly string[] }> {
  const directory = `${CACHE}/embedded/${key}/${entry.replaceAll("/", "_").replace(/\.ts$/, "")}`;
  const embedded = {
    main: `${directory}/${entry === PROGRAM ? "main.ts" : "main.js"}`,
    include: ["http_worker.ts", "licences.txt"].map((name) => `${directory}/${name}`),
  };
  if (await isFile(embedded.main)) return embedded;
  try {
    await Deno.mkdir(dirname(directory), { recursive: true });
    await makeWhole(directory, (unfinished) => writeParts(entry, { directory: unfinished }));
  } catch (error) {
    // Another process may have been faster.
    if (!(await isFile(embedded.main))) throw error;
  }
  return embedded;
}

async function writeParts(entry: string, { directory }: { readonly directory: string }): Promise<void> {
  await Deno.mkdir(directory);
  const packages = await packagesOf(entry);
  const parts: Record<string, string> = { [WORKER]: "http_worker.ts" };
  if (entry === PROGRAM) {
    Object.assign(parts, PARTS);
    await Deno.writeTextFile(`${directory}/main.ts`, importBundles(await Deno.readTextFile(`${ROOT}/${entry}`)));
  } else {
    parts[entry] = "main.js";
  }
  for (const [part, name] of Object.entries(parts)) await bundle(part, { output: `${directory}/${name}`, packages });
  await Deno.writeTextFile(`${directory}/licences.txt`, await licences(packages));
  // The binary holds these times; with them fixed, the same sources give the same bytes.
  for (const path of await filesBelow(directory)) await Deno.utime(path, 0, 0);
}

/** The text of main.ts with the bundles in place of the modules. */
function importBundles(text: string): string {
  for (const [part, name] of Object.entries(PARTS)) {
    const [before, after, ...more] = text.split(`import("./${part.replace("src/", "")}")`);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`Cannot embed ${PROGRAM} as it must import ${part} once`);
    }
    text = `${before}import("./${name}")${after}`;
  }
  if (/import\("[^"]*\.ts"\)/.test(text)) {
    throw new Error(`Cannot embed ${PROGRAM} as it imports more than is bundled`);
  }
  return text;
}

interface Package {
  /** `name@version`. */
  readonly id: string;
  /** Where Deno has it in its cache. */
  readonly inCache: string;
  readonly directory: string;
}

/** Makes one module of a module and all that it imports. Comments stay, but names of directories of this machine. */
async function bundle(
  entry: string,
  { output, packages }: { readonly output: string; readonly packages: readonly Package[] },
): Promise<void> {
  const command = [Deno.execPath(), "bundle", "--quiet", "--check", "--platform=deno", `--output=${output}`, entry];
  const { success, stderr } = await execute(command, { DENO_TLS_CA_STORE: "system,mozilla" });
  if (!success) {
    throw new Error(
      `Cannot bundle "${entry}": ${stderr}\nWhere it says that esbuild is missing: Deno fetches it from npm`,
    );
  }
  let text = await Deno.readTextFile(output);
  for (const { id, inCache } of packages) {
    // esbuild names a module in a comment, and in quotes.
    text = text.replace(new RegExp(`(?<=^// |")[^"\n]*/${RegExp.escape(inCache)}/`, "gm"), `npm/${id}/`);
  }
  await Deno.writeTextFile(output, text);
}

/** The licences of packages, which want their text in each copy. */
async function licences(packages: readonly Package[]): Promise<string> {
  const texts = packages.map(async ({ id, directory }) => {
    const path = (await filesBelow(directory)).find((path) => /\/licen[cs]e(\.\w+)?$/i.test(path));
    if (path === undefined) throw new Error(`Cannot embed "${id}" as it has no licence`);
    return `${id}\n\n${await Deno.readTextFile(path)}`;
  });
  return (await Promise.all(texts)).join("\n");
}

/** What `deno info` says of the packages: which the modules import, and what is in the lock file, as `name@version`. */
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

/** The packages that a program loads, and those that they load. */
async function packagesOf(entry: string): Promise<Package[]> {
  const info = async (...args: string[]) =>
    JSON.parse(await executeOrThrow([Deno.execPath(), "info", "--json", ...args]));
  const { npmCache } = await info() as { readonly npmCache: string };
  const { modules, npmPackages } = await info(entry) as Info;
  const packages = new Map<string, Package>();
  const add = (id: string) => {
    const found = npmPackages[id];
    if (found === undefined || packages.has(id)) return;
    const { name, version, registryUrl, dependencies } = found;
    const inCache = `${new URL(registryUrl).host}/${name}/${version}`;
    packages.set(id, { id, inCache, directory: `${npmCache}/${inCache}` });
    dependencies.forEach(add);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  return [...packages.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}
