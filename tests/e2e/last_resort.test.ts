// A login for which the hook cannot run is still notified: pam_exec writes its environment to a file, without our
// program. Uses real logins, and real limits of memory and processes.

import assert from "node:assert/strict";
import { configFor, endToEnd, send, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const UNRECORDED = "/run/ssh-session-notifier/unrecorded";
const LOG_IN = /^.*'(\w+)' \(127\.0\.0\.1\) logged in .*$/gm;
const COULD_NOT_RUN = /hook could not run/;

function lastResort(name: string, test: (host: TestHost) => Promise<void>): void {
  endToEnd(name, async (host) => {
    const { code, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
    assert.equal(code, 0, stderr);
    await host.writeConfig(configFor("stdout"));
    await test(host);
  }, { pamSessionFirst: [] });
}

/** Logs in while the hook cannot run; the user must not notice. */
async function logIn(host: TestHost, user = "alice"): Promise<void> {
  const { code, stdout, stderr } = await host.ssh(user, { auth: "key", command: "echo in" });
  assert.deepEqual([code, stdout], [0, "in\n"], `${stderr}${await host.readSshdLog()}`);
  await host.loggedOut();
}

/** The notifications of two runs of `send`, without duplicates. */
async function notified(host: TestHost): Promise<string> {
  const runs = [await send(host), await send(host)];
  assert.deepEqual(runs.map(({ code }) => code), [0, 0], runs.map(({ stderr }) => stderr).join());
  return runs.map(({ stdout }) => stdout).join("");
}

function users(text: string): string[] {
  return [...text.matchAll(LOG_IN)].map(([, user = ""]) => user);
}

lastResort("where the hook runs, nothing is written to the file of the last resort", async (host) => {
  await logIn(host);
  assert.equal(await shell(host, `stat -c %s ${UNRECORDED}`), "0\n");
  const text = await notified(host);
  assert.deepEqual(users(text), ["alice"]);
  assert.doesNotMatch(text, COULD_NOT_RUN);
});

for (
  const [what, spoil] of Object.entries({
    "missing": `mv ${BINARY} /root/binary`,
    "cut off": `mv ${BINARY} /root/binary && head -c 1000000 /root/binary >${BINARY} && chmod 2755 ${BINARY}`,
  })
) {
  lastResort(
    `a login is notified once where the binary is ${what}, and check and status report a fault`,
    async (host) => {
      await shell(host, spoil);
      await logIn(host, "alice");
      await logIn(host, "bob");
      await shell(
        host,
        `rm -f ${BINARY}; cp -p /root/binary ${BINARY}; chgrp ssh-session-notifier ${BINARY}; chmod 2750 ${BINARY}`,
      );
      const text = await notified(host);
      assert.deepEqual(users(text).sort(), ["alice", "bob"]);
      assert.equal(text.match(new RegExp(COULD_NOT_RUN, "g"))?.length, 2, text);
      const [check, status, history] = await Promise.all(
        ["check", "status", "history"].map((command) => host.run([BINARY, command])),
      );
      assert.equal(check?.code, 78);
      assert.match(check?.stdout ?? "", /^fault +hook\.did-not-run /m);
      assert.match(status?.stdout ?? "", COULD_NOT_RUN);
      assert.match(history?.stdout ?? "", COULD_NOT_RUN);
      // Even as root, it reads only files that the user of send can read.
      assert.equal(await shell(host, `stat -c '%U %a' ${UNRECORDED}`), "root 640\n");
    },
  );
}

/** A control group of cgroup v1 or v2 that contains sshd; `$group` is its folder. */
const inGroup = (kind: "memory" | "pids", script: string) => `
  group=/sys/fs/cgroup/${kind}
  if [ ! -d $group ]; then
    group=/run/test-host/cgroup
    mkdir -p $group; mount -t cgroup2 cgroup2 $group 2>/dev/null
    echo +${kind} >$group/cgroup.subtree_control
  fi
  find $group -mindepth 1 -maxdepth 1 -name 'ssh-session-notifier-test.*' -mmin +10 -exec rmdir {} + 2>/dev/null
  root=$group; group=$(mktemp -d $group/ssh-session-notifier-test.XXXXXX)
  echo "$root $group" >/run/test-host/group
  cat /run/test-host/sshd.pid >$group/cgroup.procs
  ${script}`;

const LEAVE_GROUP = `read -r root group </run/test-host/group
  for pid in $(cat $group/cgroup.procs); do echo $pid >$root/cgroup.procs; done; rmdir $group`;

/** The children of sshd need about 8 MB, the hook more than 20. */
const LIMIT_MEMORY = inGroup(
  "memory",
  `if [ -e $group/memory.limit_in_bytes ]; then
    echo 0 >$group/memory.swappiness; echo 12M >$group/memory.limit_in_bytes
  else
    echo 0 >$group/memory.swap.max; echo 12M >$group/memory.max
  fi`,
);

lastResort("a login is notified once where the kernel ends the hook for want of memory", async (host) => {
  await shell(host, LIMIT_MEMORY);
  await logIn(host);
  await shell(host, LEAVE_GROUP);
  const text = await notified(host);
  assert.deepEqual(users(text), ["alice"]);
  assert.match(text, COULD_NOT_RUN);
});

lastResort("every login that succeeds is notified once, however few processes are free", async (host) => {
  await shell(host, inGroup("pids", ":"));
  let succeeded = 0;
  for (let free = 2; free <= 6; free++) {
    await shell(
      host,
      `read -r _ group </run/test-host/group; echo $(($(cat $group/pids.current) + ${free})) >$group/pids.max`,
    );
    const { code } = await host.ssh("alice", { auth: "key", extraSshOptions: ["-oConnectTimeout=20"] });
    await host.loggedOut();
    if (code === 0) succeeded++;
  }
  await shell(host, LEAVE_GROUP);
  assert.ok(succeeded > 0, await host.readSshdLog());
  // A hook that failed late may already have recorded the event.
  const text = await notified(host);
  const names = users(text);
  assert.ok(names.length >= succeeded && names.length <= 5, `${succeeded} logins: ${text}`);
});
