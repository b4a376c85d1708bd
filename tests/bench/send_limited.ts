// Discord's rate limits: a burst of routine logins goes as a few digests, and another user's alarms do not delay root's.

import { queue } from "../helpers/end_to_end.ts";
import { keyOf } from "../helpers/logins.ts";
import { DISCORD_LIMITS } from "./rate_limit.ts";
import type { Row } from "./row.ts";
import { sendToDiscord } from "./send_to_discord.ts";
import { quantile } from "./statistics.ts";

const RUNS = 3;
const LOGINS = 1_000;
const ALARMS = 100;

/** The row `send-limited`. */
export const sendLimited: Row<"messages" | "seconds" | "root"> = {
  name: "send-limited",
  needs: ["test host"],
  budgets: {
    messages: { what: "1,000 logins of 50 users, at Discord's limits: messages", limit: { atMost: 5 } },
    seconds: { what: "… all delivered after", limit: { atMost: 15 }, unit: "s", digits: 1 },
    root: { what: "… alert of root behind 100 of another user", limit: { atMost: 5 }, unit: "s", digits: 1 },
  },
  async measure({ scratch, report }) {
    const options = { scratch, limits: DISCORD_LIMITS };
    const routine = [];
    const root: number[] = [];
    for (let run = 1; run <= RUNS; run++) {
      report(`run ${run} of ${RUNS}`);
      routine.push(await sendToDiscord({ ...options, logins: LOGINS, users: 50, authInfo: keyOf }));
      const { accepted } = await sendToDiscord({
        ...options,
        logins: ALARMS,
        users: 1,
        urgent: true,
        before: (host) => queue(host, { env: { PAM_USER: "root" } }),
      });
      root.push(accepted.find(({ text }) => text.includes("'root'"))?.atSeconds ?? Infinity);
    }
    const detail = `the most of ${RUNS} runs`;
    const most = (values: readonly number[]) => ({ value: quantile(values, 1), detail });
    return {
      messages: most(routine.map(({ accepted }) => accepted.length)),
      seconds: most(routine.map(({ accepted }) => accepted.at(-1)?.atSeconds ?? Infinity)),
      root: most(root),
    };
  },
};
