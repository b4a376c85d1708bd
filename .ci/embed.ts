// Prepares the files that `deno compile` embeds: main.js, which contains the hook, and a bundle for each module that is
// loaded on demand. At each start the runtime copies all embedded files twice, so they are few, and minified except
// main.js. All are JavaScript, because a TypeScript module is embedded three times (source, code and map).

import { basename, dirname } from "node:path";
import { transformSync } from "npm:esbuild@0.25.12";
import { CACHE, execute, executeOrThrow, filesBelow, isFile, makeWhole } from "./checkout.ts";

const PROGRAM = "src/main.ts";

/** The modules that main.ts imports, and the file name of each one's bundle. */
const PARTS: Readonly<Record<string, string>> = {
  "src/send/idle.ts": "idle.js",
  "src/command.ts": "command.js",
};

/**
 * Modules that other modules load, by a path in the same directory: what the hook rarely needs; the Worker, which is
 * started by its URL; and what it imports only to send a mail.
 */
const LOADED_LATER: Readonly<Record<string, string>> = {
  "src/hook/record_elsewhere.ts": "record_elsewhere.js",
  "src/transport/http_worker.ts": "http_worker.js",
  "src/transport/smtp.ts": "smtp.js",
};

/**
 * Creates the files to embed: a bundle of the entry, and of each module that it loads on demand; for `src/main.ts`, also
 * the licences.
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
  const main = `${directory}/main.js`;
  if (!(await isFile(main))) {
    try {
      await Deno.mkdir(dirname(directory), { recursive: true });
      await makeWhole(directory, (unfinished) => writeParts(entry, { directory: unfinished }));
    } catch (error) {
      // Another process may have created it first.
      if (!(await isFile(main))) throw error;
    }
  }
  const others = (await filesBelow(directory)).filter((path) => !["main.js", "stub.json"].includes(basename(path)));
  return { main, include: others.sort() };
}

async function writeParts(entry: string, { directory }: { readonly directory: string }): Promise<void> {
  await Deno.mkdir(directory);
  const packages = await packagesOf([entry, ...Object.keys(LOADED_LATER)]);
  const write = async (part: string, name: string, change: (text: string) => string) => {
    const output = `${directory}/${name}`;
    const text = change(await bundle(part, { output, packages }));
    await Deno.writeTextFile(output, text);
    return text;
  };
  const change = entry === PROGRAM ? (text: string) => compiledOnLoad(importBundles(text)) : (text: string) => text;
  const main = await write(entry, "main.js", change);
  const loadsMore = Object.values(LOADED_LATER).some((name) => main.includes(`"./${name}"`));
  const others = { ...entry === PROGRAM ? PARTS : {}, ...loadsMore ? LOADED_LATER : {} };
  for (const [part, name] of Object.entries(others)) await write(part, name, minified);
  if (entry === PROGRAM) await Deno.writeTextFile(`${directory}/licences.txt`, await licences(packages));
  // The binary contains these times. Fixed times make the same sources give the same bytes.
  for (const path of await filesBelow(directory)) await Deno.utime(path, 0, 0);
}

/** The text of main.js, importing the bundles instead of the modules. */
function importBundles(text: string): string {
  for (const [part, name] of Object.entries(PARTS)) {
    const [before, after, ...more] = text.split(`import("${fromMain(part)}")`);
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

/**
 * Puts each top-level function of main.js in parentheses. V8 then compiles it when it loads the file; otherwise it would
 * parse most of main.js twice, to load it and to call it, which takes 0.3 ms of each login (v8.dev/blog/preparser).
 */
export function compiledOnLoad(text: string): string {
  const functions: string[] = [];
  // Top-level functions begin and end at the start of a line. They go first, as if they were still hoisted.
  const rest = text.replace(/^(async )?function (\w+)(\(.*?\n\})\n/gms, (_, async = "", name, code) => {
    functions.push(`var ${name} = (${async}function${code});\n`);
    return "";
  });
  if (/^(async )?function /m.test(rest)) throw new Error(`Cannot embed ${PROGRAM}: a function is not recognized`);
  return functions.join("") + rest;
}

/** The name by which main.ts imports a module. */
function fromMain(part: string): string {
  return part.replace("src/", "./");
}

/** An npm package that is embedded. */
export interface Package {
  /** `name@version`. */
  readonly id: string;
  /** Its path in Deno's cache. */
  readonly inCache: string;
  readonly directory: string;
}

/** Bundles a module with all its imports; returns the text, without the names of this machine's directories. */
async function bundle(
  entry: string,
  { output, packages }: { readonly output: string; readonly packages: readonly Package[] },
): Promise<string> {
  const loadedLater = Object.keys(LOADED_LATER).map((part) => `./${basename(part)}`);
  const external = [...loadedLater, ...entry === PROGRAM ? Object.keys(PARTS).map(fromMain) : []];
  const command = [
    Deno.execPath(),
    "bundle",
    "--quiet",
    "--check",
    "--frozen",
    "--platform=deno",
    ...external.map((name) => `--external=${name}`),
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
  // The modules loaded later are beside their importers, also in the bundles.
  for (const name of Object.values(LOADED_LATER)) {
    text = text.replaceAll(`"./${name.replace(".js", ".ts")}"`, `"./${name}"`);
  }
  return text;
}

/**
 * Minifies a bundle. The names of functions stay, for stack traces; in main.js, what keeps them would cost each login more.
 *
 * Not by `deno bundle --minify`: 2.9.6 drops `using` where the variable is read once, and what lets packages load Node's
 * modules. Here, esbuild changes no statement.
 */
function minified(text: string): string {
  const options = { minifyWhitespace: true, minifyIdentifiers: true, keepNames: true, target: "esnext" } as const;
  return transformSync(text, { ...options, format: "esm", legalComments: "inline" }).code;
}

/** The licences of the npm packages that the program contains. */
export async function bundledLicences(): Promise<string> {
  return await licences(await embeddedPackages());
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

/** The packages whose code is part of the program. */
export async function embeddedPackages(): Promise<readonly Package[]> {
  const packages = await packagesOf([PROGRAM, ...Object.keys(LOADED_LATER)]);
  // Types are erased.
  return packages.filter(({ id }) => !id.startsWith("@types/"));
}

/** The packages that modules import, directly or indirectly. */
async function packagesOf(entries: readonly string[]): Promise<Package[]> {
  const info = async (...args: string[]) =>
    JSON.parse(await executeOrThrow([Deno.execPath(), "info", "--frozen", "--json", ...args]));
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
