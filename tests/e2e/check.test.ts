// `check` on a host that install.sh has made, and on one where something was broken since.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const CONFIG = "/etc/ssh-session-notifier/config.toml";
const STATE = "/var/lib/ssh-session-notifier";

/** A host without a hook, for install.sh to put it in. */
const BARE = { pamSessionFirst: [] };

async function check(host: TestHost, ...flags: string[]): Promise<Finished> {
  return await host.run([BINARY, "check", ...flags]);
}

async function installed(host: TestHost): Promise<void> {
  const { code, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
  assert.equal(code, 0, stderr);
}

endToEnd("check passes what install.sh has made, and changes nothing, at rest and while send runs", async (host) => {
  await installed(host);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  assert.equal((await send(host)).code, 0);

  // Their log and its index come and go with who reads.
  const state = `find ${STATE} /etc -type f ! -name '*.db-*' -printf '%u:%g %m %T@ %s %p\\n' | sort -k 5`;
  const before = await shell(host, state);
  const { code, stdout, stderr } = await check(host);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(await shell(host, state), before);
  const lines = stdout.trimEnd().split("\n");
  assert.deepEqual(lines.filter((line) => !line.startsWith("pass ")), []);
  const areas = new Set(lines.map((line) => line.split(/ +/)[1]));
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
  assert.deepEqual(json.findings.map(({ area }: { area: string }) => area), lines.map((line) => line.split(/ +/)[1]));

  // As the user of send, who can't tell whether the setgid bit has an effect.
  const asSender = await host.run([BINARY, "check"], { user: "ssh-session-notifier" });
  assert.equal(asSender.code, 0, asSender.stdout);
  assert.deepEqual(asSender.stdout.trimEnd().match(/^(?!pass).*/gm)?.length, 1);

  assert.equal((await queue(host)).code, 0);
  const [running, ...finished] = await Promise.all([send(host), check(host), check(host)]);
  assert.equal(running.code, 0, running.stderr);
  assert.match(running.stdout, /'alice'/);
  for (const { code, stdout, stderr } of finished) assert.deepEqual([code, stderr], [0, ""], stdout);
}, BARE);

/** Each breaks one thing on a host that was right. */
const PLANTED: [name: string, command: string, expected: RegExp][] = [
  [
    "the setgid bit is lost",
    `chmod 0750 ${BINARY}`,
    /^fault +files +"\/usr\/sbin\/.*" has the mode 0750 in place of 2750/m,
  ],
  [
    "the file system of the binary is mounted nosuid",
    "mount --bind /usr/sbin /usr/sbin && mount -o remount,bind,nosuid /usr/sbin",
    /^fault +binary +the setgid bit of .* has no effect/m,
  ],
  [
    "the hook stands behind pam_env",
    String.raw`sed '/ssh-session-notifier begin/,/ssh-session-notifier end/!d;/ end$/q' /etc/pam.d/sshd >/root/first
     sed -i '/ssh-session-notifier/d; /pam_env.so.*locale/r /root/first' /etc/pam.d/sshd`,
    /^fault +pam +the hook at \/etc\/pam\.d\/sshd:\d+ stands behind pam_(env|limits)\.so/m,
  ],
  [
    "the hook is included from a file, as earlier releases had it",
    `grep ^session.*ssh-session-notifier /etc/pam.d/sshd >/etc/pam.d/ssh-session-notifier
     sed -i '/ssh-session-notifier/d; /pam_selinux.so close/a session include ssh-session-notifier' /etc/pam.d/sshd`,
    /^fault +pam +the hook is included from a file of its own .*; to mend it: run install\.sh --pam/m,
  ],
  [
    "others can read the record of last resort",
    "chmod 0644 /run/ssh-session-notifier/unrecorded",
    /^fault +files +"\/run\/.*\/unrecorded" has the mode 0644 in place of 0640/m,
  ],
  [
    "users write the environment",
    "sed -i '/locale/s/user_readenv=0/user_readenv=1/' /etc/pam.d/sshd",
    /^fault +pam +\/etc\/pam\.d\/sshd:\d+ \(session\) has user_readenv=1/m,
  ],
  [
    "a limit ends the hook at the logout",
    "echo '* hard as 2000000' >/etc/security/limits.d/local.conf",
    /^fault +limits +\/etc\/security\/limits\.d\/local\.conf sets as 2000000 for \*/m,
  ],
  [
    "the configuration is for all to read",
    `chmod 0644 ${CONFIG}`,
    /^fault +files +".*config\.toml" has the mode 0644/m,
  ],
  [
    "the configuration is wrong",
    `echo 'servise = 1' >>${CONFIG}`,
    /^fault +config +.*config\.toml: allowlist\.servise: is not a key that is known here/m,
  ],
  [
    "the disk can only be read",
    `mount --bind ${STATE} ${STATE} && mount -o remount,bind,ro ${STATE}`,
    /^fault +delivery +Cannot read the queue database .*Read-only.*; to mend it: see why its file system is mounted read-/m,
  ],
  ["nothing runs send", "rm /etc/cron.d/ssh-session-notifier", /^fault +scheduler +nothing runs send/m],
  [
    "cron's line is a comment",
    "sed -i 's/^/#/' /etc/cron.d/ssh-session-notifier",
    /^fault +scheduler +nothing runs send: no line of .* does; to mend it: take the # before its line away/m,
  ],
  [
    "there is no cron",
    "rm -f /usr/sbin/cron /usr/sbin/crond",
    /^fault +scheduler +nothing runs send: there is no cron; to mend it: install cron/m,
  ],
  [
    "cron is dead",
    `sqlite3 ${STATE}/send/deliveries.db 'UPDATE store SET last_run_at_ms = last_run_at_ms - 3600000'`,
    /^fault +scheduler +the last run of send ended 1 h ago: nothing starts it/m,
  ],
  ["sshd uses no PAM", "sed -i 's/^UsePAM.*/UsePAM no/' /etc/ssh/sshd_config", /^fault +sshd +.*"UsePAM no"/m],
  [
    "sshd uses no PAM, though a later drop-in says so",
    `mkdir -p /etc/ssh/sshd_config.d; echo 'UsePAM yes' >/etc/ssh/sshd_config.d/pam.conf
     sed -i '1i UsePAM no' /etc/ssh/sshd_config`,
    /^fault +sshd +.*"UsePAM no"/m,
  ],
  ["the queue belongs to root", `chown root ${STATE}/queue`, /^fault +files +.*belongs to root/m],
  [
    "the user of queue is gone",
    "sed -i /^ssh-session-queue:/d /etc/passwd",
    /^fault +users +there is no user ssh-session-queue in \/etc\/passwd/m,
  ],
  ["the state directory is gone", `rm -r ${STATE}`, /^fault +files +there is no ".*"/m],
  [
    "send does not run",
    `sqlite3 ${STATE}/queue/session_events.db ` +
    `"INSERT INTO event (uuid, occurred_at_ms, record) VALUES ('old', 1000, '{}')"`,
    /^fault +delivery +send has not read 1 event, the oldest from \d+ d/m,
  ],
  [
    "the store is damaged",
    `head -c 40960 /dev/urandom >${STATE}/send/deliveries.db`,
    /^fault +delivery +Cannot use ".*\/deliveries\.db": it is damaged: .*; to mend it: nothing needs to be done/m,
  ],
  [
    "the store is a FIFO",
    `cd ${STATE}/send && rm -f deliveries.db* && mkfifo deliveries.db && chown ssh-session-notifier deliveries.db`,
    /^fault +delivery +Cannot use ".*\/deliveries\.db": .*is not a plain file; to mend it: .*the next run of send/m,
  ],
  [
    "the store has a view that never ends",
    `sqlite3 ${STATE}/send/deliveries.db "DROP TABLE inbox; CREATE VIEW inbox AS
       WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) AS last_id FROM r"`,
    /^fault +delivery +Cannot use ".*\/deliveries\.db": it has other tables than the store; to mend it: /m,
  ],
  [
    "the hook could not run at a login",
    "mkdir -p /run/ssh-session-notifier && chmod 0755 /run/ssh-session-notifier && echo x >/run/ssh-session-notifier/unrecorded",
    /^fault +hook +the hook could not run, .*unrecorded" \(2 bytes\), the last \d+ s ago; to mend it: find out why/m,
  ],
  [
    "events are in the spool in /run",
    "mkdir -p /run/ssh-session-notifier/spool && chmod -R 0755 /run/ssh-session-notifier && touch /run/ssh-session-notifier/spool/a.json",
    /^fault +hook +1 event in "\/run\/ssh-session-notifier\/spool", .*; to mend it: see that the disk works/m,
  ],
];

for (const [name, command, expected] of PLANTED) {
  endToEnd(`check finds that ${name}, and says how to mend it`, async (host) => {
    await installed(host);
    assert.equal((await queue(host)).code, 0);
    assert.equal((await send(host)).code, 0);
    assert.equal((await check(host)).code, 0);
    await shell(host, command);
    const { code, stdout, stderr } = await check(host);
    assert.deepEqual([code, stderr], [78, ""], stdout);
    assert.match(stdout, expected);
    for (const line of stdout.match(/^(fault|warning).*/gm) ?? []) assert.match(line, /; to mend it: \S/);
    assert.equal(JSON.parse((await check(host, "--json")).stdout).ok, false);
  }, BARE);
}

endToEnd("check warns of what is open to others in the configuration, with a mend for each", async (host) => {
  await installed(host);
  const folder = "/etc/ssh-session-notifier";
  await host.writeConfig(
    configFor("ntfy", `topic_url = "https://ntfy.home.arpa/t"\ntoken_file = "${folder}/token"`) +
      `\n[heartbeat]\nurl = "http://hc.home.arpa/ping"\n`,
  );
  await shell(host, `printf tk_secret >${folder}/token; chmod 0644 ${folder}/token`);
  const { code, stdout } = await check(host);
  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /^warning +config +.*token_file: .*mode 0644\); to mend it: chown root:\S+ \S+\/token && chmod 0640 \S+\/token$/m,
  );
  assert.match(stdout, /^warning +config +heartbeat\.url: .*; to mend it: use a URL that begins with https:\/\/$/m);
}, BARE);

endToEnd(
  "check finds a secret that send can't read, and names the command that changes that; send too",
  async (host) => {
    await installed(host);
    const folder = "/etc/ssh-session-notifier";
    const options = `topic_url = "https://ntfy.home.arpa/t"\ntoken_file = "${folder}/secrets/token"`;
    await host.writeConfig(configFor("ntfy", options));
    await shell(host, `install -d -m 0700 ${folder}/secrets; printf tk_secret >${folder}/secrets/token`);
    await shell(host, `chown root:ssh-session-notifier ${folder}/secrets/token; chmod 0640 ${folder}/secrets/token`);
    const steps: [arrange: string, mend: string][] = [
      [":", `chown root:ssh-session-notifier ${folder}/secrets && chmod 0750 ${folder}/secrets`],
      [
        `chmod 0600 ${folder}/secrets/token`,
        `chown root:ssh-session-notifier ${folder}/secrets/token && chmod 0640 ${folder}/secrets/token`,
      ],
    ];
    for (const [arrange, mend] of steps) {
      await shell(host, arrange);
      const { code, stdout } = await check(host);
      assert.equal(code, 78, stdout);
      assert.ok(stdout.includes(`; to mend it: ${mend}\n`), stdout);
      const { stderr } = await send(host);
      assert.ok(stderr.includes(`which may not be read: ${mend}\n`), stderr);
      await shell(host, mend);
    }
    assert.equal((await check(host)).code, 0);
  },
  BARE,
);

endToEnd("check finds that a route is still an example", async (host) => {
  await installed(host);
  await host.writeConfig(configFor("discord", 'webhook_url = "https://discord.com/api/webhooks/ID/TOKEN"'));
  const { code, stdout } = await check(host);
  assert.equal(code, 78, stdout);
  assert.match(stdout, /^fault +config +notification\.discord\.webhook_url: is still an example/m);
  await host.writeConfig(configFor("discord").replace('"discord"', "discord"));
  assert.match((await check(host)).stdout, /^fault +config +.*config\.toml: line 6, column 11: .*text needs quotes/m);
  await shell(host, `iconv -t UTF-16 ${CONFIG} >/run/utf16 && cat /run/utf16 >${CONFIG}`);
  assert.match((await check(host)).stdout, /^fault +config +.*is UTF-16 .*; to mend it: save it as UTF-8$/m);
}, BARE);

endToEnd("check and status say what they may not look into, and tell the rest", async (host) => {
  await installed(host);
  assert.equal((await queue(host)).code, 0);
  await shell(host, `chmod 0700 ${STATE}`);
  const { code, stdout, stderr } = await check(host);
  assert.deepEqual([code, stderr], [78, ""], stdout);
  assert.match(stdout, /^fault +delivery +Cannot use ".*": .*ermission denied/m);
  assert.match(stdout, /^pass +pam /m);
  const status = await host.run([BINARY, "status"]);
  assert.deepEqual([status.code, status.stderr], [0, ""], status.stdout);
  assert.match(status.stdout, /^Cannot use ".*": .*ermission denied/m);
  assert.match(status.stdout, /^alarm: does not work: not all of it can be read/m);
}, BARE);

endToEnd(
  "a command that can't print says so, and blames no file of ours; for one that reads no further, nothing",
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
        /^error: Cannot write to standard output: No space left .*\nerror: to mend it: .*\n$/,
        command,
      );
      const closed = await host.run(["sh", "-c", `{ sleep 0.2; ${BINARY} ${command}; echo $? >/tmp/code; } | true`]);
      assert.equal(closed.stderr, "", command);
      assert.equal(await shell(host, "cat /tmp/code"), "75\n", command);
    }
  },
  BARE,
);

endToEnd("check shows five faults at once, each on its line", async (host) => {
  await installed(host);
  await shell(
    host,
    `chmod 0750 ${BINARY}; chmod 0644 ${CONFIG}; rm /etc/cron.d/ssh-session-notifier
     sed -i '/locale/s/user_readenv=0/user_readenv=1/' /etc/pam.d/sshd; echo 'alice hard nofile 8' >>/etc/security/limits.conf`,
  );
  const { code, stdout } = await check(host);
  assert.equal(code, 78);
  assert.deepEqual(stdout.match(/^fault +\S+/gm)?.map((start) => start.replace(/^fault +/, "")).sort(), [
    "files",
    "files",
    "limits",
    "pam",
    "scheduler",
  ]);
}, BARE);

endToEnd("check and test are for root and the user of send, and read nothing of others as root", async (host) => {
  await installed(host);
  await host.writeConfig(configFor("stdout"));
  // The group may run the binary, but this user is not the one of send.
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
    assert.match(stderr, new RegExp(`^error: ${command} must run as root.*\nerror: to mend it: sudo `));
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
    // The configuration is root's own: check reads it as root, since the group of the queue can't.
    const others = command === "check" ? /openat\(.*lib\/ssh-session-notifier\// : /openat\(.*config\.toml/;
    const opened = calls.findIndex((call) => others.test(call));
    assert.ok(dropped >= 0 && opened > dropped, `${command}: dropped at ${dropped}, opened at ${opened}`);
  }
}, BARE);
