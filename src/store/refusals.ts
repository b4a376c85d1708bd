// Decides whether a refused message or its route is at fault. The message is at fault only if it is refused, then
// another message is delivered on the same route with the same settings, and then the next refusal is this message again:
//
//   refused --> another message is delivered --> refused, first refusal since then --> given up
//      |                 (until then it waits, without a limit)
//      +--> other messages go first. The notice about the refusal is sent if no other message is left to try, or after
//           FREE_REFUSALS refusals in a row. If it is refused too, the route is broken, and is paused between attempts.

import { type Database, transaction } from "../sqlite/open.ts";
import { prepared, query } from "../sqlite/prepared.ts";
import type { Batch } from "./batch.ts";
import { type RouteState, routeState } from "./routes.ts";

/** How many messages in a row may be refused before the route is paused. */
const FREE_REFUSALS = 2;

/** Whether so many messages were refused in a row that the notice about the refusal is sent next, to test the route. */
export function needsProbe({ refusals }: RouteState): boolean {
  return refusals >= FREE_REFUSALS;
}

/**
 * Counts the refusal of a single message, or of a digest while other messages are refused.
 *
 * @returns `isAtFault`: the message is at fault, because other messages are delivered. `isRouteBroken`: the route must
 *   pause, because the notice about the refusal was refused, or too many messages in a row
 */
export function countRefusal(database: Database, batch: Batch): { isAtFault: boolean; isRouteBroken: boolean } {
  const { route } = batch;
  return transaction(database, () => {
    const state = routeState(database, route);
    const refusedAt = markRefused(database, batch, state.delivered);
    prepared(database, "UPDATE route SET refusals = refusals + 1 WHERE name = ?").run(route);
    const isProbe = batch.kind === "notice" && batch.notice.about === route;
    return {
      isAtFault: refusedAt !== undefined && refusedAt < state.delivered && state.refusals === 0,
      isRouteBroken: isProbe || needsProbe(state),
    };
  });
}

/** Marks a message as refused, and returns its previous mark. Which event of a digest is at fault is unknown. */
function markRefused(database: Database, batch: Batch, delivered: number): number | undefined {
  if (batch.kind === "notice") {
    prepared(database, "UPDATE notice SET refused_at = ? WHERE uuid = ?").run(delivered, batch.id);
    return batch.notice.refusedAt;
  }
  const { route, events: [{ id }, ...more] } = batch;
  if (more.length > 0) return undefined;
  const where = "WHERE event_id = :id AND route = :route";
  const [mark] = query<{ at?: number }>(database, `SELECT refused_at AS at FROM delivery ${where}`, { id, route });
  prepared(database, `UPDATE delivery SET refused_at = :delivered ${where}`).run({ delivered, id, route });
  return mark?.at;
}

/**
 * Records the settings of a route. If they have changed, its refusals are forgotten, and a broken route is tried at
 * once.
 *
 * @param settings a digest of them
 */
export function noteSettings(database: Database, route: string, settings: string): void {
  // Called every second, so skip the transaction if there is nothing to write.
  if (routeState(database, route).settings === settings) return;
  transaction(database, () => {
    prepared(database, "INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
    forgetRefusals(database, route);
    prepared(
      database,
      `UPDATE route SET settings = :settings,
         rests_until_ms = CASE WHEN settings <> '' AND newest IN ('broken', 'refused') THEN 0 ELSE rests_until_ms END
       WHERE name = :route`,
    ).run({ route, settings });
  });
}

/** Forgets the refusals on a route, as if nothing had been refused there. */
export function forgetRefusals(database: Database, route: string): void {
  prepared(database, "UPDATE route SET refusals = 0 WHERE name = ?").run(route);
  prepared(
    database,
    "UPDATE delivery SET refused_at = NULL WHERE route = ? AND state = 'pending' AND refused_at IS NOT NULL",
  ).run(route);
  prepared(database, "UPDATE notice SET refused_at = NULL WHERE route = ?").run(route);
}

/**
 * Records that a `test` passed: like a delivery, it shows that the route works. Pending messages are due at once.
 *
 * @param options.settings a digest of the settings that it passed with
 */
export function noteTest(
  database: Database,
  { route, settings, nowMs }: { route: string; settings: string; nowMs: number },
): void {
  transaction(database, () => {
    noteSettings(database, route, settings);
    prepared(
      database,
      `UPDATE route SET newest = 'delivered', failures = 0, refusals = 0, delivered = delivered + 1, last_error = NULL,
         rests_until_ms = 0, waits_since_ms = NULL, last_tested_at_ms = ? WHERE name = ?`,
    ).run(nowMs, route);
  });
}
