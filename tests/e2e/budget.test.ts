// Counts the cost of a login: it does not grow with the size of the queue or with parallel logins.

import assert from "node:assert/strict";
import { endToEnd, queue } from "../helpers/end_to_end.ts";
import { countHook, fillQueue, type HookCounts, QUEUE_DATABASE } from "../helpers/hook_counts.ts";
import { runParallelHooks } from "../helpers/parallel_hooks.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";

const TRACE = "/run/trace";

endToEnd(
  "with 5,000 or 100,000 events in the queue and no send, a hook costs as much as with an empty queue",
  async (host) => {
    const counted: HookCounts[] = [];
    for (const count of [0, 5_000, 100_000]) {
      await fillQueue(host, count);
      counted.push(await countHook(host));
    }
    const [none, some, many] = counted;
    assert.ok(none !== undefined && some !== undefined && many !== undefined);
    for (const { fsyncs } of counted) assert.ok(fsyncs <= 2, `${fsyncs} fsyncs`);
    // With 100,000 rows, the table and the index have two more levels each, and sometimes a page splits.
    assert.ok(some.pages <= none.pages + 8 && many.pages <= none.pages + 8, JSON.stringify(counted));
    assert.ok(many.calls <= 1.1 * none.calls, JSON.stringify(counted));
  },
);

endToEnd("a hook examines at most 200 of 2,000 invalid files in a spool", async (host) => {
  assert.equal((await queue(host)).code, 0);
  const spool = QUEUE_DATABASE.replace(/db\/[^/]*$/, "spool");
  const made = await host.run(["sh", "-c", `for file in $(seq 2000); do echo garbage >${spool}/$file.json; done`]);
  assert.equal(made.code, 0, made.stderr);
  const { code, stderr } = await queue(host, { wrapper: straceTo(TRACE) });
  assert.deepEqual([code, stderr], [0, ""]);
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  const opened = calls.filter(({ name, args }) => name === "openat" && args.includes(`"${spool}/`)).length;
  assert.ok(opened > 0 && opened <= 200, `${opened} files`);
});

endToEnd(
  "fifty hooks at once, two sends and a reader: every event is delivered once, despite locks",
  async (host) => {
    const { hooks, sends, readerSaid, users, told } = await runParallelHooks(host);
    // If a lock is held for half a second, the hook writes to the spool and reports it; nothing is lost.
    for (const { code } of hooks) assert.equal(code, 0);
    for (const { code, stderr } of sends) assert.deepEqual([code, stderr], [0, ""]);
    assert.doesNotMatch(readerSaid, /locked/);
    assert.deepEqual([...told].sort(), [...users].sort());
  },
);
