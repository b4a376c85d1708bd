// One run of `send`: reads new events, judges them, delivers what is due, waits briefly for what is due soon, and ends.

import type { Config } from "../config/config.ts";
import type { Route } from "../config/routes.ts";
import { deliverDue, type DeliveryContext } from "./deliver.ts";
import type { Intake } from "./intake.ts";
import { judgeNew } from "./judge_pending.ts";
import { tellOfQueue } from "./queue_notices.ts";

/** How often a run checks for new events, in milliseconds. */
const TICK_MS = 1_000;

/** How long a run waits at most for a delivery that is due later, in milliseconds. */
const MAX_WAIT_IN_RUN_MS = 60_000;

/** What a run needs, in addition to {@link deliverDue}. */
export interface RunContext extends Omit<DeliveryContext, "stopping" | "host" | "giveUpAfterMs" | "routeNames"> {
  readonly intake: Intake;
  /** Ends the run once the requests in flight have finished. */
  readonly signal: AbortSignal;
  /** Called when nothing is left to do. Until it finishes, the run still handles new events. Must not throw. */
  readonly atEnd?: () => Promise<void>;
}

/**
 * Delivers what is due on all routes. The routes are independent of each other.
 *
 * @returns when nothing is due within a minute, the deadline of the run has passed, or the signal is aborted
 */
export async function run(config: Config, context: RunContext): Promise<void> {
  const { deliveries, clock, signal } = context;
  const endsAtMs = clock.monotonicMs() + config.runDeadlineMs;
  const stopping = () => signal.aborted || clock.monotonicMs() >= endsAtMs;
  const deliveryContext: DeliveryContext = {
    ...context,
    host: config.host,
    giveUpAfterMs: config.giveUpAfterMs,
    routeNames: config.routes.map(({ name }) => name),
    stopping,
  };
  deliveries.keepNoticesOf(deliveryContext.routeNames);
  const underWay = new Map<string, Promise<void>>();
  let ending: Ending | undefined;
  for (;;) {
    // Always do both, so the events that one step takes in are judged before the next step.
    const isTakingIn = [context.intake.takeIn(), judgeNew(config, context)].includes(true);
    // At the end of a pass, so one notice counts all the problems that the pass found.
    if (!isTakingIn || stopping()) tellOfQueue(deliveryContext.routeNames, context);
    for (const route of stopping() ? [] : config.routes) {
      if (underWay.has(route.name) || !isDue(route, context)) continue;
      underWay.set(
        route.name,
        deliverDue(route, deliveryContext).finally(() => underWay.delete(route.name)),
      );
    }
    const isDelivered = underWay.size === 0 && !isTakingIn && !isDueSoon(config.routes, context);
    const isReadingDamaged = isDelivered && !stopping() && context.intake.takeInDamaged();
    if ((isDelivered && !isReadingDamaged) || (underWay.size === 0 && stopping())) {
      ending ??= begin(context.atEnd);
      if (ending.isDone || signal.aborted) return;
    }
    const ends = ending === undefined || ending.isDone ? [] : [ending.done];
    if (isTakingIn || isReadingDamaged) await nextTurn();
    else await Promise.race([...underWay.values(), ...ends, clock.sleep(TICK_MS, signal)]);
    if (stopping()) await Promise.all(underWay.values());
  }
}

/** Yields to the event loop, which handles responses and signals. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The state of `atEnd`. */
interface Ending {
  isDone: boolean;
  readonly done: Promise<void>;
}

function begin(atEnd: (() => Promise<void>) | undefined): Ending {
  if (atEnd === undefined) return { isDone: true, done: Promise.resolve() };
  const done = atEnd().finally(() => {
    ending.isDone = true;
  });
  const ending: Ending = { isDone: false, done };
  return ending;
}

function isDue({ name, service }: Route, { deliveries, clock }: RunContext): boolean {
  const nowMs = clock.nowMs();
  if (deliveries.nextDueAtMs(name, nowMs) === undefined) return false;
  // Before the next line, because a change of the settings ends the pause.
  deliveries.noteSettings(name, service.fingerprint);
  return deliveries.nextDueAtMs(name, nowMs) === nowMs;
}

function isDueSoon(
  routes: readonly Route[],
  { deliveries, clock }: RunContext,
): boolean {
  const nowMs = clock.nowMs();
  return routes.some(({ name }) => {
    const atMs = deliveries.nextDueAtMs(name, nowMs);
    return atMs !== undefined && atMs - nowMs <= MAX_WAIT_IN_RUN_MS;
  });
}
