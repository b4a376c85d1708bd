// Kills `send` by SIGKILL at random moments, again and again, against a service that takes its time, and counts what
// arrived: for a test of a few kills, and for a bench of many.

import { Installation, LOGIN } from "./program.ts";
import { ntfyLike } from "./receivers.ts";

/** What came of it. */
export interface KillReport {
  readonly events: number;
  /** Runs that were killed; the others had ended before. */
  readonly killed: number;
  readonly lost: readonly string[];
  /** Requests that were accepted, and had nothing in them that had not been accepted before. */
  readonly repeatedRequests: number;
  readonly repeatedEvents: number;
  /** What any run said: nothing is expected, since no kill needs a hand. */
  readonly said: readonly string[];
}

/** By then a run has ended, in milliseconds. */
const LONGEST_RUN_MS = 500;

/** How long the service takes to answer at most, in milliseconds. */
const SLOWEST_ANSWER_MS = 60;

/**
 * Records logins all the while, kills `send` as often as asked, then lets it finish.
 *
 * @param options.onKill told how many kills there were so far
 */
export async function killSend(
  { kills, seed, onKill = () => {} }: { kills: number; seed: number; onKill?: (killed: number) => void },
): Promise<KillReport> {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  const random = randomFrom(seed);
  // The service has the event by then, and `send` does not know it yet.
  ntfy.intercept = async () => {
    await new Promise((resolve) => setTimeout(resolve, random() * SLOWEST_ANSWER_MS));
    return undefined;
  };
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  const users: string[] = [];
  const said: string[] = [];
  let killed = 0;
  while (killed < kills) {
    for (let login = 0; login < 3; login++) {
      const user = `user-${users.length}`;
      users.push(user);
      await installation.queue({ ...LOGIN, PAM_USER: user });
    }
    const run = await installation.sendKilledAfter(random() * LONGEST_RUN_MS);
    if (run.killed) onKill(++killed);
    said.push(...linesOf(run.stderr));
  }
  const last = await installation.send();
  said.push(...linesOf(last.stderr), ...last.code === 0 ? [] : [`exit ${last.code}`]);

  const seen = new Map<string, number>();
  let repeatedRequests = 0;
  for (const { body } of ntfy.accepted) {
    // Once for each message, which may have a name twice: why a login is unexpected names the user, too.
    const names = [...new Set(String(body["message"]).match(/user-\d+/g))];
    if (names.every((name) => seen.has(name))) repeatedRequests++;
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  return {
    events: users.length,
    killed,
    lost: users.filter((user) => !seen.has(user)),
    repeatedRequests,
    repeatedEvents: [...seen.values()].reduce((sum, count) => sum + count - 1, 0),
    said,
  };
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Numbers from 0 to 1 that a seed decides: a linear congruential generator, with the constants of Numerical Recipes. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
