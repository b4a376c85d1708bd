// What `deno compile` embeds of the program: the hook and all the other commands as one file each, beside main.ts. At
// each start the runtime looks at every embedded file, and at three of each TypeScript module (its source, its code, its
// map), for which every login would pay.

import { CACHE, execute, executeOrThrow, filesBelow, isFile, ROOT } from "./checkout.ts";

/** The modules that `src/main.ts` imports, and the name of each as a bundle beside it. */
const PARTS: Readonly<Record<string, string>> = { "hook/queue.ts": "queue.js", "command.ts": "command.js" };

/** Started by its URL, so no import leads to it; its bundle has the same name, beside that of who starts it. */
const WORKER = "send/http_worker.ts";

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
  const isProgram = entry === "src/main.ts";
  const embedded = {
    main: `${directory}/${isProgram ? "main.ts" : "main.js"}`,
    include: ["http_worker.ts", "licences.txt"].map((name) => `${directory}/${name}`),
  };
  if (await isFile(embedded.main)) return embedded;
  const packages = await packagesOf(entry);
  const unfinished = `${directory}.${crypto.randomUUID()}`;
  await Deno.mkdir(unfinished, { recursive: true });
  await bundle(`src/${WORKER}`, { output: `${unfinished}/http_worker.ts`, packages });
  await Deno.writeTextFile(`${unfinished}/licences.txt`, await licences(packages));
  if (isProgram) {
    for (const [part, name] of Object.entries(PARTS)) {
      await bundle(`src/${part}`, { output: `${unfinished}/${name}`, packages });
    }
    await Deno.writeTextFile(`${unfinished}/main.ts`, importBundles(await Deno.readTextFile(`${ROOT}/${entry}`)));
  } else {
    await bundle(entry, { output: `${unfinished}/main.js`, packages });
  }
  // The binary holds these times; with them fixed, the same sources give the same bytes.
  for (const path of await filesBelow(unfinished)) await Deno.utime(path, 0, 0);
  try {
    await Deno.rename(unfinished, directory);
  } catch (error) {
    // Another process was faster.
    await Deno.remove(unfinished, { recursive: true });
    if (!(await isFile(embedded.main))) throw error;
  }
  return embedded;
}

/** The text of main.ts with the bundles in place of the modules. */
function importBundles(text: string): string {
  for (const [part, name] of Object.entries(PARTS)) {
    const [before, after, ...more] = text.split(`import("./${part}")`);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`Cannot embed src/main.ts as it must import "./${part}" once`);
    }
    text = `${before}import("./${name}")${after}`;
  }
  if (/import\("[^"]*\.ts"\)/.test(text)) {
    throw new Error("Cannot embed src/main.ts as it imports more than is bundled");
  }
  return text;
}

interface Package {
  /** `name@version`. */
  readonly id: string;
  /** Where Deno has it. */
  readonly directory: string;
}

/** Makes one module of a module and all that it imports. Comments stay, but names of directories of this machine. */
async function bundle(
  entry: string,
  { output, packages }: { readonly output: string; readonly packages: readonly Package[] },
): Promise<void> {
  const command = [Deno.execPath(), "bundle", "--quiet", "--check", "--platform=deno", `--output=${output}`, entry];
  // esbuild, which this runs, is from the npm registry.
  const { success, stderr } = await execute(command, { DENO_TLS_CA_STORE: "system,mozilla" });
  if (!success) throw new Error(`Cannot bundle "${entry}": ${stderr}`);
  let text = await Deno.readTextFile(output);
  for (const { id, directory } of packages) {
    const [, inCache = ""] = directory.split(/(?=\/npm\/)/);
    text = text.replace(new RegExp(`[^ "]*${RegExp.escape(inCache)}/`, "g"), `npm/${id}/`);
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
    packages.set(id, { id, directory: `${npmCache}/${new URL(registryUrl).host}/${name}/${version}` });
    dependencies.forEach(add);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) add(npmPackage);
  return [...packages.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}
