// Delivers the due notifications of one route, one batch at a time, and stores the outcome of each.

import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { Route } from "../config/routes.ts";
import type { Log } from "../log.ts";
import { plural } from "../text.ts";
import type { Outcome } from "../services/service.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import type { Batch, EventBatch } from "../store/batch.ts";
import { begin, giveUp, settle, split } from "../store/settle.ts";
import { announce, announceRefusal } from "../store/notices.ts";
import { countRefusal } from "../store/refusals.ts";
import { MAX_WAIT_MS, routeState } from "../store/routes.ts";
import { attempt, type AttemptContext } from "./attempt.ts";
import { backoffMs } from "./backoff.ts";
import { type Composed, composeNext, type ComposeOptions } from "./batch.ts";

/**
 * After this many attempts, a digest is split in two when it fails again: one of its events may be at fault, even if the
 * service or a firewall reports something else. It is split sooner if other messages get through.
 */
const HALVED_AFTER = { othersGetThrough: 3, nothingGetsThrough: 10 };

/** What all steps of a run need. */
export interface SendContext extends AttemptContext {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** What a delivery needs. */
export interface DeliveryContext extends SendContext {
  /** Whether the run is ending, so no new request may start. */
  readonly isStopping: () => boolean;
}

/** Delivers until nothing is due on the route, the route is paused, or the run is ending. */
export async function deliverDue(route: Route, context: DeliveryContext): Promise<void> {
  const { database } = context;
  let next = transaction(database, () => beginNext(route, context));
  while (next !== undefined) {
    const { batch, message } = next;
    const outcome = await attempt(message, route, context);
    // One transaction ends this batch and begins the next, because each transaction costs a disk write.
    next = transaction(database, () => {
      end(batch, outcome, context);
      return beginNext(route, { ...context, before: message.notifications.length });
    });
  }
}

/** Begins the next batch. Counts the attempt now, so that a crash counts too. */
function beginNext(
  route: Route,
  { database, config, clock, isStopping, before }: DeliveryContext & Pick<ComposeOptions, "before">,
): Composed | undefined {
  if (isStopping()) return undefined;
  const nowMs = clock.nowMs();
  const host = { ...config.host, templates: route.templates };
  const composed = composeNext(database, { route, nowMs, host, before });
  if (composed !== undefined) begin(database, composed.batch, nowMs);
  return composed;
}

function end(batch: Batch, outcome: Outcome, context: SendContext): void {
  const { database, clock, log } = context;
  if (outcome.kind === "refused") return endRefused(batch, outcome, context);
  if (outcome.kind !== "delivered") return endFailed(batch, outcome, context);
  const waitMs = Math.min(Math.max(outcome.restMs ?? 0, 0), MAX_WAIT_MS);
  settle(database, batch, { outcome, atMs: clock.nowMs(), waitMs });
  if (outcome.warning !== undefined) log("warning", `delivered ${described(batch)}, but ${outcome.warning}`);
  else log("info", `delivered ${described(batch)}`);
}

/**
 * Splits a refused digest, because one of its events may be at fault. For a single event, other messages show whether
 * the event or the route is at fault: see refusals.ts.
 */
function endRefused(batch: Batch, outcome: Outcome & { kind: "refused" }, context: SendContext): void {
  const { database, config, clock, random, log } = context;
  const { route } = batch;
  const { reason } = outcome;
  const { failures, refusals } = routeState(database, route);
  if (isDigest(batch) && refusals === 0) {
    split(database, batch, { error: reason, anew: true });
    log("info", `splitting ${described(batch)}, because the service refuses it: ${reason}`);
    return;
  }
  const atMs = clock.nowMs();
  const { isAtFault, isRouteBroken } = countRefusal(database, batch);
  if (isAtFault) {
    settle(database, batch, { outcome, atMs, waitMs: 0, givesUp: true });
    log("error", `gave up ${described(batch)}: the service refuses it but accepts others: ${reason}`);
    if (batch.kind === "events") {
      const names = config.routes.map(({ name }) => name);
      announce(database, names, { about: route, kind: "dead", count: 1, reason, occurredAtMs: atMs });
    }
    return;
  }
  const waitMs = isRouteBroken ? backoffMs({ failures, random }) : 0;
  settle(database, batch, { outcome, atMs, waitMs });
  if (batch.kind === "events") announceRefusal(database, { route, reason, occurredAtMs: atMs });
  if (!isRouteBroken) {
    log("warning", `the service refuses ${described(batch)}; trying another message: ${reason}`);
    return;
  }
  reportBroken(batch, { reason, waitMs }, context);
  if (isDigest(batch) && batch.attempts >= HALVED_AFTER.nothingGetsThrough) {
    split(database, batch, { error: reason, anew: false });
  }
}

function endFailed(batch: Batch, outcome: Outcome & { kind: "retry" | "broken" }, context: SendContext): void {
  const { database, clock, random, log } = context;
  const { kind, reason } = outcome;
  const { failures } = routeState(database, batch.route);
  const waitMs = backoffMs({ failures, askedMs: kind === "retry" ? outcome.retryAfterMs : undefined, random });
  settle(database, batch, { outcome, atMs: clock.nowMs(), waitMs });
  // Something else was delivered since its first attempt, so the route works.
  const othersGetThrough = batch.attempts > failures;
  const what = `cannot deliver ${described(batch)}`;
  if (othersGetThrough) log("warning", `${what}, while others get through: ${reason}; ${nextAttempt(waitMs)}`);
  else if (kind === "broken") reportBroken(batch, { reason, waitMs }, context);
  else log("warning", `${what} now: ${reason}; ${nextAttempt(waitMs)}`);
  const most = othersGetThrough ? HALVED_AFTER.othersGetThrough : HALVED_AFTER.nothingGetsThrough;
  if (isDigest(batch) && batch.attempts >= most) split(database, batch, { error: reason, anew: false });
  if (kind === "retry") giveUpOld(batch.route, reason, context);
}

/** Logs that a route is broken, and notifies the other routes, unless the message was a notice about one of them. */
function reportBroken(
  batch: Batch,
  { reason, waitMs }: { reason: string; waitMs: number },
  context: SendContext,
): void {
  const { route } = batch;
  context.log("error", `route "${route}" is broken: ${reason}; correct its settings; ${nextAttempt(waitMs)}`);
  if (batch.kind === "events" || batch.notice.about === route) {
    announceToOthers({ about: route, kind: "broken", count: 0, reason }, context);
  }
}

/** Gives up what the route has retried for too long, including deliveries that only waited in the queue meanwhile. */
function giveUpOld(route: string, reason: string, context: SendContext): void {
  const { database, config, log } = context;
  const { deliveries, notices } = giveUp(database, { route, afterMs: config.giveUpAfterMs, error: reason });
  if (deliveries + notices === 0) return;
  const what = [
    ...deliveries > 0 ? [plural(deliveries, "event")] : [],
    ...notices > 0 ? [plural(notices, "notice")] : [],
  ];
  log("error", `gave up ${what.join(" and ")} on route "${route}" after trying for too long: ${reason}`);
  if (deliveries > 0) announceToOthers({ about: route, kind: "dead", count: deliveries, reason }, context);
}

/** Adds a notice to each other route. */
function announceToOthers(
  incident: { about: string; kind: "dead" | "broken"; count: number; reason: string },
  { database, config, clock }: SendContext,
): void {
  const others = config.routes.map(({ name }) => name).filter((name) => name !== incident.about);
  announce(database, others, { ...incident, occurredAtMs: clock.nowMs() });
}

function nextAttempt(waitMs: number): string {
  return `next attempt in ${Math.ceil(waitMs / 1000)} s`;
}

function isDigest(batch: Batch): batch is EventBatch {
  return batch.kind === "events" && batch.events.length > 1;
}

function described(batch: Batch): string {
  const on = `on route "${batch.route}"`;
  if (batch.kind === "notice") {
    const { kind, about } = batch.notice;
    if (kind === "report") return `the report ${on}`;
    if (about === batch.route) return `the notice of a refusal ${on}`;
    return `a notice about ${kind === "unreadable" || kind === "full" ? "the queue" : `route "${about}"`} ${on}`;
  }
  const [{ uuid }, ...more] = batch.events;
  return more.length === 0 ? `event ${uuid} ${on}` : `a digest of ${more.length + 1} events ${on}`;
}
