// One run of `send`: reads new events, judges them, delivers what is due, waits briefly for what is due soon, and ends.

import type { Route } from "../config/routes.ts";
import { messageOf } from "../failure.ts";
import { isSqliteError } from "../sqlite/sqlite_error.ts";
import { plural } from "../text.ts";
import { nextDueAtMs } from "../store/next.ts";
import { keepNoticesOf } from "../store/notices.ts";
import { noteSettings } from "../store/refusals.ts";
import { announceQueueProblems } from "../store/unreadable.ts";
import { deliverDue, type SendContext } from "./deliver.ts";
import type { Intake } from "./intake.ts";
import { type JudgeContext, judgePending } from "./judge_pending.ts";

/** How often a run checks for new events, in milliseconds. */
const TICK_MS = 1_000;

/** How long a run waits at most for a delivery that is due later, in milliseconds. */
const MAX_WAIT_IN_RUN_MS = 60_000;

/** What a run needs. */
export interface RunContext extends SendContext, JudgeContext {
  readonly intake: Intake;
  /** Ends the run once the requests in flight have finished. */
  readonly signal: AbortSignal;
  /** Called when nothing is left to do. Until it finishes, the run still handles new events. Must not throw. */
  readonly atEnd?: () => Promise<void>;
  /** Announces a report if one is due. Called once, after the deliveries, which a large history must not delay. */
  readonly report?: () => void;
}

/**
 * Delivers what is due on all routes. The routes are independent of each other.
 *
 * @returns true when nothing is due within a minute; false if the deadline of the run passed, or the signal was aborted,
 *   before that
 */
export async function run(context: RunContext): Promise<boolean> {
  const { config, database, clock, signal } = context;
  const endsAtMs = clock.monotonicMs() + config.runDeadlineMs;
  const isStopping = () => signal.aborted || clock.monotonicMs() >= endsAtMs;
  keepNoticesOf(database, config.routes.map(({ name }) => name));
  const underWay = new Map<string, Promise<void>>();
  let ending: Promise<void> | undefined;
  let hasEnded = context.atEnd === undefined;
  let { report } = context;
  for (;;) {
    // Always do both, so the events that one step takes in are judged before the next step.
    const isTakingIn = [context.intake.takeIn(), judgePending(context)].includes(true);
    // At the end of a pass, so one notice counts all the problems that the pass found.
    if (!isTakingIn || isStopping()) reportQueueProblems(context);
    for (const route of isStopping() ? [] : config.routes) {
      if (underWay.has(route.name) || !isDue(route, context)) continue;
      underWay.set(
        route.name,
        deliverDue(route, { ...context, isStopping }).finally(() => underWay.delete(route.name)),
      );
    }
    const isDelivered = underWay.size === 0 && !isTakingIn && !isDueSoon(context);
    if (isDelivered && !isStopping() && report !== undefined) {
      reportOrLog(report, context);
      report = undefined;
      continue;
    }
    const isReadingDamaged = isDelivered && !isStopping() && context.intake.takeInDamaged();
    if ((isDelivered && !isReadingDamaged) || (underWay.size === 0 && isStopping())) {
      ending ??= context.atEnd?.().finally(() => void (hasEnded = true));
      if (hasEnded || signal.aborted) return !isStopping();
    }
    const ends = ending === undefined || hasEnded ? [] : [ending];
    if (isTakingIn || isReadingDamaged) await nextTurn();
    else await Promise.race([...underWay.values(), ...ends, clock.sleep(TICK_MS, signal)]);
    if (isStopping()) await Promise.all(underWay.values());
  }
}

/** Yields to the event loop, which handles responses and signals. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Logs why a report cannot be made: that must not end the run. */
function reportOrLog(report: () => void, { log }: RunContext): void {
  try {
    report();
  } catch (error) {
    if (isSqliteError(error)) throw error;
    log("error", `cannot make the report: ${messageOf(error)}`);
  }
}

/** Logs problems of the queue itself, and adds a notice about them to each route. */
function reportQueueProblems({ config, database, clock, log }: RunContext): void {
  const routes = config.routes.map(({ name }) => name);
  const { unreadable, dropped, isFull } = announceQueueProblems(database, routes, clock.nowMs());
  if (unreadable > 0) log("error", `${plural(unreadable, "record")} in the queue cannot be read`);
  if (dropped > 0) {
    log("error", `${plural(dropped, "event")} had been deleted from the full queue before send read them`);
  }
  if (isFull) {
    log("error", "the record of logins for which the hook could not run is full: later logins may be missing");
  }
}

function isDue({ name: route, service }: Route, { database, clock }: RunContext): boolean {
  const nowMs = clock.nowMs();
  if (nextDueAtMs(database, { route, nowMs }) === undefined) return false;
  // Before the next line, because a change of the settings ends the pause.
  noteSettings(database, route, service.fingerprint);
  return nextDueAtMs(database, { route, nowMs }) === nowMs;
}

function isDueSoon({ config, database, clock }: RunContext): boolean {
  const nowMs = clock.nowMs();
  return config.routes.some(({ name: route }) => {
    const atMs = nextDueAtMs(database, { route, nowMs });
    return atMs !== undefined && atMs - nowMs <= MAX_WAIT_IN_RUN_MS;
  });
}
