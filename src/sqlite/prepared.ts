// Caches prepared statements: compiling one takes longer than running most of them.

import type { Database } from "./open.ts";

/** The parameters of a query, by name. */
type Parameters = Readonly<Record<string, string | number | null>>;

type Statement = ReturnType<Database["prepare"]>;

const KEPT = new WeakMap<Database, Map<string, Statement>>();

/** Returns the prepared statement of a constant SQL text, compiled once per open database. */
export function prepared(database: Database, sql: string): Statement {
  let statements = KEPT.get(database);
  if (statements === undefined) KEPT.set(database, statements = new Map());
  let statement = statements.get(sql);
  if (statement === undefined) statements.set(sql, statement = database.prepare(sql));
  return statement;
}

/**
 * Runs a query, and returns its rows, without the columns that are null.
 *
 * @param sql names its columns as `Row` does. Our tables are STRICT and their schema is checked, so the types hold
 */
export function query<Row>(database: Database, sql: string, parameters: Parameters = {}): Row[] {
  return prepared(database, sql).all(parameters).map((row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Row
  );
}
