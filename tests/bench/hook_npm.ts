// How many npm modules `queue` loads, as Deno resolves its imports: those of its own module, and those that the program
// imports before it knows the command.

import { ROOT } from "../../.ci/compile.ts";
import type { Row } from "./row.ts";

/** A module in the output of `deno info --json`. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly { readonly isDynamic?: boolean; readonly code?: { readonly specifier?: string } }[];
}

/** The row `hook-npm`. */
export const hookNpm: Row<"count"> = {
  name: "hook-npm",
  needs: [],
  budgets: { count: { what: "npm modules loaded by `queue`", limit: { atMost: 0 } } },
  async measure() {
    const modules = await modulesOf("src/main.ts");
    const loaded = new Set<string>();
    const load = (specifier: string) => {
      if (loaded.has(specifier)) return;
      loaded.add(specifier);
      // A dynamic import starts the hook, so dynamic imports in its own files count.
      const isHooks = specifier.includes("/src/hook/");
      for (const { isDynamic = false, code } of modules.get(specifier)?.dependencies ?? []) {
        if (code?.specifier !== undefined && (isHooks || !isDynamic)) load(code.specifier);
      }
    };
    for (const path of ["src/main.ts", "src/hook/queue.ts"]) {
      const specifier = [...modules.keys()].find((known) => known.endsWith(`/${path}`));
      if (specifier === undefined) throw new Error(`"${path}" is not in the output of deno info`);
      load(specifier);
    }
    const packages = [...loaded].filter((specifier) => specifier.startsWith("npm:"));
    return { count: { value: packages.length, detail: `of ${loaded.size} modules` } };
  },
};

async function modulesOf(entry: string): Promise<ReadonlyMap<string, Module>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { readonly modules: readonly Module[] };
  return new Map(modules.map((module) => [module.specifier, module]));
}
