// `send --dry-run`: lists what the next run would send. Changes nothing.

import type { Config } from "../config/config.ts";
import { oneLine } from "../log.ts";
import { sentence } from "../services/wording.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { notificationOf } from "./render.ts";

/**
 * Describes the pending deliveries of the configured routes.
 *
 * @returns one line per delivery: route, service, and the plain sentence
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
