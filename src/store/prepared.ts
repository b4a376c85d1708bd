// Prepared statements, kept: compiling one takes longer than most of them run.

import type { Database } from "./open.ts";

type Statement = ReturnType<Database["prepare"]>;

const KEPT = new WeakMap<Database, Map<string, Statement>>();

/** The prepared statement of an SQL text that is always the same; made once for each open database. */
export function prepared(database: Database, sql: string): Statement {
  let statements = KEPT.get(database);
  if (statements === undefined) KEPT.set(database, statements = new Map());
  let statement = statements.get(sql);
  if (statement === undefined) statements.set(sql, statement = database.prepare(sql));
  return statement;
}
