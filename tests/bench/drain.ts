// Measures how long 1,000 events take with Discord's rate limits: as digests, and one by one.

import { DISCORD_LIMITS, rateLimited } from "./rate_limit.ts";
import { type Comparison, numberText } from "./row.ts";
import { type SendOptions, sendToDiscord, type Sent } from "./send_to_discord.ts";

const EVENTS = 1_000;

/** How many events are sent one by one: three windows of the longest limit. The last two give the rate of the rest. */
const ONE_BY_ONE = 90;
const FIRST_WINDOW = 30;

/** The comparison `drain`. */
export const drain: Comparison = {
  name: "drain",
  needs: ["test host"],
  what:
    "1,000 events that wait for a receiver that takes 5 requests in 2 s and 30 in a minute, and refuses more with " +
    "429, as Discord does. Routine logins go as digests; urgent ones, each of another user, go one by one: of these " +
    `${ONE_BY_ONE} are sent, and the time for 1,000 is reckoned from the last ${ONE_BY_ONE - FIRST_WINDOW}.`,
  async measure({ scratch, report }) {
    const send = (options: Pick<SendOptions, "logins" | "urgent">) =>
      sendToDiscord({
        ...options,
        intercept: rateLimited(DISCORD_LIMITS),
        scratch,
        onAccepted: (requests) => report(`${requests} messages`),
      });
    const digests = await send({ logins: EVENTS });
    const singles = await send({ logins: ONE_BY_ONE, urgent: true });
    return {
      titles: ["1,000 events", "messages", "of which refused at first", "time"],
      lines: [
        ["as digests", String(digests.requests - digests.refused), String(digests.refused), time(digests.seconds)],
        [
          "one by one",
          "1,000",
          `${singles.refused} of ${singles.requests}`,
          `${time(extrapolated(singles))} (reckoned)`,
        ],
      ],
    };
  },
};

/** The time for all events one by one, in seconds. */
export function extrapolated({ seconds, acceptedAtMs }: Pick<Sent, "seconds" | "acceptedAtMs">): number {
  const firstWindowMs = acceptedAtMs[FIRST_WINDOW - 1] ?? NaN;
  const lastMs = acceptedAtMs[ONE_BY_ONE - 1] ?? NaN;
  const secondsEach = (lastMs - firstWindowMs) / (ONE_BY_ONE - FIRST_WINDOW) / 1000;
  return seconds + (EVENTS - ONE_BY_ONE) * secondsEach;
}

function time(seconds: number): string {
  return seconds < 120 ? numberText(seconds, { unit: "s", digits: 1 }) : numberText(seconds / 60, { unit: "min" });
}
