// Judges new events, each once, and creates their deliveries.

import type { Route } from "../config/routes.ts";
import type { SessionEventType } from "../event.ts";
import { ruleName } from "../session/allowlist.ts";
import { judge, type Verdict } from "../session/judge.ts";
import { loginOf } from "../session/login.ts";
import { type LookUpPlace, NO_PLACE } from "../session/place.ts";
import { transaction } from "../sqlite/open.ts";
import { openOf, recordVerdict, type StoredEvent, unjudged } from "../store/events.ts";
import { rememberFirstEvent, seen } from "../store/seen.ts";
import type { SendContext } from "./deliver.ts";

/** How many events are read at once. */
const PAGE = 100;

/** How many pages are judged in one step, in one transaction. */
const PAGES_PER_STEP = 10;

/** What judging needs. */
export interface JudgeContext extends Pick<SendContext, "config" | "database" | "clock" | "log"> {
  readonly lookUpPlace: LookUpPlace;
}

/**
 * Judges some of the events that are not judged yet.
 *
 * @returns whether there may be more
 */
export function judgePending(context: JudgeContext): boolean {
  const { database } = context;
  if (unjudged(database, 1).length === 0) return false;
  return transaction(database, () => {
    rememberFirstEvent(database);
    for (let pages = 0; pages < PAGES_PER_STEP; pages++) {
      const events = unjudged(database, PAGE);
      if (events.length === 0) return false;
      judgePage(events, context);
    }
    return true;
  });
}

function judgePage(events: readonly StoredEvent[], context: JudgeContext): void {
  const { database } = context;
  for (const event of events) {
    // If the open of a close was taken in after it, judge the open first, then read the page again.
    const isClose = event.type === "close";
    const opened = isClose ? openOf(database, event, { isJudged: true }) : undefined;
    const late = isClose && opened === undefined ? openOf(database, event, { isJudged: false }) : undefined;
    judgeOne(late ?? event, opened, context);
    if (late !== undefined) return;
  }
}

function judgeOne(
  event: StoredEvent,
  opened: StoredEvent | undefined,
  { config, database, clock, log, lookUpPlace }: JudgeContext,
): void {
  const nowMs = clock.nowMs();
  const login = loginOf(event, opened);
  const verdict = judge(login, {
    allowlist: config.allowlist,
    services: config.services,
    learningMs: config.learningMs,
    known: (login) => seen(database, login),
    place: login.address === undefined ? NO_PLACE : lookUpPlace(login.address),
    placeSize: config.placeSize,
    nowMs,
    isUnrecorded: event.isUnrecorded ?? false,
  });
  const routes = routesFor(config.routes, { type: event.type, verdict });
  const { durationMs } = login;
  recordVerdict(database, { eventId: event.id, verdict, openedBy: opened?.id, durationMs, routes }, nowMs);
  // So that no event is allowed silently.
  if (verdict.rule !== undefined) {
    log("info", `event ${event.uuid} is allowlisted: ${verdict.address || event.user}, by ${ruleName(verdict.rule)}`);
  } else if (silences(verdict)) {
    log("info", `event ${event.uuid} is not notified: ${event.user}, [services] ${event.service} = "${verdict.level}"`);
  }
}

/**
 * The names of the routes that get an event; empty if it is allowlisted, or if `[services]` says so. A route with
 * `notify = "unexpected"` gets unexpected logins, even while the host is learning, and logouts that were tampered with.
 * A login is not unexpected only because it is root's.
 */
export function routesFor(
  routes: readonly Pick<Route, "name" | "events" | "notify">[],
  { type, verdict: { rule, unexpected, level } }: {
    type: SessionEventType;
    verdict: Pick<Verdict, "rule" | "unexpected" | "level">;
  },
): string[] {
  if (rule !== undefined || silences({ level, unexpected })) return [];
  return routes.filter(({ events, notify }) => events.includes(type) && (notify === "all" || unexpected))
    .map(({ name }) => name);
}

/** Whether `[services]` keeps an event from all routes. */
export function silences({ level, unexpected }: Pick<Verdict, "level" | "unexpected">): boolean {
  return level === "none" || (level === "unexpected" && !unexpected);
}
