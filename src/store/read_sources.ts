// Notes which sources were read completely, so that no run reads them again. Every function is one statement.

import type { Database } from "../sqlite/open.ts";

/** A source that is read once. `looks`: its state when it was read. */
export interface ReadSource {
  readonly name: string;
  readonly looks: string;
}

/** Whether a source was read completely, and has not changed since. */
export function isRead(database: Database, { name, looks }: ReadSource): boolean {
  return database.prepare("SELECT looks FROM salvaged WHERE name = ?").get(name)?.["looks"] === looks;
}

/** Notes that a source was read completely. */
export function noteRead(database: Database, { name, looks }: ReadSource): void {
  database.prepare("INSERT OR REPLACE INTO salvaged (name, looks) VALUES (?, ?)").run(name, looks);
}
