// The outcome of the same request to several servers, of which one is enough. Pure.

import type { Outcome } from "../services/service.ts";

/**
 * The kinds by precedence. `refused` before `broken` and `retry`: a server that refuses a message works, so the route
 * can send the others. `broken` before `retry`: only what is retried is given up after some days.
 */
const ORDER: readonly Outcome["kind"][] = ["delivered", "refused", "broken", "retry"];

/**
 * The outcome that decides; of several retries, the one with the shortest wait. A delivery has a warning if another server
 * did not accept it.
 */
export function outcomeOfAll(outcomes: readonly Outcome[]): Outcome {
  const waitMs = (outcome: Outcome) => outcome.kind === "retry" ? outcome.retryAfterMs ?? 0 : 0;
  const [decisive] = outcomes.toSorted((a, b) =>
    ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || waitMs(a) - waitMs(b)
  );
  if (decisive === undefined) return { kind: "broken", reason: "there is no server to ask" };
  const missed = outcomes.find((outcome) => outcome.kind !== "delivered")?.reason;
  if (decisive.kind !== "delivered" || missed === undefined) return decisive;
  return { ...decisive, warning: `not to every server: ${missed}` };
}
