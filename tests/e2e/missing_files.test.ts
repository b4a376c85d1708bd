// No user is locked out: if any of our files is missing, every login succeeds, with a key and with a password.

import assert from "node:assert/strict";
import { endToEnd, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const NAME = "ssh-session-notifier";
/** The files that install.sh creates; the lines in sshd's own PAM file are not included. */
const INSTALLED =
  `find /etc /run /usr/sbin /usr/share /var/lib -xdev -depth -path '*${NAME}*' ! -path '/run/test-host*'`;

async function assertLogins(host: TestHost, what: string): Promise<void> {
  for (const auth of ["key", "password"] as const) {
    const { code, stdout, stderr } = await host.ssh("alice", { auth, command: "echo in" });
    assert.deepEqual([code, stdout, stderr], [0, "in\n", ""], `${auth}: ${what}`);
  }
}

endToEnd("if any installed file or all of them are missing, every login succeeds", async (host) => {
  const { code, stderr } = await runInstaller(host, "--pam");
  assert.equal(code, 0, stderr);
  // So that the database exists too.
  await assertLogins(host, "nothing is missing");
  await host.loggedOut();
  const paths = (await shell(host, INSTALLED)).trim().split("\n");
  const named = (await shell(host, `grep -o '/[^ ]*${NAME}[^ ]*' /etc/pam.d/sshd | sort -u`)).trim().split("\n");
  assert.ok(paths.length > 15, paths.join("\n"));
  assert.deepEqual(named.filter((path) => !paths.includes(path)), []);
  // One of the parts that no login uses is enough.
  const relevant = paths.filter((path) => !path.startsWith("/usr/share/"));
  for (const path of relevant) {
    await shell(host, `mkdir -p /root/taken && mv ${path} /root/taken/it`);
    await assertLogins(host, path);
    await host.loggedOut();
    // A hook may have created it again.
    await shell(host, `rm -rf ${path} && mv /root/taken/it ${path}`);
  }
  for (const path of ["/etc/ssh-session-notifier/pam_env_last.conf", "/etc/ssh-session-notifier/pam_env_retry.conf"]) {
    await shell(host, `cp -p ${path} /root/taken/it; head -c 5000 /dev/urandom >${path}`);
    await assertLogins(host, `${path} is broken`);
    await shell(host, `: >${path}`);
    await assertLogins(host, `${path} is empty`);
    await shell(host, `rm ${path}; mkdir ${path}`);
    await assertLogins(host, `${path} is a folder`);
    await shell(host, `rmdir ${path}; mv /root/taken/it ${path}`);
  }
  await shell(host, `rm -rf ${paths.join(" ")}`);
  await assertLogins(host, "all");
  await shell(host, `userdel ssh-session-queue; userdel ${NAME}`);
  await assertLogins(host, "the users too");
  await host.loggedOut();

  // The README's advice for a console: one command removes the lines.
  await shell(host, `sed -i /${NAME}/d /etc/pam.d/sshd`);
  assert.equal(await shell(host, `grep -c ${NAME} /etc/pam.d/sshd || true`), "0\n");
  await assertLogins(host, "the lines too");
}, { pamSessionFirst: [] });
