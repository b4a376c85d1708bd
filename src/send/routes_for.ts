// Which routes want an event. Pure.

import type { Route } from "../config/routes.ts";
import type { SessionEventType } from "../event.ts";
import type { Meaning } from "./judge.ts";

/** What decides who is told of an event. */
export interface Told extends Pick<Meaning, "verdict" | "unexpected"> {
  readonly type: SessionEventType;
}

/**
 * The names of the routes that want an event; none if it is allowlisted. One with `notify = "unexpected"` is told of
 * unexpected logins, also while the host is still learning, and of logouts only where one was tampered with: how an
 * expected or an unexpected session ended is for the others. A login of root is not unexpected for that alone.
 */
export function routesFor(
  routes: readonly Pick<Route, "name" | "events" | "notify">[],
  { type, verdict, unexpected }: Told,
): string[] {
  if (verdict === "allowlisted") return [];
  return routes.filter(({ events, notify }) => events.includes(type) && (notify === "all" || unexpected))
    .map(({ name }) => name);
}
