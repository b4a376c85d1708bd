// The README's table of ids, made of src/ids.ts, so that it can't say anything else.
// `deno run -A tests/helpers/id_docs.ts` prints it; `deno fmt` then lines it up.

import { IDS } from "../../src/ids.ts";

/** A row for each id. */
export function idTable(): string {
  const rows = Object.entries(IDS).map(([id, meaning]) => `| \`${id}\` | ${meaning} |`);
  return ["| id | meaning |", "| --- | --- |", ...rows].join("\n");
}

if (import.meta.main) Deno.stdout.writeSync(new TextEncoder().encode(`${idTable()}\n`));
