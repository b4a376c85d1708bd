// What install.sh does if SELinux cannot be set up: it reports what failed and why, and installs the rest. The policy
// itself is tested in tests/vm. This machine has no SELinux, so fakes replace its tools.

import assert from "node:assert/strict";
import { endToEnd, findingsOn, shell } from "../helpers/end_to_end.ts";
import { assertAllFound } from "../helpers/findings.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

/** Makes SELinux appear enabled on the host. */
async function turnOn(host: TestHost): Promise<void> {
  await shell(host, "mount -t tmpfs tmpfs /sys/fs && mkdir /sys/fs/selinux && echo 1 >/sys/fs/selinux/enforce");
}

/** Adds fake tools to the host. `semodule` logs its calls, and has a module if /run/module exists. */
async function addTools(host: TestHost, install = "cp $file /run/module"): Promise<void> {
  const semodule = `#!/bin/sh
echo "$*" >>/run/semodule.log
case $1 in
  --install=*) file=\${1#--install=}; ${install} ;;
  --remove=*) rm /run/module ;;
  --cil) [ ! -e /run/module ] || cp /run/module ssh-session-notifier.cil ;;
esac
`;
  await Deno.writeTextFile(host.path("/usr/sbin/semodule"), semodule);
  await Deno.writeTextFile(host.path("/usr/sbin/restorecon"), '#!/bin/sh\necho "$(id -u) $*" >>/run/restorecon.log\n');
  await shell(
    host,
    "chmod 0755 /usr/sbin/semodule /usr/sbin/restorecon; install -m 0666 /dev/null /run/restorecon.log",
  );
}

/** Installs successfully, and logs in. */
async function install(host: TestHost): Promise<string> {
  const { code, stdout, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
  assert.equal(code, 0, `${stdout}${stderr}`);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  return `${stdout}${stderr}`;
}

endToEnd("install.sh loads its SELinux module once, labels its files, and removes both", async (host) => {
  await turnOn(host);
  await addTools(host);
  assert.match(await install(host), /^loaded: the SELinux module ssh-session-notifier$/m);
  const calls = await shell(host, "cat /run/restorecon.log");
  assert.match(calls, /^0 \/run\/ssh-session-notifier$/m);
  // As root, it would follow a link that the owner of the directory puts there meanwhile.
  assert.match(calls, /^[1-9]\d* -R \/var\/lib\/ssh-session-notifier\/queue$/m);
  assert.doesNotMatch(calls, /^0 -R/m);
  assert.match(await install(host), /^unchanged: the SELinux module ssh-session-notifier$/m);
  await shell(host, "echo '; an older rule' >>/run/module");
  assert.match(await install(host), /^loaded: the SELinux module/m);
  const removed = await runInstaller(host, "--uninstall");
  assert.match(removed.stdout, /^removed: the SELinux module ssh-session-notifier$/m);
  assert.equal((await host.run(["test", "-e", "/run/module"])).code, 1);
});

endToEnd("without the SELinux tools, install.sh reports that, and installs the rest", async (host) => {
  await turnOn(host);
  await shell(host, "rm -f /usr/sbin/semodule");
  assert.match(
    await install(host),
    /^warning: SELinux is on, but its tools are missing.*\n.* install policycoreutils/m,
  );
});

endToEnd("if semodule fails, or has a foreign module of that name, install.sh reports it", async (host) => {
  await turnOn(host);
  await addTools(host, "echo 'libsemanage: Read-only file system' >&2; exit 1");
  assert.match(
    await install(host),
    /Read-only file system\nwarning: the SELinux module ssh-session-notifier cannot be loaded/,
  );
  await shell(host, "echo '(type foreign_t)' >/run/module; rm /run/semodule.log");
  assert.match(
    await install(host),
    /^warning: an SELinux module named ssh-session-notifier is loaded that install\.sh did not/m,
  );
  assert.equal((await runInstaller(host, "--purge")).code, 0);
  assert.doesNotMatch(await shell(host, "cat /run/semodule.log"), /--install|--remove/);
});

endToEnd("check reports what an enforcing host lacks, based on the SELinux tools", async (host) => {
  await turnOn(host);
  await addTools(host);
  await install(host);
  await shell(
    host,
    `mkdir -p /etc/selinux/targeted/contexts/files
    echo SELINUX=enforcing >/etc/selinux/config
    printf '#!/bin/sh\necho Enforcing\n' >/usr/sbin/getenforce && chmod 0755 /usr/sbin/getenforce`,
  );
  const found = async () => (await findingsOn(host)).filter(({ area }) => area === "selinux");
  assertAllFound(await found(), [["fault selinux.module-missing", '"targeted"', "install.sh"]]);
  await shell(
    host,
    `echo '/run/ssh-session-notifier(/.*)? system_u:object_r:ssh_session_queue_t:s0' \
      >/etc/selinux/targeted/contexts/files/file_contexts
    echo '#!/bin/sh' >/usr/sbin/restorecon`,
  );
  assertAllFound(await found(), [["pass selinux.module", '"targeted"'], ["pass selinux.labels"]]);
  await shell(host, `printf '#!/bin/sh\necho Would relabel "$4" from a_t to b_t\n' >/usr/sbin/restorecon`);
  assertAllFound(await found(), [
    ["pass selinux.module"],
    ["fault selinux.labels", "1 ", ": Would relabel /usr/sbin/ssh-session-notifier from a_t to b_t"],
  ]);
  await shell(host, "rm /usr/sbin/restorecon");
  assertAllFound(await found(), [["pass selinux.module"], ["warning selinux.labels-unknown", "policycoreutils"]]);
});
