// What a login pays for, counted: it stays the same however much the queue holds, and however many come at once.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";

const DATABASE = "/var/lib/ssh-session-notifier/queue/session_events.db";
const TRACE = "/run/trace";

/** As many events more, all of them like the first one. */
const fill = (count: number) =>
  `sqlite3 ${DATABASE} '.filectrl persist_wal 1' "
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO event (uuid, occurred_at_ms, record) SELECT lower(hex(randomblob(18))), occurred_at_ms, record
      FROM n, (SELECT * FROM event LIMIT 1);
    PRAGMA wal_checkpoint(TRUNCATE)" && chown ssh-session-queue:ssh-session-notifier ${DATABASE}*`;

/** What one hook does. */
interface Counts {
  readonly fsyncs: number;
  /** Pages that are read, of the database and of its log. */
  readonly pages: number;
  readonly calls: number;
}

async function countOne(host: TestHost): Promise<Counts> {
  const { code, stderr } = await queue(host, { wrapper: [...straceTo(TRACE), "-y"] });
  assert.deepEqual([code, stderr], [0, ""]);
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  return {
    fsyncs: calls.filter(({ name }) => /^f(data)?sync$/.test(name)).length,
    pages: calls.filter(({ name, args }) => name === "pread64" && args.includes(DATABASE)).length,
    calls: calls.length,
  };
}

endToEnd(
  "with 5,000 and with 100,000 events in the queue and no send, a hook does what it does with none",
  async (host) => {
    const counted: Counts[] = [];
    for (const count of [0, 5_000, 100_000]) {
      await host.run(["sh", "-c", `rm -f ${DATABASE}*`]);
      assert.equal((await queue(host)).code, 0);
      const filled = await host.run(["sh", "-c", fill(Math.max(1, count))]);
      assert.equal(filled.code, 0, filled.stderr);
      // The first one after the log was folded begins a new one.
      assert.equal((await queue(host)).code, 0);
      counted.push(await countOne(host));
    }
    const [none, some, many] = counted;
    assert.ok(none !== undefined && some !== undefined && many !== undefined);
    for (const { fsyncs } of counted) assert.ok(fsyncs <= 2, `${fsyncs} fsyncs`);
    // A table and an index of 100,000 rows have two levels more than those of one page each, and now and then one splits.
    assert.ok(some.pages <= none.pages + 8 && many.pages <= none.pages + 8, JSON.stringify(counted));
    assert.ok(many.calls <= 1.1 * none.calls, JSON.stringify(counted));
  },
);

endToEnd("of a spool with 2,000 files that hold no event, a hook looks at 200 at most", async (host) => {
  assert.equal((await queue(host)).code, 0);
  const spool = DATABASE.replace(/[^/]*$/, "spool");
  const made = await host.run(["sh", "-c", `for file in $(seq 2000); do echo garbage >${spool}/$file.json; done`]);
  assert.equal(made.code, 0, made.stderr);
  const { code, stderr } = await queue(host, { wrapper: straceTo(TRACE) });
  assert.deepEqual([code, stderr], [0, ""]);
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  const opened = calls.filter(({ name, args }) => name === "openat" && args.includes(`"${spool}/`)).length;
  assert.ok(opened > 0 && opened <= 200, `${opened} files`);
});

endToEnd(
  "fifty hooks at once, two sends and a reader: every event is delivered once, and no lock is in the way",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    const users = Array.from({ length: 50 }, (_, index) => `user${index}`);
    const reading = host.run([
      "sh",
      "-c",
      `for round in $(seq 40); do [ -e ${DATABASE}-wal ] && sqlite3 -readonly ${DATABASE} 'SELECT sum(length(record)) FROM event'
      sleep 0.05; done`,
    ], { user: "ssh-session-notifier" });
    const hooks = users.map((user) => queue(host, { env: { PAM_USER: user } }));
    const sends = [send(host), send(host)];
    // A lock that is held for half a second sends an event to the spool, and says so: that is no loss.
    for (const { code } of await Promise.all(hooks)) assert.equal(code, 0);
    for (const { code, stderr } of await Promise.all(sends)) assert.deepEqual([code, stderr], [0, ""]);
    assert.doesNotMatch((await reading).stderr, /locked/);

    const { code, stderr } = await send(host);
    assert.deepEqual([code, stderr], [0, ""]);
    const told = ntfy.accepted.flatMap(({ body }) =>
      [...String(body["message"]).matchAll(/'(user\d+)'/g)].map(([, user]) => user)
    );
    assert.deepEqual(told.sort(), [...users].sort());
  },
);
