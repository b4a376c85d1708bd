// What the last resort wrote becomes events of the store, and how far that was read.
// Every function is a part of the caller's transaction.

import { insertEvents, isRecorded, type TakenIn } from "./events.ts";
import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";
import { horizonOf } from "./read_again.ts";
import { countUnreadable } from "./unreadable.ts";
import type { UnrecordedPage, UnrecordedPosition } from "./unrecorded.ts";

/** How far the file was read, and whether it is known to be full; undefined where it was never looked for. */
export function unrecordedPosition(
  database: Database,
): UnrecordedPosition & { readonly isFull: boolean } | undefined {
  const row = prepared(database, "SELECT file, position, is_full FROM unrecorded").get();
  if (row === undefined) return undefined;
  return { file: String(row["file"]), offset: Number(row["position"]), isFull: row["is_full"] !== "no" };
}

/** Writes down the logins that are not recorded yet, and the position behind them. */
export function takeInUnrecorded(database: Database, page: UnrecordedPage): TakenIn {
  const { events, unreadable, position: { file, offset }, isNewFile, isFull } = page;
  // Without a position, the store that had one may be gone.
  const horizon = unrecordedPosition(database) === undefined ? horizonOf(database, { pruned: false }) : undefined;
  const unrecorded = events.filter((event) => !isRecorded(database, event));
  const taken = insertEvents(database, unrecorded, { horizon, isUnrecorded: true });
  countUnreadable(database, unreadable);
  prepared(
    database,
    `INSERT INTO unrecorded (one, file, position) VALUES (1, :file, :offset)
     ON CONFLICT (one) DO UPDATE SET file = :file, position = :offset`,
  ).run({ file, offset });
  if (isNewFile) prepared(database, "UPDATE unrecorded SET is_full = 'no'").run();
  if (isFull) prepared(database, "UPDATE unrecorded SET is_full = 'untold' WHERE is_full = 'no'").run();
  return taken;
}

/** Whether it has to be reported now that the file is full; it is reported from then on. */
export function takeUntoldFull(database: Database): boolean {
  return prepared(database, "UPDATE unrecorded SET is_full = 'told' WHERE is_full = 'untold'").run().changes === 1;
}
