// Delivers the due notifications of one route, one batch at a time, and stores the outcome of each.

import type { Route } from "../config/routes.ts";
import type { Log } from "../log.ts";
import { plural } from "../plural.ts";
import type { Outcome } from "../services/service.ts";
import type { Outgoing, OutgoingEvents } from "../store/batches.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { RouteIncident } from "../store/notices.ts";
import { MAX_WAIT_MS } from "../store/routes.ts";
import { attempt, type AttemptContext } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import { compose, type Composed } from "./batch.ts";
import type { Clock } from "../clock.ts";
import type { HostOptions } from "./render.ts";

/**
 * After this many attempts, a digest is split in two when it fails again: one of its events may be at fault, even if the
 * service or a firewall reports something else. It is split sooner if other messages get through.
 */
const HALVED_AFTER = { othersGetThrough: 3, nothingGetsThrough: 10 };

/** What a delivery needs. */
export interface DeliveryContext extends Omit<AttemptContext, "service" | "caCert"> {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly host: HostOptions;
  readonly giveUpAfterMs: number;
  /** The names of all routes. If one gives up a delivery or is broken, each of the others sends a notice. */
  readonly routeNames: readonly string[];
  /** Whether the run is ending, so no new request may start. */
  readonly stopping: () => boolean;
}

/** Delivers until nothing is due on the route, the route is paused, or the run is ending. */
export async function deliverDue(route: Route, context: DeliveryContext): Promise<void> {
  const { deliveries } = context;
  let next = deliveries.together(() => begin(route, context));
  while (next !== undefined) {
    const { outgoing, batch } = next;
    const outcome = await attempt(batch, { ...context, service: route.service, caCert: route.caCert });
    // One transaction ends this batch and begins the next, because each transaction costs a disk write.
    next = deliveries.together(() => {
      settle(outgoing, outcome, context);
      return begin(route, context);
    });
  }
}

/** Begins the next batch. Counts the attempt now, so that a crash counts too. */
function begin({ name, service }: Route, context: DeliveryContext): Composed | undefined {
  if (context.stopping()) return undefined;
  const { deliveries, host } = context;
  const nowMs = context.clock.nowMs();
  const composed = compose((limit) => deliveries.nextDue({ route: name, nowMs, limit }), { service, host });
  if (composed !== undefined) deliveries.beginAttempt(composed.outgoing, nowMs);
  return composed;
}

function settle(outgoing: Outgoing, outcome: Outcome, context: DeliveryContext): void {
  const { deliveries, log } = context;
  switch (outcome.kind) {
    case "delivered": {
      const atMs = context.clock.nowMs();
      const restMs = Math.min(Math.max(outcome.restMs ?? 0, 0), MAX_WAIT_MS);
      deliveries.settle(outgoing, { state: "delivered", atMs, restsUntilMs: restMs === 0 ? 0 : atMs + restMs });
      log("info", `delivered ${described(outgoing)}`);
      return;
    }
    case "refused":
      return settleRefused(outgoing, outcome.reason, context);
    case "retry":
    case "broken":
      return settleFailed(outgoing, outcome, context);
  }
}

/**
 * Splits a refused digest, because one of its events may be at fault. For a single event, other messages show whether
 * the event or the route is at fault: see refusals.ts.
 */
function settleRefused(outgoing: Outgoing, error: string, context: DeliveryContext): void {
  const { deliveries, clock, random, log, routeNames } = context;
  const { route } = outgoing;
  if (isDigest(outgoing) && deliveries.refusalsOf(route).inARow === 0) {
    deliveries.split(outgoing, { error, anew: true });
    log("info", `splitting ${described(outgoing)}, because the service refuses it: ${error}`);
    return;
  }
  const atMs = clock.nowMs();
  const failures = deliveries.failuresOf(route);
  const { isAtFault, isRouteBroken } = deliveries.countRefusal(outgoing);
  if (isAtFault) {
    deliveries.settle(outgoing, { state: "dead", kind: "refused", error, atMs, restsUntilMs: 0 });
    log("error", `gave up ${described(outgoing)}: the service refuses it but accepts others: ${error}`);
    if (outgoing.kind === "events") {
      deliveries.announce(routeNames, { about: route, kind: "dead", count: 1, reason: error, occurredAtMs: atMs });
    }
    return;
  }
  const waitMs = isRouteBroken ? backoffMs({ failures, random }) : 0;
  deliveries.settle(outgoing, {
    state: "pending",
    kind: "refused",
    error,
    atMs,
    restsUntilMs: waitMs && atMs + waitMs,
  });
  if (outgoing.kind === "events") {
    deliveries.announceRefusal({ about: route, count: 1, reason: error, occurredAtMs: atMs });
  }
  if (!isRouteBroken) {
    log("warning", `the service refuses ${described(outgoing)}; trying another message: ${error}`);
    return;
  }
  tellBroken(outgoing, { error, waitMs }, context);
  if (isDigest(outgoing) && outgoing.attempts >= HALVED_AFTER.nothingGetsThrough) {
    deliveries.split(outgoing, { error, anew: false });
  }
}

/** Logs that a route is broken, and notifies the other routes, unless the message was a notice about one of them. */
function tellBroken(
  outgoing: Outgoing,
  { error, waitMs }: { error: string; waitMs: number },
  context: DeliveryContext,
): void {
  const { route } = outgoing;
  context.log(
    "error",
    `route "${route}" is broken: ${error}; correct its settings; ${nextAttempt(waitMs)}`,
  );
  if (outgoing.kind === "events" || outgoing.notice.about === route) {
    announce({ about: route, kind: "broken", count: 0, reason: error }, context);
  }
}

function nextAttempt(waitMs: number): string {
  return `next attempt in ${Math.ceil(waitMs / 1000)} s`;
}

function isDigest(outgoing: Outgoing): outgoing is OutgoingEvents {
  return outgoing.kind === "events" && outgoing.events.length > 1;
}

function settleFailed(
  outgoing: Outgoing,
  outcome: Outcome & { readonly kind: "retry" | "broken" },
  context: DeliveryContext,
): void {
  const { deliveries, clock, random, log } = context;
  const { route } = outgoing;
  const { kind, reason: error } = outcome;
  const atMs = clock.nowMs();
  const askedMs = kind === "retry" ? outcome.retryAfterMs : undefined;
  const failures = deliveries.failuresOf(route);
  const waitMs = backoffMs({ failures, askedMs, random });
  deliveries.settle(outgoing, { state: "pending", kind, error, atMs, restsUntilMs: atMs + waitMs });
  const next = nextAttempt(waitMs);
  const attempts = outgoing.kind === "events" ? outgoing.attempts : outgoing.notice.attempts;
  // Something else was delivered since its first attempt, so the route works.
  const othersGetThrough = attempts > failures;
  if (othersGetThrough) {
    log("warning", `cannot deliver ${described(outgoing)}, while others get through: ${error}; ${next}`);
  } else if (kind === "broken") tellBroken(outgoing, { error, waitMs }, context);
  else log("warning", `cannot deliver ${described(outgoing)} now: ${error}; ${next}`);
  if (isDigest(outgoing)) {
    const most = othersGetThrough ? HALVED_AFTER.othersGetThrough : HALVED_AFTER.nothingGetsThrough;
    if (attempts >= most) deliveries.split(outgoing, { error, anew: false });
  }
  if (kind === "retry") giveUp(route, error, context);
}

/** Gives up what the route has retried for too long, including deliveries that only waited in the queue meanwhile. */
function giveUp(route: string, error: string, context: DeliveryContext): void {
  const { deliveries, giveUpAfterMs, log } = context;
  const { deliveries: count, notices } = deliveries.giveUp({ route, afterMs: giveUpAfterMs, error });
  if (count + notices === 0) return;
  const what = [...count > 0 ? [plural(count, "event")] : [], ...notices > 0 ? [plural(notices, "notice")] : []];
  log("error", `gave up ${what.join(" and ")} on route "${route}" after trying for too long: ${error}`);
  if (count > 0) announce({ about: route, kind: "dead", count, reason: error }, context);
}

/** Adds a notice to each other route. */
function announce(incident: Omit<RouteIncident, "occurredAtMs">, context: DeliveryContext): void {
  const { deliveries, routeNames, clock } = context;
  const others = routeNames.filter((name) => name !== incident.about);
  deliveries.announce(others, { ...incident, occurredAtMs: clock.nowMs() });
}

function described(outgoing: Outgoing): string {
  const on = `on route "${outgoing.route}"`;
  if (outgoing.kind === "notice") {
    const { kind, about } = outgoing.notice;
    if (about === outgoing.route) return `the notice of a refusal ${on}`;
    return `a notice about ${kind === "unreadable" || kind === "full" ? "the queue" : `route "${about}"`} ${on}`;
  }
  const [{ uuid }, ...more] = outgoing.events;
  return more.length === 0 ? `event ${uuid} ${on}` : `a digest of ${more.length + 1} events ${on}`;
}
