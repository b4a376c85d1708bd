// Runs 50 `queue` processes at once while `send` runs.

import { compiledBinary } from "../../.ci/compile.ts";
import { TestHost } from "../helpers/host.ts";
import { runParallelHooks } from "../helpers/parallel_hooks.ts";
import type { Row } from "./row.ts";

/** The row `hook-burst`. */
export const hookBurst: Row<"lost" | "repeated"> = {
  name: "hook-burst",
  needs: ["test host"],
  budgets: {
    lost: { what: "50 parallel `queue` and `send`: lost", limit: { atMost: 0 } },
    repeated: { what: "… delivered twice", limit: { atMost: 0 } },
  },
  async measure() {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    const { users, told } = await runParallelHooks(host);
    const heardOf = new Set(told);
    const lost = users.filter((user) => !heardOf.has(user)).length;
    const recorded = `of ${users.length}`;
    return {
      lost: { value: lost, detail: recorded },
      repeated: { value: told.length - heardOf.size, detail: recorded },
    };
  },
};
