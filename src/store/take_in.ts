// Inserts what was read from the queue, from the spools and from the record of the last resort as events, and keeps the
// positions up to which these were read. An event that is already in the store is skipped.

import type { SessionEvent } from "../event.ts";
import { INBOX_START, type InboxPage, type InboxPosition } from "../intake/inbox.ts";
import type { UnrecordedPage, UnrecordedPosition } from "../intake/unrecorded.ts";
import { parseAuthInfo } from "../session/auth_info.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { prepared, query } from "../sqlite/prepared.ts";
import { type Horizon, horizonOf } from "./read_again.ts";
import { countDropped, countUnreadable } from "./unreadable.ts";

/** How many events were new, and how many of these are too old to be sent. */
export interface TakenIn {
  readonly taken: number;
  readonly history: number;
}

/** Takes in a page of the queue database. */
export function takeIn(database: Database, page: InboxPage): TakenIn {
  const { events, position, again = 0, unreadable = 0, dropped = 0 } = page;
  return transaction(database, () => {
    const horizon = horizonOf(database, { pruned: true });
    const before = takeInEvents(database, events.slice(0, again), { horizon });
    const after = takeInEvents(database, events.slice(again), { horizon: undefined });
    countUnreadable(database, unreadable);
    countDropped(database, dropped);
    database
      .prepare("INSERT OR REPLACE INTO inbox (one, last_id, last_uuid, again_to_id) VALUES (1, ?, ?, ?)")
      .run(position.lastId, position.lastUuid, position.againToId ?? position.lastId);
    return { taken: before.taken + after.taken, history: before.history };
  });
}

/** The position up to which the queue database was read. */
export function inboxPosition(database: Database): InboxPosition {
  const [position = INBOX_START] = query<InboxPosition>(
    database,
    "SELECT last_id AS lastId, last_uuid AS lastUuid, again_to_id AS againToId FROM inbox",
  );
  return position;
}

/**
 * Takes in events from any source.
 *
 * @param options.horizon which events may have been taken in before; undefined if all of them are new
 * @param options.isUnrecorded whether they come from the last resort: the hook could not run. Default: false
 */
export function takeInEvents(
  database: Database,
  events: readonly SessionEvent[],
  { horizon, isUnrecorded = false }: { horizon: Horizon | undefined; isUnrecorded?: boolean },
): TakenIn {
  return transaction(database, () => {
    const insert = prepared(
      database,
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth,
                          parent_pid, uptime_s, tampered, is_repeat, is_history, is_unrecorded, taken_in_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT elapsed_ms FROM store), 0))
       ON CONFLICT (uuid) DO NOTHING`,
    );
    const { repeatsBeforeMs, historyBeforeMs } = horizon ?? { repeatsBeforeMs: -Infinity, historyBeforeMs: -Infinity };
    const result = { taken: 0, history: 0 };
    for (const event of events) {
      const { type, user, remoteHost, terminal, service, connection, authInfo } = event;
      const texts = [type, user, remoteHost, terminal, service, connection, JSON.stringify(parseAuthInfo(authInfo))];
      const isHistory = event.occurredAtMs < historyBeforeMs;
      const { changes } = insert.run(
        event.uuid,
        event.occurredAtMs,
        ...texts,
        event.parentPid,
        event.uptimeSeconds ?? null,
        event.tampered.join(" "),
        Number(!isHistory && event.occurredAtMs < repeatsBeforeMs),
        Number(isHistory),
        Number(isUnrecorded),
      );
      if (changes === 0) continue;
      result.taken++;
      if (isHistory) result.history++;
    }
    return result;
  });
}

/** Whether an event was taken in, and has not been pruned. */
export function knows(database: Database, uuid: string): boolean {
  return prepared(database, "SELECT 1 FROM event WHERE uuid = ?").get(uuid) !== undefined;
}

/** Takes in the logins of the last resort that the hook did not record, and stores the position after them. */
export function takeInUnrecorded(database: Database, page: UnrecordedPage): TakenIn {
  const { events, unreadable, position: { file, offset }, isNewFile, isFull } = page;
  return transaction(database, () => {
    // If there is no position, a store that had one may have been lost.
    const horizon = unrecordedPosition(database) === undefined ? horizonOf(database, { pruned: false }) : undefined;
    const unrecorded = events.filter((event) => !isRecorded(database, event));
    const taken = takeInEvents(database, unrecorded, { horizon, isUnrecorded: true });
    countUnreadable(database, unreadable);
    prepared(
      database,
      `INSERT INTO unrecorded (one, file, position) VALUES (1, :file, :offset)
       ON CONFLICT (one) DO UPDATE SET file = :file, position = :offset`,
    ).run({ file, offset });
    if (isNewFile) prepared(database, "UPDATE unrecorded SET is_full = 'no'").run();
    if (isFull) prepared(database, "UPDATE unrecorded SET is_full = 'untold' WHERE is_full = 'no'").run();
    return taken;
  });
}

/** The position up to which the file of the last resort was read, and whether it is known to be full. */
export function unrecordedPosition(
  database: Database,
): UnrecordedPosition & { readonly isFull: boolean } | undefined {
  const row = prepared(database, "SELECT file, position, is_full FROM unrecorded").get();
  if (row === undefined) return undefined;
  return { file: String(row["file"]), offset: Number(row["position"]), isFull: row["is_full"] !== "no" };
}

/** How far the times of one login may differ between the hook and the last resort, in ms; see unrecorded.ts. */
const SAME_LOGIN_MS = 10 * 60 * 1000;

/**
 * Whether a login from the last resort was also recorded by the hook, which may have been killed after that. Only the
 * connection identifies a login, so one without a connection, or with one that the user may have set, never counts as
 * recorded.
 */
function isRecorded(database: Database, event: SessionEvent): boolean {
  const { user, service, remoteHost, connection, occurredAtMs, tampered } = event;
  if (connection === "" || tampered.length > 0) return false;
  return prepared(
    database,
    `SELECT 1 FROM event WHERE type = 'open' AND is_unrecorded = 0 AND user = ? AND service = ? AND remote_host = ?
       AND connection = ? AND occurred_at_ms BETWEEN ? AND ?`,
  ).get(user, service, remoteHost, connection, occurredAtMs - SAME_LOGIN_MS, occurredAtMs + SAME_LOGIN_MS) !==
    undefined;
}
