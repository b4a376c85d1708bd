// Copies a database that may be in use, complete and durable.

import { backup } from "node:sqlite";
import { removeDatabase, syncFile } from "./files.ts";
import { type Database, openDatabase, pragma } from "./open.ts";

/**
 * Writes a copy of a database to a file, which it replaces only once the copy is complete, on disk and intact.
 *
 * @throws if the copy cannot be written, or if it is damaged; the existing file is kept
 */
export async function backUpTo(path: string, database: Database): Promise<void> {
  const unfinished = `${path}.unfinished`;
  removeDatabase(unfinished);
  try {
    await backup(database, unfinished);
    Deno.chmodSync(unfinished, 0o600);
    assertIntact(unfinished);
    syncFile(unfinished);
    Deno.renameSync(unfinished, path);
  } finally {
    removeDatabase(unfinished);
  }
}

/**
 * Replaces the content of a database that may be in use with that of another one, in one transaction.
 *
 * @param options.check called while nobody else can write to the database; if it throws, nothing is replaced
 */
export async function replaceContent(
  path: string,
  { source, check }: { source: Database; check: () => void },
): Promise<void> {
  // In two steps: the first takes the write lock, which is held until the end, and `check` runs after it.
  const rate = Math.max(1, Number(pragma(source, "page_count")) - 1);
  await backup(source, path, { rate, progress: check });
}

/** @throws if a database is damaged */
export function assertIntact(path: string): void {
  using database = openDatabase(path, { busyTimeoutMs: 0 });
  // Without a log, which would keep its name when the database is renamed.
  pragma(database, "journal_mode = DELETE");
  // Not quick_check, which does not compare the indexes with the rows.
  const found = pragma(database, "integrity_check(1)");
  if (found !== "ok") throw new Error(`"${path}" is damaged: ${found}`);
}
