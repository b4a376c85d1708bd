// `check` on a host after install.sh, and on hosts that were broken afterwards.

import assert from "node:assert/strict";
import type { Finding } from "../../src/admin/check/finding.ts";
import { configFor, endToEnd, findingsOn, queue, send, shell } from "../helpers/end_to_end.ts";
import { assertFound, type LevelAndId } from "../helpers/findings.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const CONFIG = "/etc/ssh-session-notifier/config.toml";
const STATE = "/var/lib/ssh-session-notifier";

/** A host without a hook, so install.sh can add it. */
const BARE = { pamSessionFirst: [] };

async function check(host: TestHost, ...flags: string[]): Promise<Finished> {
  return await host.run([BINARY, "check", ...flags]);
}

async function installed(host: TestHost): Promise<void> {
  const { code, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
  assert.equal(code, 0, stderr);
}

endToEnd("check passes after install.sh, and changes nothing, with and without a running send", async (host) => {
  await installed(host);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  assert.equal((await send(host)).code, 0);

  // Readers create and delete the log and its index.
  const state = `find ${STATE} /etc -type f ! -name '*.db-*' -printf '%u:%g %m %T@ %s %p\\n' | sort -k 5`;
  const before = await shell(host, state);
  const { code, stdout, stderr } = await check(host);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(await shell(host, state), before);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(lines.filter((line) => !line.startsWith("pass ")), []);
  const areas = new Set(lines.map((line) => line.split(/ +|\./)[1]));
  const expected = [
    "binary",
    "config",
    "delivery",
    "disk",
    "files",
    "hook",
    "limits",
    "pam",
    "scheduler",
    "sshd",
    "users",
  ];
  assert.deepEqual([...areas].sort(), expected);

  const json = JSON.parse((await check(host, "--json")).stdout);
  assert.equal(json.ok, true);
  assert.deepEqual(json.findings.map(({ id }: Finding) => id), lines.map((line) => line.split(/ +/)[1]));

  // The user of send cannot determine whether the setgid bit has an effect.
  const asSender = await host.run([BINARY, "check"], { user: "ssh-session-notifier" });
  assert.equal(asSender.code, 0, asSender.stdout);
  assert.deepEqual(asSender.stdout.trimEnd().match(/^(?!pass).*/gm)?.length, 1);

  assert.equal((await queue(host)).code, 0);
  const [running, ...finished] = await Promise.all([send(host), check(host), check(host)]);
  assert.equal(running.code, 0, running.stderr);
  assert.match(running.stdout, /'alice'/);
  for (const { code, stdout, stderr } of finished) assert.deepEqual([code, stderr], [0, ""], stdout);
}, BARE);

/** Each command breaks one thing on a correct host. */
const PLANTED: [name: string, command: string, ...expected: [LevelAndId, ...values: string[]]][] = [
  [
    "the setgid bit is lost",
    `chmod 0750 ${BINARY}`,
    "fault files.wrong-mode",
    `"${BINARY}"`,
    " 0750 ",
    " 2750",
  ],
  [
    "the file system of the binary is mounted nosuid",
    "mount --bind /usr/sbin /usr/sbin && mount -o remount,bind,nosuid /usr/sbin",
    "fault binary.setgid",
    `"${BINARY}"`,
  ],
  [
    "the hook stands behind pam_env",
    String.raw`sed '/ssh-session-notifier begin/,/ssh-session-notifier end/!d;/ end$/q' /etc/pam.d/sshd >/root/first
     sed -i '/ssh-session-notifier/d; /pam_env.so.*locale/r /root/first' /etc/pam.d/sshd`,
    "fault pam.hook-order",
    " /etc/pam.d/sshd:",
    " pam_",
  ],
  [
    "the hook is included from a file, as earlier releases had it",
    `grep ^session.*ssh-session-notifier /etc/pam.d/sshd >/etc/pam.d/ssh-session-notifier
     sed -i '/ssh-session-notifier/d; /pam_selinux.so close/a session include ssh-session-notifier' /etc/pam.d/sshd`,
    "fault pam.hook-included",
    "ssh-session-notifier-pam add",
  ],
  [
    "others can read the record of last resort",
    "chmod 0644 /run/ssh-session-notifier/unrecorded",
    "fault files.wrong-mode",
    '"/run/ssh-session-notifier/unrecorded"',
    " 0644 ",
    " 0640",
  ],
  [
    "users write the environment",
    "sed -i '/locale/s/user_readenv=0/user_readenv=1/' /etc/pam.d/sshd",
    "fault pam.user-environment",
    "/etc/pam.d/sshd:",
    "(session)",
  ],
  [
    "a limit ends the hook at the logout",
    "echo '* hard as 2000000' >/etc/security/limits.d/local.conf",
    "fault limits.values",
    "/etc/security/limits.d/local.conf ",
    " as to 2000000 ",
    " *,",
  ],
  [
    "the configuration is for all to read",
    `chmod 0644 ${CONFIG}`,
    "fault files.wrong-mode",
    `"${CONFIG}"`,
    " 0644 ",
  ],
  [
    "the configuration is wrong",
    `echo 'servise = 1' >>${CONFIG}`,
    "fault config.unknown-key",
    `${CONFIG}: allowlist.servise: `,
  ],
  [
    "the disk can only be read",
    `mount --bind ${STATE} ${STATE} && mount -o remount,bind,ro ${STATE}`,
    "fault disk.read-only",
    `"${STATE}/send/send.lock"`,
  ],
  ["nothing runs send", "rm /etc/cron.d/ssh-session-notifier", "fault scheduler.missing"],
  [
    "cron's line is a comment",
    "sed -i 's/^/#/' /etc/cron.d/ssh-session-notifier",
    "fault scheduler.cron-line",
    " /etc/cron.d/ssh-session-notifier ",
  ],
  [
    "there is no cron",
    "rm -f /usr/sbin/cron /usr/sbin/crond",
    "fault scheduler.cron-missing",
  ],
  [
    "cron is dead",
    `sqlite3 ${STATE}/send/deliveries.db 'UPDATE store SET last_run_at_ms = last_run_at_ms - 3600000'`,
    "fault scheduler.last-run",
    " 1 h ago",
  ],
  ["sshd uses no PAM", "sed -i 's/^UsePAM.*/UsePAM no/' /etc/ssh/sshd_config", "fault sshd.use-pam", '"UsePAM no"'],
  [
    "sshd uses no PAM, though a later drop-in says so",
    `mkdir -p /etc/ssh/sshd_config.d; echo 'UsePAM yes' >/etc/ssh/sshd_config.d/pam.conf
     sed -i '1i UsePAM no' /etc/ssh/sshd_config`,
    "fault sshd.use-pam",
    '"UsePAM no"',
  ],
  ["the queue belongs to root", `chown root ${STATE}/queue`, "fault files.root-owned", `"${STATE}/queue"`],
  [
    "the user of queue is gone",
    "sed -i /^ssh-session-queue:/d /etc/passwd",
    "fault users.user-missing",
    " ssh-session-queue ",
  ],
  ["the state directory is gone", `rm -r ${STATE}`, "fault files.missing", `"${STATE}/send"`],
  [
    "send does not run",
    `sqlite3 ${STATE}/queue/db/session_events.db ` +
    `"INSERT INTO event (uuid, occurred_at_ms, record) VALUES ('old', 1000, '{}')"; touch -d '1 hour ago' ` +
    `${STATE}/queue/db/*`,
    "fault delivery.unread",
    " 1 h ago",
  ],
  [
    "the store is damaged",
    `head -c 40960 /dev/urandom >${STATE}/send/deliveries.db`,
    "fault store.damaged",
    `"${STATE}/send/deliveries.db"`,
  ],
  [
    "the store is a FIFO",
    `cd ${STATE}/send && rm -f deliveries.db* && mkfifo deliveries.db && chown ssh-session-notifier deliveries.db`,
    "fault store.foreign",
    `"${STATE}/send/deliveries.db"`,
  ],
  [
    "the store has a view that never ends",
    `sqlite3 ${STATE}/send/deliveries.db "DROP TABLE inbox; CREATE VIEW inbox AS
       WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) AS last_id FROM r"`,
    "fault store.foreign",
    `"${STATE}/send/deliveries.db"`,
  ],
  [
    "the folder of all state is closed to the hook",
    `chmod 0750 ${STATE}`,
    "fault files.state-closed",
    `"${STATE}/queue"`,
    `chmod 0751 ${STATE}`,
  ],
  [
    "the lock of send is a FIFO",
    `rm ${STATE}/send/send.lock && mkfifo ${STATE}/send/send.lock`,
    "fault files.wrong-kind",
    `"${STATE}/send/send.lock"`,
  ],
  [
    "the lock of send belongs to root",
    `chown root ${STATE}/send/send.lock`,
    "fault files.wrong-owner",
    `"${STATE}/send/send.lock"`,
    " 0:",
    " ssh-session-notifier:",
  ],
  [
    "send can't write its store",
    `chmod 0400 ${STATE}/send/deliveries.db`,
    "fault files.wrong-mode",
    `"${STATE}/send/deliveries.db"`,
    " 0400 ",
    "chmod 0600 ",
  ],
  [
    "the hook could not run at a login",
    "mkdir -p /run/ssh-session-notifier && chmod 0755 /run/ssh-session-notifier && echo x >/run/ssh-session-notifier/unrecorded",
    "fault hook.did-not-run",
    '"/run/ssh-session-notifier/unrecorded" (2 bytes)',
    " s ago",
  ],
  [
    "events are in the spool in /run",
    "mkdir -p /run/ssh-session-notifier/spool && chmod -R 0755 /run/ssh-session-notifier && touch /run/ssh-session-notifier/spool/a.json",
    "fault hook.run-spooled",
    "1 event ",
    '"/run/ssh-session-notifier/spool"',
  ],
];

for (const [name, command, ...expected] of PLANTED) {
  endToEnd(`check finds that ${name}, and prints a hint`, async (host) => {
    await installed(host);
    assert.equal((await queue(host)).code, 0);
    assert.equal((await send(host)).code, 0);
    assert.equal((await check(host)).code, 0);
    await shell(host, command);
    const findings = await findingsOn(host);
    assertFound(findings, expected);
    for (const { level, hint, message } of findings) assert.equal(hint === "", level === "pass", message);
    const { code, stdout, stderr } = await check(host);
    assert.deepEqual([code, stderr], [78, ""], stdout);
    for (const line of stdout.match(/^(fault|warning).*/gm) ?? []) assert.match(line, /; hint: \S/);
  }, BARE);
}

endToEnd("check warns about each exposed part of the configuration, with a hint", async (host) => {
  await installed(host);
  const folder = "/etc/ssh-session-notifier";
  await host.writeConfig(
    configFor("ntfy", `topic_url = "https://ntfy.home.arpa/t"\ntoken_file = "${folder}/token"`) +
      `\n[heartbeat]\nurl = "http://hc.home.arpa/ping"\n`,
  );
  await shell(host, `printf tk_secret >${folder}/token; chmod 0644 ${folder}/token`);
  const findings = await findingsOn(host);
  assert.ok(!findings.some(({ level }) => level === "fault"), JSON.stringify(findings));
  const repair = `chown root:ssh-session-notifier ${folder}/token && chmod 0640 ${folder}/token`;
  assertFound(findings, ["warning config.secret-exposed", "token_file: ", "mode 0644", repair]);
  assertFound(findings, ["warning config.heartbeat-plain", "heartbeat.url: ", "https://"]);
}, BARE);

endToEnd(
  "check and send report a secret that send cannot read, with the command to fix it",
  async (host) => {
    await installed(host);
    const folder = "/etc/ssh-session-notifier";
    const options = `topic_url = "https://ntfy.home.arpa/t"\ntoken_file = "${folder}/secrets/token"`;
    await host.writeConfig(configFor("ntfy", options));
    await shell(host, `install -d -m 0700 ${folder}/secrets; printf tk_secret >${folder}/secrets/token`);
    await shell(host, `chown root:ssh-session-notifier ${folder}/secrets/token; chmod 0640 ${folder}/secrets/token`);
    const steps: [arrange: string, hint: string][] = [
      [":", `chown root:ssh-session-notifier ${folder}/secrets && chmod 0750 ${folder}/secrets`],
      [
        `chmod 0600 ${folder}/secrets/token`,
        `chown root:ssh-session-notifier ${folder}/secrets/token && chmod 0640 ${folder}/secrets/token`,
      ],
    ];
    for (const [arrange, hint] of steps) {
      await shell(host, arrange);
      assertFound(await findingsOn(host), ["fault config.file-not-readable", hint]);
      const { stderr } = await send(host);
      assert.ok(stderr.includes(`: ${hint} [config.file-unusable]\n`), stderr);
      await shell(host, hint);
    }
    assert.equal((await check(host)).code, 0);
  },
  BARE,
);

endToEnd("check finds a route that is still an example", async (host) => {
  await installed(host);
  await host.writeConfig(configFor("discord", 'webhook_url = "https://discord.com/api/webhooks/ID/TOKEN"'));
  assertFound(await findingsOn(host), ["fault config.placeholder", "notification.discord.webhook_url: "]);
  await host.writeConfig(configFor("discord").replace('"discord"', "discord"));
  assertFound(await findingsOn(host), ["fault config.syntax", `${CONFIG}: line 6, column 11: `]);
  await shell(host, `iconv -t UTF-16 ${CONFIG} >/run/utf16 && cat /run/utf16 >${CONFIG}`);
  assertFound(await findingsOn(host), ["fault config.not-utf8", `"${CONFIG}"`, "UTF-16"]);
}, BARE);

endToEnd("check and status report what they may not read, and show the rest", async (host) => {
  await installed(host);
  assert.equal((await queue(host)).code, 0);
  await shell(host, `chmod 0700 ${STATE}`);
  const findings = await findingsOn(host);
  assertFound(findings, ["fault store.refused", `"${STATE}/send/deliveries.db"`, "ermission denied"]);
  assertFound(findings, ["pass pam.hook-order"]);
  const status = await host.run([BINARY, "status"]);
  assert.deepEqual([status.code, status.stderr], [0, ""], status.stdout);
  assert.match(status.stdout, /^Cannot use ".*": .*ermission denied/m);
  assert.match(status.stdout, /^alarm: does not work: some of the state cannot be read/m);
}, BARE);

endToEnd(
  "a command reports that it cannot write its output, but not if the reader closed the pipe",
  async (host) => {
    await installed(host);
    await host.writeConfig(configFor("stdout"));
    assert.equal((await queue(host)).code, 0);
    assert.equal((await send(host)).code, 0);
    for (const command of ["check", "test", "status", "history", "history --json", "explain --user bob", "retry"]) {
      const full = await host.run(["sh", "-c", `${BINARY} ${command} >/dev/full`]);
      assert.equal(full.code, 75, `${command}: ${full.stderr}`);
      assert.match(
        full.stderr,
        /^error: .*: No space left .* \[output\.not-writable\]\nhint: .*\n$/,
        command,
      );
      const closed = await host.run(["sh", "-c", `{ sleep 0.2; ${BINARY} ${command}; echo $? >/tmp/code; } | true`]);
      assert.equal(closed.stderr, "", command);
      assert.equal(await shell(host, "cat /tmp/code"), "75\n", command);
    }
  },
  BARE,
);

endToEnd("check shows five faults at once, each on its own line", async (host) => {
  await installed(host);
  await shell(
    host,
    `chmod 0750 ${BINARY}; chmod 0644 ${CONFIG}; rm /etc/cron.d/ssh-session-notifier
     sed -i '/locale/s/user_readenv=0/user_readenv=1/' /etc/pam.d/sshd; echo 'alice hard nofile 8' >>/etc/security/limits.conf`,
  );
  const { code, stdout } = await check(host);
  assert.equal(code, 78);
  assert.deepEqual(stdout.match(/^fault +\S+/gm)?.map((start) => start.replace(/^fault +/, "")).sort(), [
    "files.wrong-mode",
    "files.wrong-mode",
    "limits.values",
    "pam.user-environment",
    "scheduler.missing",
  ]);
}, BARE);

endToEnd("check and test accept only root and the user of send, and read no file of others as root", async (host) => {
  await installed(host);
  await host.writeConfig(configFor("stdout"));
  // The group may run the binary, but this user is not that of send.
  await shell(host, "usermod --append --groups ssh-session-notifier bob");
  for (const command of ["check", "test"]) {
    const { code, stderr } = await host.run([
      "setpriv",
      "--reuid=bob",
      "--regid=bob",
      "--init-groups",
      BINARY,
      command,
    ]);
    assert.equal(code, 77);
    assert.match(stderr, new RegExp(`^error: ${command} .* \\[command\\.not-permitted\\]\nhint: .*sudo `));
  }

  const trace = "/run/trace";
  for (const command of ["check", "test"]) {
    const { code, stderr } = await host.run([
      "strace",
      "-f",
      "-o",
      trace,
      "-e",
      "trace=setuid,openat",
      BINARY,
      command,
    ]);
    assert.equal(code, 0, stderr);
    const calls = (await Deno.readTextFile(host.path(trace))).split("\n");
    const dropped = calls.findIndex((call) => /setuid\(61112\)/.test(call));
    // The configuration belongs to root; check reads it as root, because the group of the queue cannot.
    const others = command === "check" ? /openat\(.*lib\/ssh-session-notifier\// : /openat\(.*config\.toml/;
    const opened = calls.findIndex((call) => others.test(call));
    assert.ok(dropped >= 0 && opened > dropped, `${command}: dropped at ${dropped}, opened at ${opened}`);
  }
}, BARE);
