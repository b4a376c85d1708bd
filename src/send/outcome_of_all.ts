// The outcome of the same request to several servers, of which one is enough. Pure.

import type { Outcome } from "../services/service.ts";

/**
 * The earlier kind decides. One that refuses the message works, so whether the message is at fault can be found out,
 * which unblocks the route. A wrong setting is never given up, unlike a retry.
 */
const ORDER: readonly Outcome["kind"][] = ["delivered", "refused", "broken", "retry"];

/** The outcome that decides, with what it hides; of several retries, the one with the shortest wait. */
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
