// Caches prepared statements: compiling one takes longer than running most of them.

import type { Database } from "./open.ts";

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
