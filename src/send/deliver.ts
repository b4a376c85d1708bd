// Delivers what is due on one route, one event after the other, and writes down what became of each.

import type { Log } from "../log.ts";
import type { Route } from "../config/config.ts";
import type { Outcome } from "../services/service.ts";
import { type Deliveries, type DueDelivery, MAX_WAIT_MS } from "../store/deliveries.ts";
import { attempt, type AttemptContext } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { type HostOptions, notificationOf } from "./render.ts";

/** What delivering needs. */
export interface DeliveryContext extends Omit<AttemptContext, "service"> {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly host: HostOptions;
  readonly giveUpAfterMs: number;
  /** Whether the run has to end: no new request is made. */
  readonly stopping: () => boolean;
}

/** Delivers until nothing is due on the route, the route rests, or the run has to end. */
export async function deliverDue(
  route: Route,
  context: DeliveryContext,
): Promise<void> {
  while (!context.stopping()) {
    const delivery = context.deliveries.nextDue(
      route.name,
      context.clock.nowMs(),
    );
    if (delivery === undefined) return;
    await deliver(delivery, route, context);
  }
}

/** One delivery: the attempt is counted, the request made, the end written down. */
async function deliver(
  delivery: DueDelivery,
  route: Route,
  context: DeliveryContext,
): Promise<void> {
  const { deliveries, clock } = context;
  deliveries.beginAttempt(delivery, clock.nowMs());
  const { event } = delivery;
  const batch = { id: event.uuid, notifications: [notificationOf(event, context.host)] } as const;
  const outcome = await attempt(batch, { service: route.service, ...context });
  settle(delivery, outcome, context);
}

function settle(
  delivery: DueDelivery,
  outcome: Outcome,
  context: DeliveryContext,
): void {
  const { deliveries, clock, random, log } = context;
  const nowMs = clock.nowMs();
  const what = `event ${delivery.event.uuid} on route "${delivery.route}"`;
  if (outcome.kind === "delivered") {
    const restMs = Math.min(Math.max(outcome.restMs ?? 0, 0), MAX_WAIT_MS);
    deliveries.settle(delivery, {
      state: "delivered",
      atMs: nowMs,
      restsUntilMs: restMs === 0 ? 0 : nowMs + restMs,
    });
    log("info", `delivered ${what}`);
    return;
  }
  const error = outcome.reason;
  if (outcome.kind === "rejected") {
    deliveries.settle(delivery, { state: "dead", error });
    log(
      "error",
      `gave up ${what}: the service rejects it, in its plain form too: ${error}`,
    );
    return;
  }
  const failures = deliveries.failuresOf(delivery.route);
  const askedMs = outcome.kind === "retry" ? outcome.retryAfterMs : undefined;
  const waitMs = backoffMs({ failures, askedMs, random });
  const restsUntilMs = nowMs + waitMs;
  if (outcome.kind === "retry" && delivery.retriedMs >= context.giveUpAfterMs) {
    deliveries.settle(delivery, { state: "dead", error, restsUntilMs });
    log(
      "error",
      `gave up ${what}, which has been tried for too long: ${error}`,
    );
    return;
  }
  deliveries.settle(delivery, { state: "pending", error, restsUntilMs });
  const next = `next attempt in ${Math.ceil(waitMs / 1000)} s`;
  if (outcome.kind === "broken") {
    log(
      "error",
      `route "${delivery.route}" is broken: ${error}; mend it in the config; ${next}`,
    );
  } else log("warning", `cannot deliver ${what} now: ${error}; ${next}`);
}
