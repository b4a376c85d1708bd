// Counts the cost of a `send` with nothing to do, which starts every minute: nothing on the disk, no Worker, no growth.

import assert from "node:assert/strict";
import { compiled } from "../../.ci/compile.ts";
import { configFor, endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import { fillQueue } from "../helpers/hook_counts.ts";
import { becomeIdle, countProcess, fillHistory } from "../helpers/idle_send.ts";

const EMPTY = "/run/empty";

endToEnd(
  "an idle send writes nothing, syncs nothing and starts no more threads than an empty program, whatever is stored",
  async (host) => {
    await host.writeConfig(configFor("stdout"));
    await Deno.copyFile(await compiled("tests/bench/empty.ts"), host.path(EMPTY));
    await shell(host, `chmod 0755 ${EMPTY}`);
    const { threads } = await countProcess(host, [EMPTY]);
    const expected = { fsyncs: 0, bytesWritten: 0, openedForWriting: [], threads };
    assert.equal((await queue(host)).code, 0);
    // A full run does all of it, so the counts see it.
    const full = await countProcess(host);
    assert.ok(full.fsyncs > 0 && full.bytesWritten > 0 && full.threads > threads, JSON.stringify(full));
    await becomeIdle(host);
    assert.deepEqual(await countProcess(host), expected);

    // The same after the queue and the history have grown.
    await fillQueue(host, 10_000);
    assert.equal((await send(host)).code, 0);
    await fillHistory(host, 100_000);
    await becomeIdle(host);
    assert.deepEqual(await countProcess(host), expected);

    assert.equal((await queue(host, { env: { PAM_USER: "bob" } })).code, 0);
    assert.match((await send(host)).stdout, /^'bob' /);
  },
);

endToEnd("send as root is refused, also if its last run was idle", async (host) => {
  await host.writeConfig(configFor("stdout"));
  assert.equal((await queue(host)).code, 0);
  await becomeIdle(host);
  const { code, stderr } = await host.run(["/usr/sbin/ssh-session-notifier", "send"]);
  assert.equal(code, 77);
  assert.match(stderr, /send must not run as root/);
});
