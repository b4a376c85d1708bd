// Kills `send` with SIGKILL 200 times, at random moments.

import { killSend } from "../helpers/kill_send.ts";
import type { Row } from "./row.ts";

const KILLS = 200;

/** The row `send-kills`. */
export const sendKills: Row<"lost" | "repeated"> = {
  name: "send-kills",
  needs: [],
  budgets: {
    lost: { what: `${KILLS} kills of \`send\`: events lost`, limit: { atMost: 0 } },
    repeated: { what: "… batches repeated by each", limit: { atMost: 1 }, digits: 2 },
  },
  async measure({ seed, report }) {
    const onKill = (killed: number) => report(`kill ${killed} of ${KILLS}`);
    const { events, killed, lost, repeatedRequests } = await killSend({ kills: KILLS, seed, onKill });
    return {
      lost: { value: lost.length, detail: `of ${events}, seed ${seed}` },
      repeated: { value: repeatedRequests / killed, detail: `${repeatedRequests} by ${killed} kills` },
    };
  },
};
