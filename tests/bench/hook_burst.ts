// Many hooks at once: 50 `queue` while `send` runs lose nothing, and 50 alone take little longer than empty programs.

import { compiled, compiledBinary } from "../../.ci/compile.ts";
import { PAM_OPEN } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { runParallelHooks } from "../helpers/parallel_hooks.ts";
import { putOnDisk, putStateOnDisk } from "./disk_state.ts";
import type { Figure, Row } from "./row.ts";
import { alternating, median, ratios } from "./statistics.ts";

const HOOKS = 50;
const PAIRS = 10;

/** The row `hook-burst`. */
export const hookBurst: Row<"lost" | "repeated" | "last"> = {
  name: "hook-burst",
  needs: ["test host"],
  budgets: {
    lost: { what: "50 parallel `queue` and `send`: lost", limit: { atMost: 0 } },
    repeated: { what: "… delivered twice", limit: { atMost: 0 } },
    last: { what: "… the last one, over 50 empty programs", limit: { atMost: 1.5 }, digits: 2 },
  },
  async measure({ scratch, report }) {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    const { users, told } = await runParallelHooks(host);
    const heardOf = new Set(told);
    const lost = users.filter((user) => !heardOf.has(user)).length;
    const recorded = `of ${users.length}`;
    return {
      lost: { value: lost, detail: recorded },
      repeated: { value: told.length - heardOf.size, detail: recorded },
      last: await lastOf(scratch, report),
    };
  },
};

/** When the last of many hooks ends, relative to empty programs. All programs and the database are on the disk. */
async function lastOf(scratch: string, report: (text: string) => void): Promise<Figure> {
  await using host = await TestHost.create({ binary: await compiledBinary() });
  await putStateOnDisk(host, scratch);
  await putOnDisk(host, scratch, {
    "empty": await compiled("tests/bench/empty.ts"),
    "ssh-session-notifier": await compiledBinary(),
  }, "/mnt");
  const { empty, hooks } = await alternating({
    empty: () => lastMs(host, ["/mnt/empty"]),
    hooks: () => lastMs(host, ["/mnt/ssh-session-notifier", "queue"]),
  }, { rounds: PAIRS, report });
  const [last, base] = [hooks, empty].map((times) => (median(times) / 1000).toFixed(2));
  return { value: median(ratios(hooks, empty)), detail: `${last} over ${base} s, ${PAIRS} pairs` };
}

/** How long it takes until the last of many processes that start at once has ended, in milliseconds. */
async function lastMs(host: TestHost, command: readonly string[]): Promise<number> {
  const script = `began=$EPOCHREALTIME
    for ((run = 0; run < ${HOOKS}; run++)); do "$@" & pids+=($!); done
    for pid in "\${pids[@]}"; do wait "$pid" || exit; done
    ended=$EPOCHREALTIME; echo $((\${ended/./} - \${began/./}))`;
  const { code, stdout, stderr } = await host.run(["bash", "-c", script, "bash", ...command], {
    env: PAM_OPEN,
    clearEnv: true,
  });
  // A hook that must wait for a lock for too long writes to the spool and says so.
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return Number(stdout) / 1000;
}
