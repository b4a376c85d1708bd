// `send --dry-run`: what the next run would send, a line each. Changes nothing.

import type { Config } from "../config/config.ts";
import { oneLine } from "../log.ts";
import { sentence } from "../services/wording.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { notificationOf } from "./render.ts";

/**
 * The pending deliveries of the configured routes, as lines for a person.
 *
 * @returns one line each: route, service, and the plain sentence
 */
export function dryRun(
  { routes, host }: Config,
  deliveries: Deliveries,
): string[] {
  return routes.flatMap(({ name, service }) =>
    deliveries.pendingEvents(name).map((event) =>
      oneLine(`${name} (${service.name}): ${sentence(notificationOf(event, host))}`)
    )
  );
}
