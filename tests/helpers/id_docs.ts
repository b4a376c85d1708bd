// The README's table of ids, generated from src/ids.ts so that it is always correct.
// `deno run -A tests/helpers/id_docs.ts` prints it; `deno fmt` then aligns it.

import { IDS } from "../../src/ids.ts";

/** One row for each id. */
export function idTable(): string {
  const rows = Object.entries(IDS).map(([id, meaning]) => `| \`${id}\` | ${meaning} |`);
  return ["| id | meaning |", "| --- | --- |", ...rows].join("\n");
}

if (import.meta.main) Deno.stdout.writeSync(new TextEncoder().encode(`${idTable()}\n`));
