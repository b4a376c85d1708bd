// The cost of the hook: the CPU time of `queue` divided by that of an empty program compiled in the same way.

import { compiled, compiledBinary } from "../../.ci/compile.ts";
import { TestHost } from "../helpers/host.ts";
import { cpuMs } from "./cpu_time.ts";
import type { Row } from "./row.ts";
import { alternating, median, ratios } from "./statistics.ts";

const PAIRS = 40;

/** Several copies, because where a file lies in the page cache changes its CPU time, by more than what is measured. */
const COPIES = 5;

/** The row `hook-cpu`. */
export const hookCpu: Row<"ratio"> = {
  name: "hook-cpu",
  needs: ["test host"],
  budgets: {
    ratio: { what: "`queue`, CPU over an empty program", limit: { atMost: 1.08 }, digits: 2 },
  },
  async measure({ scratch, report }) {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    // On the disk, as installed: the files of a host are on a tmpfs, where each page of a program costs more.
    const programs = { empty: await compiled("tests/bench/empty.ts"), hook: await compiledBinary() };
    for (const [name, path] of Object.entries(programs)) {
      for (let copy = 0; copy < COPIES; copy++) await Deno.copyFile(path, `${scratch}/${name}${copy}`);
    }
    const runs = { empty: 0, hook: 0 };
    const run = (name: "empty" | "hook") => cpuMs(host, [`${scratch}/${name}${runs[name]++ % COPIES}`, "queue"]);
    const { empty, hook } = await alternating({ empty: () => run("empty"), hook: () => run("hook") }, {
      rounds: PAIRS,
      report,
    });
    const detail = `${median(hook).toFixed(1)} over ${median(empty).toFixed(1)} ms, ${PAIRS} pairs`;
    return { ratio: { value: median(ratios(hook, empty)), detail } };
  },
};
