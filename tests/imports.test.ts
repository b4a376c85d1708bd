// Checks which modules may import which. Uses the graph of `deno info`.

import assert from "node:assert/strict";
import { ROOT } from "../.ci/compile.ts";

/** Imports of a module: paths in src/ (`hook/queue.ts`), `deno.json`, or specifiers (`node:sqlite`, `npm:valibot`). */
interface Imports {
  readonly static: readonly string[];
  readonly dynamic: readonly string[];
}

const modules = await sourceModules();
const graph = await importGraph();

/** The code that can run as root. */
const ROOT_PART = ["event.ts", "queue_paths.ts", "sqlite/open.ts", "sqlite/queue_table.ts"];
const hook = [...modules.keys()].filter((name) => name.startsWith("hook/"));

function importsOf(name: string): string[] {
  const { static: direct = [], dynamic = [] } = graph.get(name) ?? {};
  return [...direct, ...dynamic];
}

Deno.test("the graph contains every source file", () => {
  assert.deepEqual([...graph.keys()].sort(), [...modules.keys()].sort());
  assert.ok(importsOf("hook/queue.ts").includes("hook/insert.ts"));
});

Deno.test("event.ts imports nothing", () => {
  assert.deepEqual(importsOf("event.ts"), []);
});

Deno.test("the hook imports only files of the code that runs as root, and no npm package", () => {
  const allowed = [...ROOT_PART, ...hook, "node:sqlite"];
  for (const name of [...hook, ...ROOT_PART]) {
    assert.deepEqual(importsOf(name).filter((imported) => !allowed.includes(imported)), [], name);
  }
});

Deno.test("a login loads only the hook, without what it rarely needs", () => {
  const part = ["environment", "insert", "listing", "privileges", "queue"].map((name) => `hook/${name}.ts`);
  assert.deepEqual(loadedBy("main.ts"), [...ROOT_PART, ...part, "main.ts", "node:sqlite"].sort());
});

/** The modules that run when a module is loaded: itself, and its static imports. */
function loadedBy(entry: string): string[] {
  const loaded = new Set<string>();
  const load = (name: string) => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const imported of graph.get(name)?.static ?? []) load(imported);
  };
  load(entry);
  return [...loaded].map((name) => name.replace(/^(npm:[^@]+)@.*/, "$1")).sort();
}

Deno.test("no package is loaded before a command enters its sandbox", () => {
  assert.deepEqual(loadedBy("command.ts"), ["command.ts", "deno.json", "failure.ts", "ids.ts", "log.ts", "sandbox.ts"]);
});

Deno.test("an idle send loads only what it needs to compare files", () => {
  const expected = ["deno.json", "look.ts", "paths.ts", "queue_paths.ts", "sandbox.ts", "send/idle.ts"];
  assert.deepEqual(loadedBy("send/idle.ts"), expected);
});

Deno.test("the command line loads only the command that runs", () => {
  assert.deepEqual(loadedBy("command_line.ts"), [
    "command_line.ts",
    "command_line/help.ts",
    "command_line/program.ts",
    "deno.json",
    "failure.ts",
    "ids.ts",
    "npm:commander",
    "paths.ts",
    "queue_paths.ts",
  ]);
});

Deno.test("send and explain load the reader of place databases only if the configuration names some", () => {
  for (const command of ["send/send.ts", "admin/explain.ts"]) {
    const loaded = loadedBy(command);
    assert.ok(loaded.includes("send/places.ts"), command);
    assert.deepEqual(loaded.filter((name) => /mmdb|place_/.test(name)), [], command);
  }
  assert.ok(loadedBy("send/place_databases.ts").includes("npm:mmdb-lib"));
});

Deno.test("the hook and its imports have fewer than 600 lines", () => {
  const lines = [...hook, ...ROOT_PART].map((name) => modules.get(name)?.trimEnd().split("\n").length ?? NaN);
  const total = lines.reduce((sum, count) => sum + count, 0);
  assert.ok(total < 600, `${total} lines`);
});

Deno.test("only sqlite/ names the SQLite module", () => {
  const users = [...graph.keys()].filter((name) => importsOf(name).includes("node:sqlite"));
  assert.deepEqual(users.sort(), ["sqlite/backup.ts", "sqlite/open.ts"]);
});

Deno.test("only main.ts starts the hook, and few of its modules are used elsewhere", () => {
  const users = [...graph.keys()].filter((name) => !name.startsWith("hook/")).flatMap((name) =>
    importsOf(name).filter((imported) => imported.startsWith("hook/")).map((imported) => [name, imported])
  );
  assert.deepEqual(users.sort(), [
    ["admin/become_sender.ts", "hook/privileges.ts"],
    // `repair` creates the database and its index as the hook does.
    ["admin/repair/empty_spool.ts", "hook/insert.ts"],
    ["admin/repair/fix_modes.ts", "hook/insert.ts"],
    ["admin/repair/repair.ts", "hook/privileges.ts"],
    // The record of the last resort has the same environment.
    ["intake/unrecorded.ts", "hook/environment.ts"],
    ["main.ts", "hook/queue.ts"],
  ]);
});

Deno.test("a service imports only the interface and shared helpers, and only the registry imports services", () => {
  const names = [
    "service",
    "http",
    "judge_answer",
    "wording",
    "escapes",
    "fitting",
    "titled",
    "credentials",
    "alert",
    "template",
    "heat",
    "report_html",
  ];
  const shared = names.map((name) => `services/${name}.ts`);
  const services = [...graph.keys()].filter((name) =>
    name.startsWith("services/") && ![...shared, "services/registry.ts"].includes(name)
  );
  assert.ok(services.length >= 3);
  for (const service of services) {
    // A webhook's signature is the only other import: a pure computation without access to anything.
    const own = importsOf(service).filter((imported) => !imported.startsWith("npm:") && imported !== "node:crypto");
    assert.deepEqual(own.filter((imported) => !shared.includes(imported)), [], service);
    const users = [...graph.keys()].filter((name) => importsOf(name).includes(service));
    assert.deepEqual(users, ["services/registry.ts"], service);
  }
});

/** The folders, lowest first. A module imports only its own folder and lower ones; files directly in src/ are lowest. */
const ORDER = [
  ["sqlite"],
  ["hook", "session", "services", "pam"],
  ["config", "intake"],
  ["store", "transport"],
  ["send"],
  ["admin"],
  ["man"],
  ["command_line"],
];

/** Files directly in src/ that start everything else. */
const TOP = ["main.ts", "command.ts", "command_line.ts"];

/** The level of the folder that a module is in, and the folder itself. */
function placeOf(name: string): { level: number; folder: string } {
  const [folder = "", file] = name.split("/");
  if (file === undefined) return { level: TOP.includes(name) ? ORDER.length : -1, folder: "" };
  const level = ORDER.findIndex((folders) => folders.includes(folder));
  assert.notEqual(level, -1, `${name}: add its folder to ORDER`);
  return { level, folder };
}

Deno.test("a module imports only from its own folder and from lower ones", () => {
  for (const name of graph.keys()) {
    const { level, folder } = placeOf(name);
    const upward = importsOf(name).filter((imported) => graph.has(imported)).filter((imported) => {
      const to = placeOf(imported);
      return to.level > level || (to.level === level && to.folder !== folder);
    });
    assert.deepEqual(upward, [], name);
  }
});

Deno.test("imports have no cycles", () => {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]) => {
    assert.ok(!path.includes(name), `${[...path, name].join(" -> ")}`);
    if (done.has(name)) return;
    for (const imported of graph.get(name)?.static ?? []) visit(imported, [...path, name]);
    done.add(name);
  };
  for (const name of graph.keys()) visit(name, []);
});

Deno.test("the top level contains only the expected files", async () => {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files"], cwd: ROOT }).output();
  const names = new Set(new TextDecoder().decode(stdout).trim().split("\n").map((path) => path.split("/", 1)[0] ?? ""));
  const expected = ["src", "tests", "deno.json", "deno.lock", "install.sh", "README.md", "LICENSE"];
  assert.deepEqual([...names].filter((name) => !name.startsWith(".") && !expected.includes(name)), []);
});

/** The text of every file in src/, by path. */
async function sourceModules(directory = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/src/${directory}`)) {
    const path = `${directory}${name}`;
    if (isDirectory) { for (const entry of await sourceModules(`${path}/`)) found.set(...entry); }
    else found.set(path, await Deno.readTextFile(`${ROOT}/src/${path}`));
  }
  return found;
}

interface DenoInfo {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

async function importGraph(): Promise<Map<string, Imports>> {
  // The Worker is started by URL, so no module imports it.
  const entries = ["src/main.ts", "src/transport/http_worker.ts"];
  const infos = await Promise.all(entries.map(async (entry) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout)) as DenoInfo;
  }));
  const graph = new Map<string, Imports>();
  for (const { specifier, dependencies = [] } of infos.flatMap(({ modules }) => modules)) {
    const name = below(specifier);
    if (!modules.has(name)) continue;
    const targets = dependencies.map((dependency) => ({
      name: below(dependency.code?.specifier ?? dependency.type?.specifier ?? dependency.specifier),
      isDynamic: dependency.isDynamic ?? false,
    }));
    graph.set(name, {
      static: targets.filter(({ isDynamic }) => !isDynamic).map(({ name }) => name),
      dynamic: targets.filter(({ isDynamic }) => isDynamic).map(({ name }) => name),
    });
  }
  return graph;
}

function below(specifier: string): string {
  return specifier.replace(new URL(`file://${ROOT}/src/`).href, "").replace(new URL(`file://${ROOT}/`).href, "");
}
