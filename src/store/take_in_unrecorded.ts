// Turns entries of the last resort into events of the store, and keeps the position up to which they were read.
// Every function is a part of the caller's transaction.

import { insertEvents, isRecorded, type TakenIn } from "./events.ts";
import type { Database } from "./open.ts";
import { prepared } from "./prepared.ts";
import { horizonOf } from "./read_again.ts";
import { countUnreadable } from "./unreadable.ts";
import type { UnrecordedPage, UnrecordedPosition } from "./unrecorded.ts";

/** How far the file was read, and whether it is known to be full; undefined if it was never looked for. */
export function unrecordedPosition(
  database: Database,
): UnrecordedPosition & { readonly isFull: boolean } | undefined {
  const row = prepared(database, "SELECT file, position, is_full FROM unrecorded").get();
  if (row === undefined) return undefined;
  return { file: String(row["file"]), offset: Number(row["position"]), isFull: row["is_full"] !== "no" };
}

/** Inserts the logins that are not recorded yet, and stores the position after them. */
export function takeInUnrecorded(database: Database, page: UnrecordedPage): TakenIn {
  const { events, unreadable, position: { file, offset }, isNewFile, isFull } = page;
  // Without a position, a store that had one may have been lost.
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

/** Whether to report now that the file is full; from then on, that counts as reported. */
export function takeUntoldFull(database: Database): boolean {
  return prepared(database, "UPDATE unrecorded SET is_full = 'told' WHERE is_full = 'untold'").run().changes === 1;
}
