// Formats a status as JSON, for programs. Pure.

import { isoInstant } from "../../text.ts";
import { isBroken, type Status } from "./status_data.ts";

/** Converts a status to JSON: names in snake_case, instants in ISO 8601, null for missing values. */
export function statusJson(status: Status): unknown {
  const { nowMs, routes, unread, spooled, faults, warnings, lastRunAtMs, problems } = status;
  return {
    at: isoInstant(nowMs),
    is_alive: problems.length === 0,
    problems: problems.map(({ text }) => text),
    last_run_at: isoInstant(lastRunAtMs),
    queue: {
      has_unread: unread === undefined ? null : unread.newestAtMs !== undefined,
      newest_unread_at: isoInstant(unread?.newestAtMs),
    },
    spool: { count: spooled?.count ?? null, oldest_at: isoInstant(spooled?.oldestAtMs) },
    routes: routes.map((route) => ({
      name: route.name,
      service: route.service ?? null,
      is_configured: route.isConfigured ?? null,
      is_broken: isBroken(route),
      pending: route.pending,
      oldest_pending_at: isoInstant(route.oldestPendingAtMs),
      next_attempt_at: isoInstant(route.nextAttemptAtMs),
      failures: route.failures,
      last_error: route.lastError ?? null,
      dead: route.dead,
      dead_reasons: route.deadReasons,
      notices: route.notices,
      last_delivered_at: isoInstant(route.lastDeliveredAtMs),
      last_test_passed_at: isoInstant(route.lastTestedAtMs),
    })),
    faults,
    warnings,
  };
}
