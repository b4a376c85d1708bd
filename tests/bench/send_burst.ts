// The cost of a burst: `send` delivers 10,000 routine events to a server without a rate limit.

import { keyOf, type LoginsOptions } from "../helpers/logins.ts";
import type { Row } from "./row.ts";
import { sendToDiscord, type Sent } from "./send_to_discord.ts";
import { median } from "./statistics.ts";

const EVENTS = 10_000;
const RUNS = 5;

/** The row `send-burst`: each login of another user, which needs the most requests; and logins as they are usual. */
export const sendBurst: Row<"seconds" | "peak" | "requests" | "usualSeconds" | "usualPeak" | "usualRequests"> = {
  name: "send-burst",
  needs: ["test host"],
  budgets: {
    seconds: { what: "`send` of 10,000 events, each of another user", limit: { atMost: 2.5 }, unit: "s", digits: 1 },
    peak: { what: "… peak memory", limit: { atMost: 150 }, unit: "MiB" },
    requests: { what: "… requests", limit: { atMost: 300 } },
    usualSeconds: { what: "… of 200 users, with keys", limit: { atMost: 2.5 }, unit: "s", digits: 1 },
    usualPeak: { what: "… of 200 users: peak memory", limit: { atMost: 150 }, unit: "MiB" },
    usualRequests: { what: "… of 200 users: requests", limit: { atMost: 300 } },
  },
  async measure({ scratch, report }) {
    const send = async (what: string, logins: LoginsOptions) => {
      const runs: Sent[] = [];
      while (runs.length < RUNS) {
        report(`${what}, run ${runs.length + 1} of ${RUNS}`);
        runs.push(await sendToDiscord({ logins: EVENTS, ...logins, scratch }));
      }
      const detail = `TLS, HTTP/2 offered; median of ${RUNS} runs`;
      return (pick: (run: Sent) => number) => ({ value: median(runs.map(pick)), detail });
    };
    const others = await send("other users", {});
    const usual = await send("200 users", { users: 200, authInfo: keyOf });
    return {
      seconds: others(({ seconds }) => seconds),
      peak: others(({ peakMiB }) => peakMiB),
      requests: others(({ requests }) => requests),
      usualSeconds: usual(({ seconds }) => seconds),
      usualPeak: usual(({ peakMiB }) => peakMiB),
      usualRequests: usual(({ requests }) => requests),
    };
  },
};
