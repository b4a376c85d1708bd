// Runs fifty hooks at once while two runs of `send` and a reader use the queue, for a test and for the bench.

import { configFor, queue, send } from "./end_to_end.ts";
import type { Finished, TestHost } from "./host.ts";
import { QUEUE_DATABASE } from "./hook_counts.ts";
import { ntfyLike } from "./receivers.ts";

/** The result. */
export interface ParallelReport {
  readonly hooks: readonly Finished[];
  readonly sends: readonly Finished[];
  /** The stderr of sqlite3, which reads the queue meanwhile. */
  readonly readerSaid: string;
  /** The users in the hooks' events. */
  readonly users: readonly string[];
  /** The users that the service was notified of, in order. */
  readonly told: readonly string[];
}

const HOOKS = 50;

const READER = `for round in $(seq 40); do
    [ -e ${QUEUE_DATABASE}-wal ] && sqlite3 -readonly ${QUEUE_DATABASE} 'SELECT sum(length(record)) FROM event'
    sleep 0.05
  done`;

/** Starts everything at once, then one more `send` for events that arrived after the others ended. */
export async function runParallelHooks(host: TestHost): Promise<ParallelReport> {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const users = Array.from({ length: HOOKS }, (_, index) => `user${index}`);
  const reading = host.run(["sh", "-c", READER], { user: "ssh-session-notifier" });
  const hooks = users.map((user) => queue(host, { env: { PAM_USER: user } }));
  const sends = [send(host), send(host)];
  const ended = { hooks: await Promise.all(hooks), sends: await Promise.all(sends) };
  const readerSaid = (await reading).stderr;
  const last = await send(host);
  const told = ntfy.accepted.flatMap(({ body }) =>
    [...String(body["message"]).matchAll(/'(user\d+)'/g)].map(([, user]) => user ?? "")
  );
  return { hooks: ended.hooks, sends: [...ended.sends, last], readerSaid, users, told };
}
