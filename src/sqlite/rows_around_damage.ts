// Reads a damaged table with SQLite itself: from its first row up to the damage, then from its last row back to it.
// What is between two damaged places is lost.

import type { Database } from "./open.ts";
import { isDamage } from "./sqlite_error.ts";

const LEAST_ROWID = "-9223372036854775808";
const GREATEST_ROWID = "9223372036854775807";

/**
 * Returns the rows that can be read.
 *
 * @param options.columns the SQL expressions to select, with names
 * @throws the error of SQLite, after all readable rows
 */
export function* rowsAroundDamage(
  database: Database,
  { table, columns }: { table: string; columns: string },
): Generator<Record<string, unknown>> {
  // Row by row: `all` would lose the rows before the damage, and Deno's `iterate` hides the error. Row ids are text,
  // because JavaScript can't represent all of them.
  const select = (where: string) =>
    database.prepare(`SELECT CAST(rowid AS TEXT) AS row, ${columns} FROM ${table} WHERE ${where} LIMIT 1`);
  const after = "rowid > CAST(? AS INTEGER)";
  let last = LEAST_ROWID;
  try {
    const forward = select(`${after} ORDER BY rowid`);
    for (let row; (row = forward.get(last)) !== undefined; last = String(row["row"])) yield row;
  } catch (damage) {
    if (!isDamage(damage)) throw damage;
    try {
      const backward = select(`${after} AND rowid < CAST(? AS INTEGER) ORDER BY rowid DESC`);
      for (let row, at = GREATEST_ROWID; (row = backward.get(last, at)) !== undefined; at = String(row["row"])) {
        yield row;
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    throw damage;
  }
}
