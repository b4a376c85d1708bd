// Makes `send` idle on a test host, and counts what an idle run does: for tests, and for the bench.

import { send } from "./end_to_end.ts";
import type { Finished, TestHost } from "./host.ts";
import { openedForWriting, parseTrace, straceTo } from "./strace.ts";
import { waitFor } from "./wait_for.ts";

const NOTE = "/var/lib/ssh-session-notifier/send/idle.json";
const TRACE = "/run/trace";

/** Runs `send` until the next run can be idle, which needs files that have not changed for some seconds. */
export async function becomeIdle(host: TestHost): Promise<void> {
  await waitFor(async () => {
    need(await send(host));
    return await host.has(NOTE);
  }, { what: "send is idle", timeoutMs: 60_000 });
}

/** What one process did. */
export interface ProcessCounts {
  readonly fsyncs: number;
  /** Bytes written to files; not to pipes, and not to the event loop's own descriptors. */
  readonly bytesWritten: number;
  readonly openedForWriting: readonly string[];
  /** Threads and child processes; a Worker is a thread. */
  readonly threads: number;
}

/** Runs one program as the user of `send`, by default `send` itself, under strace. */
export async function countProcess(
  host: TestHost,
  command: readonly string[] = ["/usr/sbin/ssh-session-notifier", "send"],
): Promise<ProcessCounts> {
  const strace = [...straceTo(TRACE), "--decode-fds=path", "--user=ssh-session-notifier"];
  need(await host.run([...strace, ...command], { env: { PATH: "/usr/bin:/bin" }, clearEnv: true }));
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  const written = calls.filter(({ name, args }) => /^p?writev?(64)?2?$/.test(name) && /^\d+<\//.test(args));
  return {
    fsyncs: calls.filter(({ name }) => /^f(data)?sync$/.test(name)).length,
    bytesWritten: written.reduce((sum, { result }) => sum + Math.max(0, Number.parseInt(result)), 0),
    openedForWriting: openedForWriting(calls),
    threads: calls.filter(({ name }) => /^(clone3?|v?fork)$/.test(name)).length,
  };
}

/** SQL that adds delivered events to the history. */
const history = (count: number) => `
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
  INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth, parent_pid,
                     tampered, verdict)
  SELECT lower(hex(randomblob(18))), 1, 'open', 'alice', '203.0.113.7', 'ssh', 'sshd', '', '[]', i, '', 'history' FROM n`;

/** Adds events to the history, as the user of `send`. */
export async function fillHistory(host: TestHost, count: number): Promise<void> {
  const database = "/var/lib/ssh-session-notifier/send/deliveries.db";
  need(await host.run(["sqlite3", database, history(count)], { user: "ssh-session-notifier" }));
}

function need({ code, stdout, stderr }: Finished): void {
  if (code !== 0 || stderr !== "") throw new Error(`exit ${code}: ${stdout}${stderr}`);
}
