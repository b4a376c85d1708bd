// Judges new events, each once, and creates their deliveries.

import { ruleName } from "../session/allowlist.ts";
import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { SeenLogin } from "../session/seen.ts";
import type { StoredEvent } from "../store/stored_event.ts";
import type { Clock } from "../clock.ts";
import { judge } from "../session/judge.ts";
import { loginOf } from "../session/login.ts";
import { routesFor } from "./routes_for.ts";

/** How many events are judged in one transaction. */
const PAGE = 100;

/** How many pages are judged in one step. */
const PAGES_PER_STEP = 10;

/** The part of the configuration that judging needs. */
export type JudgeConfig = Pick<Config, "routes" | "allowlist" | "learningMs">;

/** What judging needs in addition to the configuration. */
export interface JudgeContext {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  /** Logs which rule allowed an event, so no event is allowed silently. */
  readonly log: Log;
}

/**
 * Judges some of the events that are not judged yet.
 *
 * @returns whether there may be more
 */
export function judgeNew(config: JudgeConfig, context: JudgeContext): boolean {
  const { deliveries } = context;
  for (let pages = 0; pages < PAGES_PER_STEP; pages++) {
    const events = deliveries.unjudged(PAGE);
    if (events.length === 0) return false;
    deliveries.together(() => {
      deliveries.seen.rememberFirstEvent();
      for (const event of events) {
        // If the open of a close was taken in after it, judge the open first, then read the page again.
        const late = lateOpenOf(event, deliveries);
        judgeOne(late ?? event, { config, context });
        if (late !== undefined) return;
      }
    });
  }
  return true;
}

function lateOpenOf(event: StoredEvent, deliveries: Deliveries): StoredEvent | undefined {
  if (event.type === "open" || deliveries.openOf(event) !== undefined) return undefined;
  return deliveries.unjudgedOpenOf(event);
}

function judgeOne(
  event: StoredEvent,
  { config, context: { deliveries, clock, log } }: { config: JudgeConfig; context: JudgeContext },
): void {
  const nowMs = clock.nowMs();
  const opened = event.type === "close" ? deliveries.openOf(event) : undefined;
  const login = loginOf(event, opened);
  const known = (login: SeenLogin) => deliveries.seen.known(login);
  const meaning = judge(login, { ...config, known, nowMs, isUnrecorded: event.isUnrecorded ?? false });
  const { rule, unexpected: _, ...judgement } = meaning;
  deliveries.judge({
    ...judgement,
    eventId: event.id,
    openedBy: opened?.id,
    durationMs: login.durationMs,
    routes: routesFor(config.routes, { type: event.type, ...meaning }),
  }, nowMs);
  if (rule !== undefined) {
    log("info", `event ${event.uuid} is allowlisted: ${meaning.address || event.user}, by ${ruleName(rule)}`);
  }
}
