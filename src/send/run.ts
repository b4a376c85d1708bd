// One run of `send`: takes in, judges, delivers what is due, waits a little for what is due soon, and ends.

import type { Config } from "../config/config.ts";
import type { Route } from "../config/routes.ts";
import { deliverDue, type DeliveryContext } from "./deliver.ts";
import type { Intake } from "./intake.ts";
import { judgeNew } from "./judge_new.ts";
import { tellOfQueue } from "./tell_of_queue.ts";

/** How often a run looks for what has newly come, in milliseconds. */
const TICK_MS = 1_000;

/** The longest that a run waits for something that is due later, in milliseconds. */
const MAX_WAIT_IN_RUN_MS = 60_000;

/** What a run needs, beside what {@link deliverDue} does. */
export interface RunContext extends Omit<DeliveryContext, "stopping" | "host" | "giveUpAfterMs" | "routeNames"> {
  readonly intake: Intake;
  /** Ends the run, after the requests in flight. */
  readonly signal: AbortSignal;
  /** Begun when nothing is left to do. Until it is done, the run goes on with what newly comes. Must not throw. */
  readonly atEnd?: () => Promise<void>;
}

/**
 * Delivers what is due on all routes, each independent of the others.
 *
 * @returns once nothing is due any more within a minute, or the run's time is over
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
    // Always both: what the last step took in is delivered before the next step.
    const isTakingIn = [context.intake.takeIn(), judgeNew(config, context)].includes(true);
    // At the end of a pass, so that one notice counts everything that it has found.
    if (!isTakingIn || stopping()) tellOfQueue(deliveryContext.routeNames, context);
    for (const route of stopping() ? [] : config.routes) {
      if (underWay.has(route.name) || !isDue(route, context)) continue;
      underWay.set(
        route.name,
        deliverDue(route, deliveryContext).finally(() => underWay.delete(route.name)),
      );
    }
    const isIdle = underWay.size === 0 && !isTakingIn && !isDueSoon(config.routes, context);
    if (isIdle || (underWay.size === 0 && stopping())) {
      ending ??= begin(context.atEnd);
      if (ending.isDone || signal.aborted) return;
    }
    const ends = ending === undefined || ending.isDone ? [] : [ending.done];
    if (isTakingIn) await nextTurn();
    else await Promise.race([...underWay.values(), ...ends, clock.sleep(TICK_MS, signal)]);
    if (stopping()) await Promise.all(underWay.values());
  }
}

/** Lets answers and signals be handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** What is done at the end. */
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
  // Before the check of its rest, since a change of the settings ends that.
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
