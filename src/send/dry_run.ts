// `send --dry-run`: lists what the next run would send. Changes nothing.

import type { Config } from "../config/config.ts";
import { oneLine } from "../log.ts";
import { sentence } from "../services/wording.ts";
import type { Database } from "../sqlite/open.ts";
import { pendingEvents } from "../store/events.ts";
import { notificationOf } from "./render.ts";

/**
 * Describes the pending deliveries of the configured routes.
 *
 * @returns one line per delivery: route, service, and the plain sentence
 */
export function dryRun(database: Database, { routes, host }: Config): string[] {
  return routes.flatMap(({ name, service }) =>
    pendingEvents(database, name).map((event) =>
      oneLine(`${name} (${service.name}): ${sentence(notificationOf(event, host))}`)
    )
  );
}
