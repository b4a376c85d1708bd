// Reads a damaged table with SQLite itself: from its first row on as far as possible, then from its last row back.
// What is between two damaged places is lost.

import type { Database } from "./open.ts";
import { isDamage } from "./sqlite_error.ts";

const LEAST_ROWID = "-9223372036854775808";
const GREATEST_ROWID = "9223372036854775807";

/** The row ids of a table are not in order. */
export class RowOrderError extends Error {}

/**
 * Returns the rows that can be read, each once.
 *
 * @param options.columns the SQL expressions to select, with names
 * @throws the error of SQLite or a {@link RowOrderError}, after all readable rows
 */
export function* rowsAroundDamage(
  database: Database,
  { table, columns }: { table: string; columns: string },
): Generator<Record<string, unknown>> {
  // Row by row: `all` would lose the rows before the damage, and Deno's `iterate` hides the error. Row ids are text,
  // because JavaScript can't represent all of them.
  const select = (where: string) =>
    database.prepare(`SELECT CAST(rowid AS TEXT) AS row, ${columns} FROM ${table} WHERE ${where} LIMIT 1`);
  const seen = new Set<string>();
  let damage: unknown;
  for (const isForward of [true, false]) {
    const statement = isForward
      ? select("rowid > CAST(? AS INTEGER) ORDER BY rowid")
      : select("rowid < CAST(? AS INTEGER) ORDER BY rowid DESC");
    let last = isForward ? LEAST_ROWID : GREATEST_ROWID;
    try {
      for (let row; (row = statement.get(last)) !== undefined;) {
        const at = String(row["row"]);
        // A damaged row id need not be an error for SQLite: the search then skips rows, or goes in circles.
        const isInOrder = isForward ? BigInt(at) > BigInt(last) : BigInt(at) < BigInt(last);
        if (!isInOrder) throw new RowOrderError("its row ids are out of order");
        last = at;
        if (seen.has(at)) continue;
        seen.add(at);
        yield row;
      }
    } catch (error) {
      if (!isDamage(error) && !(error instanceof RowOrderError)) throw error;
      damage ??= error;
    }
  }
  if (damage !== undefined) throw damage;
}
