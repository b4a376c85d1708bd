// Repeatedly kills `send` with SIGKILL at random moments, with a slow service, and counts what arrived: for a test with
// a few kills, and a bench with many.

import { Installation, LOGIN } from "./program.ts";
import { ntfyLike } from "./receivers.ts";
import { pause } from "./wait_for.ts";

/** The result. */
export interface KillReport {
  readonly events: number;
  /** Runs that were killed; the others ended before. */
  readonly killed: number;
  readonly lost: readonly string[];
  /** Accepted requests that contained nothing new. */
  readonly repeatedRequests: number;
  readonly repeatedEvents: number;
  /** The output of all runs; expected to be empty, because recovery after a kill is automatic. */
  readonly said: readonly string[];
}

/** A run ends within this time, in milliseconds. */
const LONGEST_RUN_MS = 500;

/** The service's longest answer time, in milliseconds. */
const SLOWEST_ANSWER_MS = 60;

/**
 * Records logins while it kills `send` the given number of times, then lets `send` finish.
 *
 * @param options.onKill called with the number of kills so far
 */
export async function killSend(
  { kills, seed, onKill = () => {} }: { kills: number; seed: number; onKill?: (killed: number) => void },
): Promise<KillReport> {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  const random = randomFrom(seed);
  // The service has the event at this point, but `send` does not know it yet.
  ntfy.intercept = async () => {
    await pause(random() * SLOWEST_ANSWER_MS);
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
    // Count each name once per message: the reason why a login is unexpected names the user too.
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

/** Reproducible numbers from 0 to 1: a linear congruential generator with the constants of Numerical Recipes. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
