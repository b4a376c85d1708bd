// Counts what one hook does on a test host, and fills its queue: for tests of the cost of a login, and for the bench.

import { queue } from "./end_to_end.ts";
import type { TestHost } from "./host.ts";
import { parseTrace, straceTo } from "./strace.ts";

/** The queue database of a test host. */
export const QUEUE_DATABASE = "/var/lib/ssh-session-notifier/queue/db/session_events.db";

/** The trace that {@link countHook} leaves on the host. */
const TRACE = "/run/trace";

/** SQL that inserts more events, all like the first one. */
const fillWith = (count: number) =>
  `sqlite3 ${QUEUE_DATABASE} '.filectrl persist_wal 1' "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO event (uuid, occurred_at_ms, record) SELECT lower(hex(randomblob(18))), occurred_at_ms, record
      FROM n, (SELECT * FROM event LIMIT 1);
    PRAGMA wal_checkpoint(TRUNCATE)" && chown ssh-session-queue:ssh-session-queue ${QUEUE_DATABASE}*`;

/**
 * Recreates the queue with a number of undelivered events, and a log that one hook has begun.
 *
 * @throws Error with the output of the hook or sqlite3
 */
export async function fillQueue(host: TestHost, count: number): Promise<void> {
  await host.run(["sh", "-c", `rm -f ${QUEUE_DATABASE}*`]);
  need(await queue(host));
  need(await host.run(["sh", "-c", fillWith(Math.max(1, count))]));
  // The first hook after a checkpoint begins a new log.
  need(await queue(host));
}

/** Counts of what one hook did. */
export interface HookCounts {
  readonly fsyncs: number;
  /** Pages read from the database and its log. */
  readonly pages: number;
  /** System calls. */
  readonly calls: number;
}

/** Runs one hook under strace. */
export async function countHook(host: TestHost): Promise<HookCounts> {
  need(await queue(host, { wrapper: [...straceTo(TRACE), "-y"] }));
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  return {
    fsyncs: calls.filter(({ name }) => /^f(data)?sync$/.test(name)).length,
    pages: calls.filter(({ name, args }) => name === "pread64" && args.includes(QUEUE_DATABASE)).length,
    calls: calls.length,
  };
}

function need({ code, stderr }: { readonly code: number; readonly stderr: string }): void {
  if (code !== 0 || stderr !== "") throw new Error(`exit ${code}: ${stderr}`);
}
