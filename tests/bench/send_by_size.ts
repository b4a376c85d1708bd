// What `send` takes for 1 to 10,000 events.

import { keyOf } from "../helpers/logins.ts";
import { type Comparison, numberText } from "./row.ts";
import { sendToDiscord } from "./send_to_discord.ts";
import { median } from "./statistics.ts";

const SIZES = [1, 10, 100, 1_000, 10_000];
const USERS = 200;
const RUNS = 3;

/** The comparison `send-by-size`. */
export const sendBySize: Comparison = {
  name: "send-by-size",
  needs: ["test host"],
  what:
    `How long \`send\` takes, the start of its process included, by the number of events: logins with keys of up to ` +
    `${USERS} users, to a receiver on loopback without a rate limit, over TLS. Medians of ${RUNS} runs.`,
  async measure({ scratch, report }) {
    const lines: string[][] = [];
    const bars = [];
    for (const logins of SIZES) {
      report(`${logins} events`);
      const runs = [];
      while (runs.length < RUNS) {
        runs.push(await sendToDiscord({ logins, users: Math.min(logins, USERS), authInfo: keyOf, scratch }));
      }
      const seconds = median(runs.map(({ seconds }) => seconds));
      const time = numberText(seconds, { unit: "s", digits: 2 });
      const requests = numberText(median(runs.map(({ requests }) => requests)), {});
      const peak = numberText(median(runs.map(({ peakMiB }) => peakMiB)), { unit: "MiB" });
      const events = numberText(logins, {});
      lines.push([events, time, requests, peak]);
      bars.push({ label: events, series: "send", ms: seconds * 1000, text: time });
    }
    const chart = { title: "Time of one send, by number of events", bars };
    return { titles: ["events", "time", "requests", "peak memory"], lines, chart };
  },
};
