// Whether a message or the route is at fault where a service refuses a message. A message is at fault only if it is
// refused, then another one gets through on the same route with the same settings, and it is the next that is refused:
//
//   refused --> another message gets through --> refused, as the first since then --> given up
//      |                 (else it waits, however long that takes)
//      +--> other messages go first. The notice about the refusal goes out where nothing else is left to try, or after
//           FREE_REFUSALS messages in a row. If that is refused as well, the route is broken and rests between attempts.
//
// Every function is a part of the caller's transaction.

import type { Notice } from "./notices.ts";
import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";

/** So many messages in a row may be refused without a rest. */
const FREE_REFUSALS = 2;

/** What is known of a route whose service refuses something. */
export interface Refusals {
  /** Messages refused in a row since the last one that got through, tests included. */
  readonly inARow: number;
  /** How many messages got through. */
  readonly delivered: number;
}

/** What is known of the refusals on a route. */
export function refusalsOf(database: Database, route: string): Refusals {
  const row = prepared(database, "SELECT refusals, delivered FROM route WHERE name = ?").get(route);
  return { inARow: Number(row?.["refusals"] ?? 0), delivered: Number(row?.["delivered"] ?? 0) };
}

/** Whether too many were refused in a row to look further: only the notice about it can tell that the route works. */
export function needsProbe({ inARow }: Refusals): boolean {
  return inARow >= FREE_REFUSALS;
}

/** What was refused. Of a digest, nobody knows which event it is. */
export type Refused =
  | { readonly kind: "event"; readonly route: string; readonly eventId: number }
  | { readonly kind: "notice"; readonly route: string; readonly notice: Notice }
  | { readonly kind: "digest"; readonly route: string };

/** What a refusal means. */
export interface Refusal {
  /** The message is at fault: the route works for others. */
  readonly isAtFault: boolean;
  /** The route has to rest: nothing is left that could show whether it works. */
  readonly isRouteBroken: boolean;
}

/** Counts the refusal of a message that stands alone, or of a digest while others are refused. */
export function countRefusal(database: Database, refused: Refused): Refusal {
  const { route } = refused;
  const known = refusalsOf(database, route);
  const refusedAt = markRefused(database, refused, known.delivered);
  prepared(database, "UPDATE route SET refusals = refusals + 1 WHERE name = ?").run(route);
  const isProbe = refused.kind === "notice" && refused.notice.about === route;
  return {
    isAtFault: refusedAt !== undefined && refusedAt < known.delivered && known.inARow === 0,
    isRouteBroken: isProbe || needsProbe(known),
  };
}

/** Marks a message, and answers its mark from before. */
function markRefused(database: Database, refused: Refused, delivered: number): number | undefined {
  if (refused.kind === "digest") return undefined;
  if (refused.kind === "notice") {
    prepared(database, "UPDATE notice SET refused_at = ? WHERE id = ?").run(delivered, refused.notice.id);
    return refused.notice.refusedAt;
  }
  const { eventId, route } = refused;
  const before = prepared(database, "SELECT refused_at FROM delivery WHERE event_id = ? AND route = ?")
    .get(eventId, route)?.["refused_at"] ?? null;
  prepared(database, "UPDATE delivery SET refused_at = ? WHERE event_id = ? AND route = ?")
    .run(delivered, eventId, route);
  return before === null ? undefined : Number(before);
}

/** Whether what is known of a route is from attempts with these settings; `settings` is a digest of them. */
export function hasSettings(database: Database, route: string, settings: string): boolean {
  return prepared(database, "SELECT settings FROM route WHERE name = ?").get(route)?.["settings"] === settings;
}

/**
 * Takes note of the settings of a route. Where they have changed, nothing is known of refusals any more, and what a person
 * had to fix is tried at once.
 *
 * @param settings a digest of them
 */
export function noteSettings(database: Database, route: string, settings: string): void {
  if (hasSettings(database, route, settings)) return;
  prepared(database, "INSERT INTO route (name) VALUES (?) ON CONFLICT DO NOTHING").run(route);
  forgetRefusals(database, route);
  prepared(
    database,
    `UPDATE route SET settings = :settings,
       rests_until_ms = CASE WHEN settings <> '' AND newest IN ('broken', 'refused') THEN 0 ELSE rests_until_ms END
     WHERE name = :route`,
  ).run({ route, settings });
}

/** Forgets what is known of refusals on a route, as if nothing had been refused there. */
export function forgetRefusals(database: Database, route: string): void {
  prepared(database, "UPDATE route SET refusals = 0 WHERE name = ?").run(route);
  prepared(
    database,
    "UPDATE delivery SET refused_at = NULL WHERE route = ? AND state = 'pending' AND refused_at IS NOT NULL",
  ).run(route);
  prepared(database, "UPDATE notice SET refused_at = NULL WHERE route = ?").run(route);
}

/**
 * Takes note of a `test` that passed: it shows that the route works as a delivery does, and lets what waits go out at
 * once.
 *
 * @param options.settings a digest of the settings that it passed with
 */
export function noteTest(
  database: Database,
  { route, settings, nowMs }: { route: string; settings: string; nowMs: number },
): void {
  noteSettings(database, route, settings);
  prepared(
    database,
    `UPDATE route SET newest = 'delivered', failures = 0, refusals = 0, delivered = delivered + 1, last_error = NULL,
       rests_until_ms = 0, waits_since_ms = NULL, last_tested_at_ms = ? WHERE name = ?`,
  ).run(nowMs, route);
}
