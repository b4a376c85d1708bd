// Tries changes without keeping them, for `send --dry-run`.

import type { Database } from "./open.ts";

/** Runs `work`, rolls back all of its changes, and returns its result. */
export function discarding<T>(database: Database, work: () => T): T {
  database.prepare("SAVEPOINT discarded").run();
  try {
    return work();
  } finally {
    database.prepare("ROLLBACK TO discarded").run();
    database.prepare("RELEASE discarded").run();
  }
}
