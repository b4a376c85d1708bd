// What `send` does with a queue in any state: with another `send`, after a kill, with a damaged database.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { ntfyLike, type Receiver } from "../helpers/receivers.ts";

const STATE = "/var/lib/ssh-session-notifier";
const QUEUE_DATABASE = `${STATE}/queue/db/session_events.db`;

/** Lists the files of `send`, without its copy of the queue database, which saves the next run some reading. */
const LIST_SEND = `ls ${STATE}/send | grep -v ^queue_copy`;

endToEnd("a dry run shows what would be sent, without changes", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  for (let times = 0; times < 2; times++) {
    const { code, stdout, stderr } = await send(host, "--dry-run");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      /^default \(ntfy\): 'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at .*\n$/,
    );
  }
  assert.equal(await shell(host, LIST_SEND), "send.lock\n");
  assert.equal(ntfy.received.length, 0);

  // With a store that already has another event.
  assert.equal((await send(host)).code, 0);
  assert.equal((await queue(host, { env: { PAM_USER: "bob" } })).code, 0);
  assert.match((await send(host, "--dry-run")).stdout, /^default \(ntfy\): 'bob' [^\n]*\n$/);
  assert.equal((await send(host)).code, 0);
  assert.equal(ntfy.accepted.length, 2);
});

/** Delays the responses of a service until they are released; `asked` resolves once there is a request. */
function heldBack(receiver: Receiver): { readonly asked: Promise<void>; readonly release: () => void } {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  receiver.intercept = async () => {
    resolve();
    await released;
    return undefined;
  };
  return { asked, release };
}

/** A `send` that waits for the response to its one request. */
async function sendHeldBack(
  host: TestHost,
  ntfy: ReturnType<typeof ntfyLike>,
): Promise<{ readonly running: Promise<Finished>; readonly release: () => void }> {
  const { asked, release } = heldBack(ntfy);
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const running = send(host);
  await asked;
  return { running, release };
}

endToEnd("two sends at once deliver each event once; the second says so and exits 0", async (host) => {
  await using ntfy = ntfyLike();
  const { running, release } = await sendHeldBack(host, ntfy);
  const second = await send(host, "--verbose");
  assert.deepEqual([second.code, second.stderr], [
    0,
    "another send is running and delivers the pending notifications\n",
  ]);
  release();
  assert.equal((await running).code, 0);
  assert.equal(ntfy.received.length, 1);
});

endToEnd("a send killed during a request leaves no files, and the next one delivers", async (host) => {
  await using ntfy = ntfyLike();
  const { running, release } = await sendHeldBack(host, ntfy);
  await shell(host, "pkill -KILL -f '[s]sh-session-notifier send'");
  assert.notEqual((await running).code, 0);
  release();
  const next = await send(host);
  assert.deepEqual([next.code, next.stderr], [0, ""]);
  // The service also accepted the first request, so it has the same message twice.
  const [request, again, ...more] = ntfy.accepted.map(({ text }) => text);
  assert.deepEqual([again, more], [request, []]);
  assert.equal(await shell(host, LIST_SEND), "deliveries.db\nsend.lock\n");
});

endToEnd(
  "a queue database that another tool has checkpointed is still read, even after the next hook",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    assert.equal((await queue(host)).code, 0);
    // As root, the last connection deletes the log when it closes.
    await shell(host, `sqlite3 ${QUEUE_DATABASE} 'SELECT count(*) FROM event'`);
    assert.equal((await shell(host, `ls ${STATE}/queue/*-wal ${STATE}/queue/*-shm 2>/dev/null | wc -l`)).trim(), "0");
    assert.deepEqual(await send(host).then(({ code, stderr }) => [code, stderr]), [0, ""]);
    assert.equal(ntfy.accepted.length, 1);
    assert.equal((await queue(host, { env: { PAM_USER: "bob" } })).code, 0);
    assert.deepEqual(await send(host).then(({ code, stderr }) => [code, stderr]), [0, ""]);
    assert.equal(ntfy.accepted.length, 2);
  },
);

endToEnd("a damaged queue database is reported, and does not delay events that were read before", async (host) => {
  await using ntfy = ntfyLike();
  const config = configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`);
  await host.writeConfig("broken");
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 78); // read, not sent
  await shell(host, `rm ${QUEUE_DATABASE}*; head -c 50000 /dev/urandom >${QUEUE_DATABASE}`);
  await host.writeConfig(config);
  const { code, stderr } = await send(host);
  assert.equal(code, 78);
  assert.match(
    stderr,
    /^error: Cannot read the queue database "\/var\/lib\/ssh-session-notifier\/queue\/db\/session_events\.db": /,
  );
  assert.equal(ntfy.accepted.length, 1);
});

endToEnd("unreadable records are reported in one notification", async (host) => {
  await host.writeConfig(configFor("stdout"));
  assert.equal((await queue(host)).code, 0);
  await shell(
    host,
    `for uuid in a b; do
       sqlite3 ${QUEUE_DATABASE} ".dbconfig no_ckpt_on_close on" "INSERT INTO event (uuid, occurred_at_ms, record) VALUES ('$uuid', 1, '{\\"type\\": \\"open\\"}')"
     done`,
  );
  const { code, stdout } = await send(host);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^2 records in the queue cannot be read .*\n'alice' .*\n$/,
  );
});

endToEnd(
  "send keeps its copy of the queue database while only the log changes, and only its user can read it",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    const copies: string[] = [];
    for (const user of ["alice", "bob", "carol"]) {
      assert.equal((await queue(host, { env: { PAM_USER: user } })).code, 0);
      await shell(
        host,
        `while [ $(stat -c %Z ${QUEUE_DATABASE}) -gt $(($(date +%s) - 4)) ]; do sleep 0.2; done`,
      );
      assert.equal((await send(host)).code, 0);
      copies.push(await shell(host, `stat -c '%U %a %i %y' ${STATE}/send/queue_copy.db`));
    }
    assert.match(copies[0] ?? "", /^ssh-session-notifier 600 /);
    assert.deepEqual(copies, [copies[0], copies[0], copies[0]]);
    for (const user of ["alice", "bob", "carol"]) {
      assert.equal(ntfy.accepted.filter(({ body }) => String(body["message"]).includes(`'${user}'`)).length, 1, user);
    }
  },
);
