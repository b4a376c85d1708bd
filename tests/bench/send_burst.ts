// The cost of a burst: `send` delivers 10,000 routine events to a server without a rate limit.

import type { Row } from "./row.ts";
import { sendToDiscord, type Sent } from "./send_to_discord.ts";
import { median } from "./statistics.ts";

const EVENTS = 10_000;
const RUNS = 5;

/** The row `send-burst`. */
export const sendBurst: Row<"requests" | "peak" | "rate"> = {
  name: "send-burst",
  needs: ["test host"],
  budgets: {
    requests: { what: "`send` of 10,000 events: requests", limit: { atMost: 1_000 } },
    peak: { what: "… peak memory", limit: { atMost: 150 }, unit: "MiB" },
    rate: { what: "… events a second", limit: { atLeast: 2_000 } },
  },
  async measure({ scratch, report }) {
    const runs: Sent[] = [];
    while (runs.length < RUNS) {
      report(`run ${runs.length + 1} of ${RUNS}`);
      runs.push(await sendToDiscord({ logins: EVENTS, scratch }));
    }
    const of = (pick: (run: Sent) => number) => median(runs.map(pick));
    const detail = `median of ${RUNS} runs`;
    const seconds = of((run) => run.seconds);
    return {
      requests: { value: of((run) => run.requests), detail },
      peak: { value: of((run) => run.peakMiB), detail },
      rate: { value: EVENTS / seconds, detail: `${seconds.toFixed(1)} s, ${detail}` },
    };
  },
};
