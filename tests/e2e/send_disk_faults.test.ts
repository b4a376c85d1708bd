// `send` with a failing or full disk, and with a queue whose owner denies it access: nothing is lost, known events are
// still delivered, and the reported error is correct.

import assert from "node:assert/strict";
import { configFor, endToEnd, findingsOn, queue, send, shell } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const STATE = "/var/lib/ssh-session-notifier";
const SPOOLED = "0b5b6e9c-3d0f-4f0e-9a57-6f1f5d1f2a11";

async function login(host: TestHost, user: string): Promise<void> {
  const { code, stderr } = await queue(host, { env: { PAM_USER: user } });
  assert.equal(code, 0, stderr);
}

/** The users in the notifications since the last call, in order. */
function heardOf({ received }: ReturnType<typeof ntfyLike>): string[] {
  const accepted = received.splice(0).filter(({ status }) => status === 200);
  return accepted.flatMap(({ body }) => /'([^']+)'/.exec(String(body["message"]))?.[1] ?? []);
}

endToEnd("send without room for its copy of the queue delivers known events, and exits with 75", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  await login(host, "alice");
  const [uid, gid] = ["u", "g"].map((kind) => `${kind}id=$(id -${kind} ssh-session-notifier)`);
  await shell(host, `mount -t tmpfs -o size=2m,mode=0700,${uid},${gid} tmpfs ${STATE}/send`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["alice"]);

  // More than fits there.
  await shell(
    host,
    `sqlite3 ${STATE}/queue/db/session_events.db "INSERT INTO event (uuid, record) VALUES ('long', hex(randomblob(2097152)))"`,
  );
  await login(host, "bob");
  const spooled = JSON.stringify(sessionEvent({ uuid: SPOOLED, user: "carol", occurredAtMs: Date.now() }));
  await shell(host, `printf %s '${spooled}' >${STATE}/queue/spool/${SPOOLED}.json`);
  const { code, stdout, stderr } = await send(host);
  assert.deepEqual([code, stdout], [75, ""], stderr);
  assert.match(stderr, /^error: Cannot read the queue database ".*": cannot write its copy ".*": No space left /m);
  assert.deepEqual(heardOf(ntfy), ["carol"]);
  await shell(host, `test ! -e ${STATE}/send/queue_copy.db`);

  await shell(host, `mount -o remount,size=20m ${STATE}/send`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["bob"]);
});

endToEnd("send exits with 75 if the disk has no free inodes, as on a full disk", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const [uid, gid] = ["u", "g"].map((kind) => `${kind}id=$(id -${kind} ssh-session-notifier)`);
  await shell(host, `mount -t tmpfs -o nr_inodes=20,mode=0700,${uid},${gid} tmpfs ${STATE}/send`);
  assert.equal((await send(host)).code, 0);
  await login(host, "alice");
  await shell(host, `! touch $(seq -f ${STATE}/send/%g 20) 2>/dev/null`);
  const { code, stderr } = await send(host);
  assert.equal(code, 75, stderr);
  assert.match(stderr, /^error: .* \[store\.unavailable\]$/m);
  await shell(host, `rm ${STATE}/send/[0-9]*`);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(heardOf(ntfy), ["alice"]);
});

endToEnd("send prints a hint if one of its paths is something else", async (host) => {
  await host.writeConfig(configFor("stdout"));
  const cases: readonly { put: string; back: string; says: RegExp; hint: RegExp }[] = [
    {
      put: `mv ${STATE} /run/moved && ln -s /run/moved ${STATE}`,
      back: `rm ${STATE} && mv /run/moved ${STATE}`,
      says: /^error: .*"\/run\/moved\/.*" \[store\.outside-sandbox\]$/m,
      hint: /symbolic link, .*mount --bind/,
    },
    {
      put:
        `rm -f ${STATE}/send/send.lock && mkfifo ${STATE}/send/send.lock && chown ssh-session-notifier ${STATE}/send/send.lock`,
      back: `rm ${STATE}/send/send.lock`,
      says: /^error: .*"\S+send\.lock" .* \[state\.unusable\]$/m,
      hint: /install\.sh/,
    },
  ];
  for (const { put, back, says, hint } of cases) {
    await shell(host, put);
    const { code, stderr } = await send(host);
    assert.equal(code, 78, stderr);
    assert.match(stderr, says);
    assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", hint);
    await shell(host, back);
  }
  assert.equal((await send(host)).code, 0);
});

endToEnd("files that the user of queue makes inaccessible to send delay nothing else", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const asQueue = (script: string) =>
    host.run([
      "setpriv",
      "--reuid=ssh-session-queue",
      "--regid=ssh-session-queue",
      "--clear-groups",
      "sh",
      "-c",
      script,
    ]);
  const folder = `${STATE}/queue/damaged-20260101T000000Z`;
  const spool = `${STATE}/queue/spool`;
  const cases: readonly { shut: string; code: number; says: RegExp }[] = [
    { shut: `mkdir -m 0 ${folder}`, code: 0, says: /^error: cannot read the damaged queue database in .*denied/ },
    { shut: `mkdir -m 0740 ${folder}-2`, code: 0, says: /^error: cannot read the damaged queue database in .*denied/ },
    {
      shut: `touch ${spool}/a.json ${spool}/b.json; chmod 0740 ${spool}`,
      code: 78,
      says: /^error: Cannot read the spool/m,
    },
  ];
  for (const { shut, code, says } of cases) {
    await login(host, "alice");
    assert.equal((await asQueue(shut)).code, 0);
    const sent = await send(host);
    assert.equal(sent.code, code, `${shut}: ${sent.stderr}`);
    assert.match(sent.stderr, says, shut);
    assert.equal(sent.stderr.match(says)?.length, 1);
    assert.deepEqual(heardOf(ntfy), ["alice"], shut);
    const status = await host.run(["/usr/sbin/ssh-session-notifier", "status"]);
    assert.equal(status.code, 0, `${shut}: ${status.stderr}`);
  }
});

/** System calls of `send` that fail, and their errors. `-P` limits them to its own files. */
const FAULTS: readonly (readonly [call: string, error: string, numbers: readonly number[]])[] = [
  ["statx", "EIO", [1, 2, 4, 8, 12]],
  ["openat", "EIO", [1, 2, 4, 6]],
  ["flock", "ENOLCK", [1]],
  ["write", "ENOSPC", [1, 2]],
  ["pwrite64", "EDQUOT", [1, 40, 80, 120]],
  ["fsync", "EIO", [1, 4, 8]],
  ["ftruncate", "EIO", [1]],
];

endToEnd("a disk that fails at any call of send is reported as such, and no event is lost", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  await login(host, "alice");
  await login(host, "bob");
  await shell(host, `rm -rf /run/before; cp -a ${STATE} /run/before; mkdir -m 1777 /run/traces`);
  const files = ["deliveries.db", "deliveries.db-wal", "deliveries.db-shm", "send.lock", "queue_copy.db", ""];
  const paths = files.flatMap((name) => ["-P", `${STATE}/send${name === "" ? "" : `/${name}`}`]);
  let faults = 0;
  for (const [call, error, numbers] of FAULTS) {
    for (const number of numbers) {
      const place = `${error} at call ${number} of ${call}`;
      await shell(host, `rm -rf ${STATE}/queue ${STATE}/send; cp -a /run/before/. ${STATE}/`);
      const inject = `--inject=${call}:error=${error}:when=${number}`;
      const first = await sendUnder(host, ["strace", "-qq", "-f", "-o", "/run/traces/trace", ...paths, inject]);
      if (!(await Deno.readTextFile(host.path("/run/traces/trace"))).includes("(INJECTED)")) continue;
      faults++;
      assert.ok([0, 75].includes(first.code), `${place}: ${first.code}: ${first.stderr}`);
      assert.doesNotMatch(first.stderr, /internal error|defect/, place);
      const next = await send(host);
      assert.equal(next.code, 0, `${place}: ${next.stderr}`);
      const heard = heardOf(ntfy);
      for (const user of ["alice", "bob"]) {
        const times = heard.filter((name) => name === user).length;
        assert.ok(times === 1 || (times === 2 && first.code !== 0), `${place}: ${user} was heard of ${times} times`);
      }
    }
  }
  assert.ok(faults >= 15, `${faults} faults`);
});

endToEnd("send that cannot read the configuration from the disk leaves the work to the next run", async (host) => {
  await host.writeConfig(configFor("stdout"));
  await login(host, "alice");
  await shell(host, "mkdir -m 1777 /run/traces");
  const onConfig = ["-P", "/etc/ssh-session-notifier/config.toml", "--inject=openat:error=EIO"];
  const failed = await sendUnder(host, ["strace", "-qq", "-f", "-o", "/run/traces/trace", ...onConfig]);
  assert.equal(failed.code, 75, failed.stderr);
  assert.match(failed.stderr, /^error: .*config\.toml": Input\/output error.* \[config\.read-error\]$/m);
  const next = await send(host);
  assert.match(next.stdout, /'alice'/);
});

endToEnd(
  "a part of a damaged queue that the disk cannot read is read once the database changes, and does not hide the rest",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    const folder = `${STATE}/queue/damaged-20260101T000000Z`;
    for (const user of ["alice", "bob"]) await login(host, user);
    // In the database, without a log.
    await shell(
      host,
      `cd ${STATE}/queue && sqlite3 db/session_events.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null &&
       mv db ${folder} && rm -f ${folder}/session_events.db-* && touch -d '1 hour ago' ${folder}/session_events.db &&
       install -d -o ssh-session-queue -g ssh-session-queue -m 2750 db`,
    );
    await login(host, "carol");
    await shell(host, `cp -a ${STATE} /run/before; mkdir -m 1777 /run/traces`);
    // The first read fails, then that of the first page: nothing can be read. Then also the next page, and so on.
    for (const bad of [1, 2, 3]) {
      const part = `${bad} bad pages`;
      await shell(host, `rm -rf ${STATE}/queue ${STATE}/send; cp -a /run/before/. ${STATE}/`);
      const database = ["-P", `${folder}/session_events.db`, `--inject=read:error=EIO:when=1..${bad + 1}`];
      const sent = await sendUnder(host, ["strace", "-qq", "-f", "-o", "/run/traces/trace", ...database]);
      assert.match(await Deno.readTextFile(host.path("/run/traces/trace")), /\(INJECTED\)/, part);
      assert.equal(sent.code, 0, `${part}: ${sent.stderr}`);
      const says = /^error: cannot read (all of )?the damaged queue .*; send reads it again if it changes$/m;
      assert.match(sent.stderr, says, part);
      assert.ok(heardOf(ntfy).includes("carol"), part);
      assertFound(await findingsOn(host), ["warning queue.damaged-unread", folder, "Input/output error"]);
      const { code, stderr } = await send(host);
      assert.deepEqual([code, stderr], [0, ""], part);
      await shell(host, `touch -d '2 hours ago' ${folder}/session_events.db`);
      const next = await send(host);
      assert.equal(next.code, 0, `${part}: ${next.stderr}`);
      assert.match(next.stderr, /^warning: recovered 2 new events from the damaged queue/m, part);
      assert.ok((await findingsOn(host)).every(({ id }) => id !== "queue.damaged-unread"), part);
      const known = await host.run(["sqlite3", `${STATE}/send/deliveries.db`, "SELECT count(*) FROM event"]);
      assert.equal(known.stdout.trim(), "3", part);
    }
  },
);

async function sendUnder(host: TestHost, wrapper: readonly string[]): Promise<Finished> {
  return await host.run([...wrapper, "/usr/sbin/ssh-session-notifier", "send"], {
    user: "ssh-session-notifier",
    env: { PATH: "/usr/bin:/bin" },
    clearEnv: true,
  });
}
