// install.sh as root, on hosts with a real sshd: what it creates, what it leaves, and that logins always work.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/checkout.ts";
import { endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const NAME = "ssh-session-notifier";
const STATE = `/var/lib/${NAME}`;
const DATABASE = `${STATE}/queue/db/session_events.db`;

/** A host without a hook, so that install.sh adds it. */
const BARE = { pamSessionFirst: [] };

async function install(host: TestHost, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInstaller(host, ...flags);
  assert.equal(code, 0, `${stdout}${stderr}`);
  return stdout;
}

/** Removes what the test helper installed on the host. */
async function makeBare(host: TestHost): Promise<void> {
  await shell(
    host,
    `userdel ${NAME} && userdel ssh-session-queue && rm -rf ${STATE} /etc/${NAME} /usr/sbin/${NAME} /run/${NAME}`,
  );
}

/** The host's user accounts and PAM files. */
async function accounts(host: TestHost): Promise<string> {
  return await shell(
    host,
    "for file in passwd group shadow gshadow; do ! test -e /etc/$file || sort /etc/$file; done; grep -r '' /etc/pam.d | sort",
  );
}

endToEnd("install.sh creates users and files on a bare host, and --purge restores its original state", async (host) => {
  await makeBare(host);
  const before = await accounts(host);
  const files =
    `find /etc /run /usr/sbin /usr/share /usr/lib/*.d /usr/lib/systemd /var/lib -xdev -path /run/test-host -prune -o -name '*${NAME}*' -print | sort`;
  const filesBefore = await shell(host, files);
  await install(host, "--pam");

  const users = await shell(host, `getent passwd ssh-session-queue ${NAME}`);
  for (const line of users.trim().split("\n")) {
    assert.match(line, /^\S+:x:\d+:\d+::\/nonexistent:\/usr\/sbin\/nologin$/);
  }
  assert.equal(
    await shell(host, `id -Gn ssh-session-queue; id -Gn ${NAME}`),
    `ssh-session-queue\n${NAME} ssh-session-queue\n`,
  );
  const found = await shell(
    host,
    `find ${STATE} /etc/${NAME} /usr/sbin/${NAME} /etc/cron.d/${NAME} /run/${NAME} \\
       -printf '%u:%g %m %p\n'
     find /usr/share /usr/lib/*.d /usr/sbin -path '*${NAME}*' ! -path /usr/sbin/${NAME} -printf '%u:%g %m %p\n'`,
  );
  const listed = found.trim().split("\n").filter((line) => !line.includes("/backup/")).sort();
  assert.deepEqual(
    listed,
    [
      `root:root 644 /etc/cron.d/${NAME}`,
      `root:root 644 /usr/lib/sysusers.d/${NAME}.conf`,
      `root:root 644 /usr/lib/tmpfiles.d/${NAME}.conf`,
      `root:root 755 /usr/sbin/${NAME}-pam`,
      `root:root 755 /usr/share/${NAME}`,
      ...["config.toml", "cron", "grafana.json", "pam_first", "pam_last", `${NAME}.cil`, `${NAME}.rules.yml`].map((
        name,
      ) => `root:root 644 /usr/share/${NAME}/${name}`),
      `root:root 644 /etc/${NAME}/pam_env_last.conf`,
      `root:root 644 /etc/${NAME}/pam_env_retry.conf`,
      `root:root 700 /etc/${NAME}/backup`,
      `root:${NAME} 2750 /usr/sbin/${NAME}`,
      `root:${NAME} 640 /etc/${NAME}/config.toml`,
      `root:${NAME} 750 /etc/${NAME}`,
      `root:${NAME} 751 ${STATE}`,
      `ssh-session-queue:ssh-session-queue 2750 ${STATE}/queue`,
      `ssh-session-queue:ssh-session-queue 2750 ${STATE}/queue/db`,
      `ssh-session-queue:ssh-session-queue 2750 ${STATE}/queue/spool`,
      `root:ssh-session-queue 750 /run/${NAME}`,
      `ssh-session-queue:ssh-session-queue 2750 /run/${NAME}/spool`,
      `root:ssh-session-queue 640 /run/${NAME}/unrecorded`,
      `${NAME}:${NAME} 700 ${STATE}/send`,
      `root:root 644 /usr/share/bash-completion/completions/${NAME}`,
      `root:root 644 /usr/share/fish/vendor_completions.d/${NAME}.fish`,
      `root:root 644 /usr/share/man/man5/${NAME}.toml.5`,
      `root:root 644 /usr/share/man/man7/${NAME}-security.7`,
      `root:root 644 /usr/share/man/man8/${NAME}.8`,
      `root:root 644 /usr/share/zsh/site-functions/_${NAME}`,
      `root:root 644 /usr/share/zsh/vendor-completions/_${NAME}`,
    ].sort(),
  );

  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  const { code, stdout, stderr } = await send(host);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.match(/'alice'/g)?.length, 2, stdout);

  const purged = await runInstaller(host, "--purge");
  assert.equal(purged.code, 0, purged.stderr);
  assert.equal(purged.stderr, "");
  assert.equal(await accounts(host), before);
  assert.equal(await shell(host, files), filesBefore);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
}, BARE);

endToEnd("after the README's installation steps, check prints what tests/testdata/check.txt contains", async (host) => {
  await makeBare(host);
  await install(host, "--pam", "--fix-pam-env");
  await host.writeConfig(`[notification]\nservice = "stdout"\n`);
  await shell(host, `${NAME} test`);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  assert.equal((await send(host)).code, 0);

  // The README shows some lines of it.
  const sample = await Deno.readTextFile(`${ROOT}/tests/testdata/check.txt`);
  // Ignore what differs between hosts: the scheduler, times and line numbers.
  const comparable = (text: string) =>
    text.replaceAll(/:\d+\)|\d+ s ago/g, "…").split("\n").map((line) => line.trim())
      .filter((line) => !/\.timer|\.path|cron/.test(line));
  assert.deepEqual(comparable(await shell(host, `${NAME} check`)), comparable(sample));
}, BARE);

endToEnd("an upgrade moves the queue database of an earlier release, and loses no event of it", async (host) => {
  await install(host, "--pam");
  await host.writeConfig(`[notification]\nservice = "stdout"\n`);
  const steps = { "not begun": ":", "killed after a step": "mkdir old_database; mv session_events.db old_database" };
  for (const [what, step] of Object.entries(steps)) {
    assert.equal((await queue(host, { env: { PAM_USER: "alice" } })).code, 0);
    await shell(host, `cd ${STATE}/queue; mv db/* .; rmdir db; ${step}; chown -R ssh-session-queue: .`);
    await install(host);
    assert.match(await shell(host, `cd ${STATE}/queue; echo *`), /^damaged-\S+ db repair.lock spool\n$/, what);
    await shell(host, `touch -d '1 hour ago' ${STATE}/queue/damaged-*/*`);
    const { code, stdout, stderr } = await send(host);
    assert.equal(code, 0, `${what}: ${stderr}`);
    assert.equal(stdout.match(/'alice'/g)?.length, 1, `${what}: ${stdout}`);
    await shell(host, `rm -r ${STATE}/queue/damaged-*`);
  }
}, BARE);

endToEnd(
  "install.sh works with the PATH of a plain su, which lacks the sbin directories",
  async (host) => {
    await makeBare(host);
    await install(host, "--dry-run");
    const { code, stderr } = await host.run(["env", "PATH=/usr/bin:/bin", "sh", `/root/${NAME}/install.sh`, "--pam"]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /not found/);
    assert.match(await shell(host, `getent passwd ${NAME}`), /nologin/);
  },
  BARE,
);

endToEnd("install.sh completes, with a warning, if systemd cannot start a unit, such as a masked one", async (host) => {
  await shell(host, `mkdir -p /run/systemd/system /run/bin; echo >/etc/pam.d/${NAME}`);
  const systemctl = "#!/bin/sh\ncase $1 in daemon-reload | start) echo 'Unit is masked.' >&2; exit 1 ;; esac\n";
  await Deno.writeTextFile(host.path("/run/bin/systemctl"), systemctl, { mode: 0o755 });
  const command = ["sh", "-c", `PATH=/run/bin:$PATH sh /root/${NAME}/install.sh --pam`];
  await runInstaller(host, "--dry-run");
  const { code, stdout, stderr } = await host.run(command);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Unit is masked.*\nwarning: cannot start all units/);
  assert.match(stdout, /^removed: \/etc\/pam\.d\/ssh-session-notifier$[^]*^pass /m, "it goes on to the end");
}, BARE);

endToEnd("install.sh changes nothing when it runs again, not even a timestamp", async (host) => {
  await install(host, "--pam", "--fix-pam-env");
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
  await shell(host, `echo kept >/run/${NAME}/unrecorded; echo kept >/run/${NAME}/spool/kept`);
  // ctime also covers owner and mode. It is omitted for directories, where it changes with their entries.
  const state = async () =>
    await shell(
      host,
      `find ${STATE} /etc /usr/sbin/${NAME} /run/${NAME} -type f -printf '%u:%g %m %C@ %p\n' | grep -v deliveries.db- | sort -k4
       find ${STATE} /etc/${NAME} /run/${NAME} -type d -printf '%u:%g %m %p\n' | sort -k3`,
    );
  const before = await state();
  await install(host, "--pam", "--fix-pam-env");
  assert.equal(await state(), before);
}, BARE);

endToEnd("if install.sh refuses to edit the PAM file, its instructions for manual editing work", async (host) => {
  await makeBare(host);
  const sshd = "/etc/pam.d/sshd";
  await shell(host, `printf 'session optional \\\\\n  pam_permit.so\n' >>${sshd}`);
  const { code, stdout } = await runInstaller(host, "--pam");
  assert.equal(code, 1);
  const [first, last] = stdout.match(/^# .* begin[^]*?^# .* end$/gm) ?? [];
  await install(host);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);

  await Deno.writeTextFile(host.path("/root/first"), `${first}\n`);
  await Deno.writeTextFile(host.path("/root/last"), `${last}\n`);
  await shell(
    host,
    `sed -i 's/user_readenv=1/user_readenv=0/; /pam_selinux.so close/r /root/first' ${sshd} && cat /root/last >>${sshd}`,
  );
  const output = await install(host);
  assert.deepEqual(output.match(/^fault.*/gm), null);
  assert.match(output, /^pass +pam\.hook-order +/m);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  assert.equal(await shell(host, `sqlite3 -readonly ${DATABASE} 'SELECT count(*) FROM event'`), "2\n");
}, BARE);

endToEnd("install.sh restores lost owners and setgid bits", async (host) => {
  await install(host, "--pam");
  await shell(
    host,
    `chown root:root /usr/sbin/${NAME} ${STATE}/queue ${STATE}/send; chmod 0777 ${STATE} /etc/cron.d/${NAME}
     chown alice /etc/${NAME}/pam_env_last.conf /run/${NAME}/unrecorded; chmod 0777 /run/${NAME}/spool`,
  );
  await install(host, "--pam");
  assert.equal(
    await shell(
      host,
      `stat -c '%U:%G %a' /usr/sbin/${NAME} ${STATE}/queue ${STATE}/send ${STATE} /etc/cron.d/${NAME} \\
       /etc/${NAME}/pam_env_last.conf /run/${NAME} /run/${NAME}/spool /run/${NAME}/unrecorded`,
    ),
    [
      `root:${NAME} 2750`,
      `ssh-session-queue:ssh-session-queue 2750`,
      `${NAME}:${NAME} 700`,
      `root:${NAME} 751`,
      "root:root 644",
      "root:root 644",
      "root:ssh-session-queue 750",
      "ssh-session-queue:ssh-session-queue 2750",
      "root:ssh-session-queue 640\n",
    ].join("\n"),
  );
}, BARE);

/** The PAM configuration of an earlier release: two includes in sshd's file, and the included files. */
const OLD_LAYOUT = `
  cd /etc/pam.d
  clean='session optional pam_env.so conffile=/etc/${NAME}/pam_env_last.conf readenv=0 user_readenv=0'
  hook='pam_exec.so quiet /usr/sbin/${NAME} queue'
  retry='session optional pam_env.so conffile=/etc/${NAME}/pam_env_retry.conf readenv=0 user_readenv=0'
  printf '%s\\n' "$clean" "session [success=2 default=ignore] $hook" "$retry" "session optional $hook" >${NAME}
  echo "$clean" >${NAME}-last
  # Each step is atomic, because users log in meanwhile.
  cp -p sshd /root/sshd.new
  sed -i '/${NAME}/d; /pam_selinux.so close/a session    include      ${NAME}' /root/sshd.new
  echo 'session    include      ${NAME}-last' >>/root/sshd.new
  cp -p /root/sshd.new sshd.${NAME}-test && mv sshd.${NAME}-test sshd`;

endToEnd("no login fails during an upgrade or removal, and an upgrade loses no login", async (host) => {
  await install(host, "--pam");
  let logins = 0;
  let hooks = 0;
  const during = (work: () => Promise<void>) => {
    let ended = false;
    const working = work().finally(() => ended = true);
    const logIn = async () => {
      while (!ended) {
        const { code, stderr } = await host.ssh("alice", { auth: "key" });
        assert.deepEqual([code, stderr], [0, ""]);
        logins++;
      }
    };
    const runHooks = async () => {
      while (!ended) {
        // A program whose file is replaced just as it starts fails, because the runtime opens the file by its name.
        // The PAM lines retry a failed hook once.
        const first = await queue(host);
        const { code, stderr } = first.code === 0 ? first : await queue(host);
        assert.deepEqual([code, stderr], [0, ""]);
        hooks++;
      }
    };
    return { working, logIn, runHooks };
  };

  const upgrade = during(async () => {
    for (let times = 0; times < 3; times++) {
      await shell(host, OLD_LAYOUT);
      await install(host, "--pam", "--fix-pam-env");
      assert.equal(await shell(host, `ls /etc/pam.d | grep -c ${NAME} || true`), "0\n");
    }
  });
  await Promise.all([upgrade.working, upgrade.logIn(), upgrade.logIn(), upgrade.runHooks()]);
  await host.loggedOut();
  assert.ok(logins > 2 && hooks > 2, `${logins} logins, ${hooks} hooks`);
  const count = async (type: string) =>
    Number(
      await shell(
        host,
        `sqlite3 -readonly ${DATABASE} "SELECT count(*) FROM event WHERE record ->> 'type' = '${type}'"`,
      ),
    );
  assert.equal(await count("open"), logins + hooks);
  // At logout, PAM takes the same path through the stack as at login: it does not retry, or runs both hooks. So if the
  // file is replaced while a hook starts, at the logout or at its login, the logout may be missing or recorded twice.
  // Each of the three replacements can affect one hook of each of the two concurrent users.
  const closes = await count("close");
  assert.ok(Math.abs(closes - logins) <= 6, `${closes} logouts of ${logins} logins`);

  const remove = during(async () => {
    for (let times = 0; times < 3; times++) {
      if (times === 1) await shell(host, OLD_LAYOUT);
      await install(host, "--uninstall");
      await install(host, "--pam");
    }
  });
  await Promise.all([remove.working, remove.logIn(), remove.logIn()]);
  await host.loggedOut();
}, BARE);

endToEnd("an open session continues and ends normally through an upgrade and a purge", async (host) => {
  await install(host, "--pam");
  await shell(host, "mkfifo -m 0666 /run/in /run/out");
  const session = host.ssh("alice", { auth: "key", command: "echo in >/run/in; cat /run/out" });
  assert.equal(await shell(host, "cat /run/in"), "in\n");
  await install(host, "--pam");
  await install(host, "--purge");
  await shell(host, "echo bye >/run/out");
  const { code, stdout, stderr } = await session;
  assert.deepEqual([code, stdout, stderr], [0, "bye\n", ""]);
  await host.loggedOut();
}, BARE);

endToEnd("--purge reports a user that cannot be removed, and completes when run again", async (host) => {
  await install(host, "--pam");
  await shell(host, "mkfifo -m 0666 /run/in /run/out");
  const running = host.run(["sh", "-c", "echo in >/run/in; cat /run/out"], { user: NAME });
  assert.equal(await shell(host, "cat /run/in"), "in\n");
  const { code, stderr } = await runInstaller(host, "--purge");
  assert.equal(code, 1);
  assert.match(stderr, /^error: cannot remove the user ssh-session-notifier\nhint: /m);
  await shell(host, "echo bye >/run/out");
  assert.equal((await running).code, 0);
  await install(host, "--purge");
  const left = await host.run(["getent", "passwd", "ssh-session-queue", NAME]);
  assert.equal(left.stdout, "");
}, BARE);
