// The cost of `queue` with 10,000 events in its database, as many as it keeps, divided by its cost with an empty one.

import { compiledBinary } from "../../.ci/compile.ts";
import { countHook, fillQueue, type HookCounts } from "../helpers/hook_counts.ts";
import { TestHost } from "../helpers/host.ts";
import { cpuMs } from "./cpu_time.ts";
import type { Row } from "./row.ts";
import { alternating, median, ratios } from "./statistics.ts";

const EVENTS = 10_000;
const PAIRS = 40;

/** The number of queues. Only the first hook of each counts: later ones read what earlier ones left in the log. */
const QUEUES = 3;

/**
 * The row `hook-full`. For pages, the limit is on the difference: the table and its index are deeper, and sometimes a
 * page splits. That is more than a tenth of the few pages that a hook reads, but costs little.
 */
export const hookFull: Row<"cpu" | "calls" | "pages"> = {
  name: "hook-full",
  needs: ["test host"],
  budgets: {
    cpu: { what: "`queue`, 10,000 events over none: CPU", limit: { atMost: 1.05 }, digits: 2 },
    calls: { what: "… system calls", limit: { atMost: 1.1 }, digits: 2 },
    pages: { what: "… pages read more", limit: { atMost: 8 } },
  },
  async measure({ scratch, report }) {
    await using emptyHost = await TestHost.create({ binary: await compiledBinary() });
    await using fullHost = await TestHost.create({ binary: await compiledBinary() });
    const empty = await counted(emptyHost, 0);
    const full = await counted(fullHost, EVENTS);
    const program = `${scratch}/ssh-session-notifier`;
    await Deno.copyFile(await compiledBinary(), program);
    const cpu = await alternating({
      empty: () => cpuMs(emptyHost, [program, "queue"]),
      full: () => cpuMs(fullHost, [program, "queue"]),
    }, { rounds: PAIRS, report });
    return {
      cpu: {
        value: median(ratios(cpu.full, cpu.empty)),
        detail: `${median(cpu.full).toFixed(1)} over ${median(cpu.empty).toFixed(1)} ms, ${PAIRS} pairs`,
      },
      calls: { value: full.calls / empty.calls, detail: `${full.calls} over ${empty.calls}` },
      pages: { value: full.pages - empty.pages, detail: `${full.pages} over ${empty.pages}` },
    };
  },
};

async function counted(host: TestHost, events: number): Promise<HookCounts> {
  const counts: HookCounts[] = [];
  while (counts.length < QUEUES) {
    await fillQueue(host, events);
    counts.push(await countHook(host));
  }
  const of = (pick: (counts: HookCounts) => number) => median(counts.map(pick));
  return { fsyncs: of(({ fsyncs }) => fsyncs), pages: of(({ pages }) => pages), calls: of(({ calls }) => calls) };
}
