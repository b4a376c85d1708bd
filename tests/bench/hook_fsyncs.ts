// How often one `queue` syncs to disk, counted by strace.

import { compiledBinary } from "../../.ci/compile.ts";
import { countHook, fillQueue } from "../helpers/hook_counts.ts";
import { TestHost } from "../helpers/host.ts";
import type { Figure, Row } from "./row.ts";

/** Too few runs to fill the log, because the hook that fills it also runs a checkpoint. */
const HOOKS = 5;

/** The row `hook-fsyncs`. */
export const hookFsyncs: Row<"none" | "many"> = {
  name: "hook-fsyncs",
  needs: ["test host"],
  budgets: {
    none: { what: "fsyncs of one `queue`", limit: { atMost: 2 } },
    many: { what: "… with 5,000 undelivered", limit: { atMost: 2 } },
  },
  async measure() {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    return { none: await mostFsyncs(host, 0), many: await mostFsyncs(host, 5_000) };
  },
};

async function mostFsyncs(host: TestHost, undelivered: number): Promise<Figure> {
  await fillQueue(host, undelivered);
  let value = 0;
  for (let hook = 0; hook < HOOKS; hook++) value = Math.max(value, (await countHook(host)).fsyncs);
  return { value, detail: `the most of ${HOOKS} in a row` };
}
