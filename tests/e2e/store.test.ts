// Faults of the store and the queue, and their repair, on a real host with the real paths and users.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const STATE = "/var/lib/ssh-session-notifier";
const QUEUE_DATABASE = `${STATE}/queue/db/session_events.db`;
const BINARY = "/usr/sbin/ssh-session-notifier";

async function repair(host: TestHost, ...flags: string[]): Promise<Finished> {
  return await host.run([BINARY, "repair", ...flags]);
}

async function login(host: TestHost, user: string): Promise<void> {
  const { code, stderr } = await queue(host, { env: { PAM_USER: user } });
  assert.equal(code, 0, stderr);
}

/** The users in the received notifications, in order. */
function heardOf({ accepted }: ReturnType<typeof ntfyLike>): string[] {
  return accepted.flatMap(({ body }) => /'([^']+)'/.exec(String(body["message"]))?.[1] ?? []);
}

/** One line with the error, and one with a hint. */
function assertOneClearLine({ code, stdout, stderr }: Finished, expected: { code: number; says: RegExp }): void {
  assert.deepEqual([code, stdout], [expected.code, ""], stderr);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 2, stderr);
  assert.match(lines[0] ?? "", expected.says);
  assert.match(lines[1] ?? "", /^hint: /);
}

endToEnd("send reports a full disk, loses nothing, and continues once there is room", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const fill = `cat /dev/zero >${STATE}/send/filler 2>/dev/null; sync`;
  await shell(
    host,
    `mount -t tmpfs -o size=4m,mode=0700,uid=$(id -u ssh-session-notifier),gid=$(id -g ssh-session-notifier) tmpfs ` +
      `${STATE}/send && ${fill}`,
  );
  await login(host, "alice");
  // Without a store, and even without a lock.
  assertOneClearLine(await send(host), {
    code: 75,
    says: /^error: .*"\/\S+\/send\S*".*(full|No space left).* \[store\.unavailable\]$/,
  });
  await shell(host, `rm ${STATE}/send/filler`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["alice"]);
  // With a store.
  await shell(host, fill);
  await login(host, "bob");
  assertOneClearLine(await send(host), {
    code: 75,
    says: /^error: .*deliveries\.db": .*(full|disk I\/O).* \[store\.unavailable\]$/,
  });
  assert.deepEqual(heardOf(ntfy), ["alice"]);
  await shell(host, `rm ${STATE}/send/filler`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["alice", "bob"]);
  // With a damaged store, and no room to restore its backup.
  await shell(host, `cp -p ${STATE}/send/deliveries.db ${STATE}/send/deliveries.backup.db`);
  await shell(host, `dd if=/dev/zero of=${STATE}/send/deliveries.db bs=100 count=1 conv=notrunc 2>&1; ${fill}`);
  await login(host, "carol");
  const damaged = await send(host);
  assert.equal(damaged.code, 75, damaged.stderr);
  await shell(host, `rm ${STATE}/send/filler`);
  const mended = await send(host);
  assert.equal(mended.code, 0, mended.stderr);
  assert.deepEqual(heardOf(ntfy), ["alice", "bob", "carol"]);
});

endToEnd("send reports a read-only disk, and loses nothing", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  await login(host, "alice");
  assert.equal((await send(host)).code, 0);
  await login(host, "bob");
  await shell(host, `mount --bind ${STATE}/send ${STATE}/send && mount -o remount,bind,ro ${STATE}/send`);
  const readOnly = await send(host);
  assertOneClearLine(readOnly, { code: 78, says: /^error: .*send".*: .*[Rr]ead-only.* \[state\.unusable\]$/ });
  assert.match(readOnly.stderr, /hint: check dmesg for disk errors, .* remount it read-write/);
  await shell(host, `umount ${STATE}/send && chown root ${STATE}/send/deliveries.db`);
  assertOneClearLine(await send(host), { code: 78, says: /^error: .*deliveries\.db": .* \[store\.refused\]$/ });
  // A file mode that it can fix itself.
  await shell(
    host,
    `chown ssh-session-notifier ${STATE}/send/deliveries.db* && chmod 0400 ${STATE}/send/deliveries.db*`,
  );
  const { code, stderr } = await send(host);
  assert.equal(code, 0, stderr);
  assert.deepEqual(heardOf(ntfy), ["alice", "bob"]);
});

endToEnd("the next run restores a damaged store from its daily backup, and sends each event once", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const store = `${STATE}/send/deliveries.db`;
  await login(host, "alice");
  assert.equal((await send(host)).code, 0);
  // A day later.
  await shell(host, `sqlite3 ${store} 'UPDATE store SET elapsed_ms = 86400000'`);
  assert.equal((await send(host)).code, 0);
  assert.equal(
    (await shell(host, `stat -c '%U %a' ${STATE}/send/deliveries.backup.db`)).trim(),
    "ssh-session-notifier 600",
  );
  await login(host, "bob");
  await shell(host, `dd if=/dev/urandom of=${store} bs=100 count=1 conv=notrunc 2>&1`);
  const preview = await send(host, "--dry-run");
  assertOneClearLine(preview, { code: 75, says: / \[store\.damaged\]$/ });
  const { code, stderr } = await send(host);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^error: the store ".*deliveries\.db" is damaged: .*; moved to ".*\/damaged-\w+"/m);
  assert.match(stderr, /^warning: restored the store from its backup of \d{4}-/m);
  assert.deepEqual(heardOf(ntfy), ["alice", "bob"]);
  assert.deepEqual([(await send(host)).stderr, heardOf(ntfy).length], ["", 2]);
  // On the first day, without a backup: what was delivered is sent once more.
  await shell(host, `rm ${STATE}/send/deliveries.backup.db; head -c 40960 /dev/urandom >${store}`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["alice", "bob", "alice", "bob"]);
  assert.match(String(ntfy.accepted[2]?.body["message"]), /possible repeat|may be a repeat|repeat/i);
});

endToEnd("events that the database refuses are sent from the spool, and repair fixes the database", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  await login(host, "alice");
  // A foreign schema, which neither the hook nor send accepts.
  await shell(host, `sqlite3 ${QUEUE_DATABASE} 'CREATE INDEX foreign_index ON event (record)'`);
  await shell(host, `chown ssh-session-queue:ssh-session-queue ${QUEUE_DATABASE}*`);
  await login(host, "bob");
  const first = await send(host);
  assert.equal(first.code, 78);
  assert.match(first.stderr, /^error: Cannot read the queue database/m);
  assert.deepEqual(heardOf(ntfy), ["bob"]);

  const repaired = await repair(host);
  assert.deepEqual([repaired.code, repaired.stderr], [0, ""]);
  assert.match(repaired.stdout, /^the queue database is damaged: /m);
  const folder = /^moved the database to "(.*)"$/m.exec(repaired.stdout)?.[1] ?? "";
  // The new directory must not belong to root.
  assert.equal(
    (await shell(host, `stat -c '%U:%G %a' ${folder}`)).trim(),
    "ssh-session-queue:ssh-session-queue 2750",
  );
  await login(host, "carol");
  assert.equal((await shell(host, `ls ${STATE}/queue/spool | wc -l`)).trim(), "0");
  await shell(host, "sleep 11");
  const second = await send(host);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /^warning: recovered 1 new event from the damaged queue database/m);
  assert.deepEqual(heardOf(ntfy).sort(), ["alice", "bob", "carol"]);
  assert.equal((await repair(host)).stdout, "the queue database is not damaged\n");
});

endToEnd("repair follows no link that the user of queue has created, and writes nowhere else", async (host) => {
  await login(host, "alice");
  const before = await shell(
    host,
    "cat /etc/shadow /etc/passwd; stat -c '%a %U %n' /etc /etc/shadow /etc/passwd /root",
  );
  for (
    const [name, target] of [["db/session_events.db", "/etc/shadow"], ["spool", "/etc"], [
      "db/session_events.db-wal",
      "/root/x",
    ]]
  ) {
    const plant = `rm -rf ${STATE}/queue/${name} && ln -s ${target} ${STATE}/queue/${name}`;
    await shell(host, `setpriv --reuid=ssh-session-queue --regid=ssh-session-queue --clear-groups sh -c '${plant}'`);
  }
  // A link in place of the new directory, too.
  await shell(host, `ln -s /etc ${STATE}/queue/old_database`);
  const { code, stderr } = await repair(host);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    await shell(host, "cat /etc/shadow /etc/passwd; stat -c '%a %U %n' /etc /etc/shadow /etc/passwd /root"),
    before,
  );
  assert.equal((await host.run(["test", "-e", "/root/x"])).code, 1);
  await login(host, "bob");
  assert.equal((await shell(host, `sqlite3 ${QUEUE_DATABASE} 'SELECT count(*) FROM event'`)).trim(), "1");
});

endToEnd("repair needs root, and refuses a queue that belongs to root", async (host) => {
  await login(host, "alice");
  const refused = await host.run([BINARY, "repair"], { user: "ssh-session-notifier" });
  assertOneClearLine(refused, { code: 77, says: / \[command\.not-permitted\]$/ });
  await shell(host, `chown root ${STATE}/queue`);
  assertOneClearLine(await repair(host), { code: 78, says: / \[users\.queue-unusable\]$/ });
});

endToEnd("unsent events of the Go program are sent, and its database is renamed", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(
    configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`, `[allowlist]\nips = ["192.0.2.1"]`),
  );
  await shell(
    host,
    `sqlite3 ${STATE}/send/legacy.db "
      CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (1);
      CREATE TABLE session_events (id INTEGER PRIMARY KEY, event_type TEXT, user TEXT, remote_host TEXT, terminal TEXT,
        service TEXT, session_datetime TEXT, locked_at TEXT);
      INSERT INTO session_events VALUES
        (1, 'open_session', 'alice', '203.0.113.7', 'ssh', 'sshd', '2026-11-23T11:13:32.5+13:00', NULL),
        (2, 'open_session', 'bob', '192.0.2.1', 'ssh', 'sshd', '2026-11-22 22:13:33', NULL),
        (3, 'close_session', 'alice', '203.0.113.7', 'ssh', 'sshd', '2026-11-22 22:14:00', '2026-11-22 22:14:01')
    "; chown ssh-session-notifier: ${STATE}/send/legacy.db; chmod 0600 ${STATE}/send/legacy.db`,
  );
  assert.match((await send(host, "--dry-run")).stdout, /'alice' .* logged in/);
  const { code, stderr } = await send(host);
  assert.equal(code, 0, stderr);
  assert.deepEqual(heardOf(ntfy), ["alice", "alice"]);
  assert.match(String(ntfy.accepted[0]?.body["message"]), /2026-11-23 11:13:32\+13:00/);
  assert.deepEqual((await shell(host, `ls ${STATE}/send`)).trim().split("\n"), [
    "deliveries.db",
    "legacy.taken.db",
    "send.lock",
  ]);
  assert.equal((await send(host)).stderr, "");
  assert.equal(ntfy.accepted.length, 2);
});
