// Which routes want an event. Pure.

import type { Route } from "../config/config.ts";
import type { SessionEventType } from "../event.ts";

/** What decides who is told of an event. */
export interface Told {
  readonly type: SessionEventType;
  /** Whether it is urgent for being unexpected or tampered with; a login of root alone is not. */
  readonly isUnexpected: boolean;
}

/**
 * The names of the routes that want an event. One with `notify = "unexpected"` is told of unexpected logins, and of
 * logouts only where one was tampered with: how an expected or an unexpected session ended is for the others.
 */
export function routesFor(
  routes: readonly Pick<Route, "name" | "events" | "notify">[],
  { type, isUnexpected }: Told,
): string[] {
  return routes.filter(({ events, notify }) => events.includes(type) && (notify === "all" || isUnexpected))
    .map(({ name }) => name);
}
