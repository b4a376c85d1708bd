// Selects the routes of an event. Pure.

import type { Route } from "../config/routes.ts";
import type { SessionEventType } from "../event.ts";
import type { Verdict } from "../session/judge.ts";

/**
 * The names of the routes that get an event; empty if it is allowlisted. A route with `notify = "unexpected"` gets
 * unexpected logins, even while the host is learning, and logouts that were tampered with. A login is not unexpected
 * only because it is root's.
 */
export function routesFor(
  routes: readonly Pick<Route, "name" | "events" | "notify">[],
  { type, verdict: { rule, unexpected } }: { type: SessionEventType; verdict: Pick<Verdict, "rule" | "unexpected"> },
): string[] {
  if (rule !== undefined) return [];
  return routes.filter(({ events, notify }) => events.includes(type) && (notify === "all" || unexpected))
    .map(({ name }) => name);
}
