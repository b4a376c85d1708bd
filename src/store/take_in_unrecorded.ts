// Inserts entries of the last resort as events in the store, and keeps the position up to which they were read.
// Every function is part of the caller's transaction.

import { insertEvents, isRecorded, type TakenIn } from "./events.ts";
import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";
import { horizonOf } from "./read_again.ts";
import { countUnreadable } from "./unreadable.ts";
import type { UnrecordedPage, UnrecordedPosition } from "../intake/unrecorded.ts";

/** The position up to which the file was read, and whether it is known to be full; undefined if it was never read. */
export function unrecordedPosition(
  database: Database,
): UnrecordedPosition & { readonly isFull: boolean } | undefined {
  const row = prepared(database, "SELECT file, position, is_full FROM unrecorded").get();
  if (row === undefined) return undefined;
  return { file: String(row["file"]), offset: Number(row["position"]), isFull: row["is_full"] !== "no" };
}

/** Inserts the logins that the hook did not record, and stores the position after them. */
export function takeInUnrecorded(database: Database, page: UnrecordedPage): TakenIn {
  const { events, unreadable, position: { file, offset }, isNewFile, isFull } = page;
  // If there is no position, a store that had one may have been lost.
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

/** Returns whether to report now that the file is full, and marks that as reported. */
export function takeUntoldFull(database: Database): boolean {
  return prepared(database, "UPDATE unrecorded SET is_full = 'told' WHERE is_full = 'untold'").run().changes === 1;
}
