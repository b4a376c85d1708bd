// The hook in the PAM stacks of login and su: real sessions on real terminals, recorded, paired and delivered.

import assert from "node:assert/strict";
import { assertFound, idsOf } from "../helpers/findings.ts";
import { configFor, endToEnd, findingsOn, send, shell } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const NAME = "ssh-session-notifier";
const DATABASE = `/var/lib/${NAME}/queue/db/session_events.db`;
/** A host without a hook, so that install.sh adds it. */
const BARE = { pamSessionFirst: [] };

async function install(host: TestHost, ...flags: string[]): Promise<void> {
  const { code, stdout, stderr } = await runInstaller(host, ...flags);
  assert.equal(code, 0, `${stdout}${stderr}`);
}

/** Runs a command on a terminal of its own, as root. */
async function onTerminal(host: TestHost, command: string, typed = ""): Promise<string> {
  const { code, stdout } = await host.run(["script", "--quiet", "--return", "--command", command, "/dev/null"], {
    stdin: typed,
  });
  assert.equal(code, 0, stdout);
  return stdout;
}

/** alice becomes bob with su, with his password. */
async function suAsAlice(host: TestHost, script = "exec su bob -c true"): Promise<Finished> {
  return await host.run(["sh", "-c", script], { user: "alice", stdin: "bob-password\n" });
}

/** One session of each kind: login on a terminal, su with and without a login shell, with and without a terminal. */
async function openSessions(host: TestHost): Promise<void> {
  const seen = await onTerminal(host, "login -f alice", "id -un; exit\n");
  assert.match(seen, /alice\r\n/);
  await onTerminal(host, "su - bob -c 'id -un'");
  const { code, stderr } = await suAsAlice(host);
  assert.equal(code, 0, stderr);
  await shell(host, "su alice -c true </dev/null");
}

/** The events in the queue database. */
async function recorded(host: TestHost): Promise<Record<string, unknown>[]> {
  const rows = await shell(host, `sqlite3 ${DATABASE} 'SELECT record FROM event ORDER BY id'`);
  return rows.trim().split("\n").map((row) => JSON.parse(row));
}

endToEnd(
  "sessions of login and su are recorded, paired and delivered, and --purge restores the files",
  async (host) => {
    const files = 'cd /etc/pam.d && for file in *; do echo "$file $(cksum <$file)"; done';
    const before = await shell(host, files);
    await install(host, "--pam=login,su");
    assert.notEqual(await shell(host, files), before);
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    await openSessions(host);

    const events = await recorded(host);
    assert.deepEqual(
      events.map(({ type, user, service, terminal }) => [type, user, service, terminal]),
      [
        ["open", "alice", "login", "/dev/pts/0"],
        ["close", "alice", "login", "/dev/pts/0"],
        ["open", "bob", "su-l", "/dev/pts/0"],
        ["close", "bob", "su-l", "/dev/pts/0"],
        ["open", "bob", "su", ""],
        ["close", "bob", "su", ""],
        ["open", "alice", "su", ""],
        ["close", "alice", "su", ""],
      ],
    );
    for (const { remoteHost, connection, authInfo, tampered } of events) {
      assert.deepEqual([remoteHost, connection, authInfo, tampered], ["", "", "", []]);
    }

    // More than three events become a digest.
    const { code, stderr } = await send(host);
    assert.deepEqual([code, stderr], [0, ""]);
    const messages = ntfy.accepted.flatMap(({ body }) => String(body["message"]).split("\n"));
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+1[23]:00`;
    for (
      const sentence of [
        `'alice' logged in to example\\.com via pts/0 \\(login\\) at ${time} \\[first login of alice; .*\\]`,
        `'alice' logged out from example\\.com via pts/0 \\(login\\) at ${time} \\[after \\d+ s\\]`,
        `'bob' logged in to example\\.com via pts/0 \\(su-l\\) at ${time} \\[first login of bob; .*\\]`,
        `'bob': 1 login and 1 logout on example\\.com via su (at|between) .*`,
        `'alice': 1 login and 1 logout on example\\.com via su (at|between) .*`,
      ]
    ) {
      assert.ok(
        messages.some((message) => new RegExp(`^${sentence}$`).test(message)),
        `${sentence}:\n${messages.join("\n")}`,
      );
    }
    assert.equal(messages.length, 6);
    const history = await host.run([`/usr/sbin/${NAME}`, "history", "--json"]);
    const sessions = history.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(sessions.length, 4, "each logout belongs to its login");

    await install(host, "--purge");
    assert.equal(await shell(host, files), before);
  },
  BARE,
);

endToEnd("[services] and the allowlist decide what is notified of login and su", async (host) => {
  await install(host, "--pam=login,su");
  await using ntfy = ntfyLike();
  const services = `[unexpected]
learning_days = 0
[services]
login = "urgent"
su = "none"
su-l = "unexpected"
gone = "all"
[[allowlist.rules]]
reason = "console of bob"
users = ["bob"]
services = ["login"]`;
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`, services));
  for (const _ of [1, 2]) await openSessions(host);
  await onTerminal(host, "login -f bob", "exit\n");

  const { code, stderr } = await send(host, "--verbose");
  assert.equal(code, 0, stderr);
  const shown = ntfy.accepted.flatMap(({ body }) => String(body["message"]).split("\n"));
  const counts = ["in to example.com via pts/0 (login)", "out from example.com via pts/0 (login)", "(su-l)", "via su "]
    .map((part) => shown.filter((line) => line.includes(part)).length);
  // Both logins and logouts of alice at the console, and only the first login of bob.
  assert.deepEqual(counts, [2, 2, 1, 0], shown.join("\n"));
  assert.equal(stderr.match(/is not notified: \S+ \[services\] su = "none"/g)?.length, 8, stderr);
  assert.equal(stderr.match(/is allowlisted: bob, by allowlist\.rules\.0/g)?.length, 2, stderr);
  assert.equal((await recorded(host)).length, 18, "all are recorded");

  const explained = await shell(host, `${NAME} explain --user alice --service su`);
  assert.match(explained, /^\[services\] su = "none": /m);
  assert.match(explained, /^routes: none$/m);
}, BARE);

endToEnd("the caller of su cannot hide its session", async (host) => {
  await install(host, "--pam=login,su");
  await host.writeConfig(configFor("stdout", "", `[services]\nsu = "none"`));

  // A program in the place of the hook: while it runs as root, the caller could end it if it were its real user.
  await shell(
    host,
    `mkdir -m 0777 /tmp/seen; cp /usr/sbin/${NAME} /tmp/hook; cp /usr/bin/perl /usr/sbin/${NAME}
    echo 'system "grep ^[UG]id /proc/$$/status >>/tmp/seen/ids"' >/tmp/seen/queue`,
  );
  assert.equal((await suAsAlice(host, "cd /tmp/seen && exec su bob -c true")).code, 0);
  assert.match(await shell(host, "cat /tmp/seen/ids"), /^Uid:\t0\t0\t0\t0\n/);
  await shell(host, `cat /tmp/hook >/usr/sbin/${NAME} && chmod 2750 /usr/sbin/${NAME}`);

  // Limits that the hook cannot start with: the last resort records the login, and [services] does not apply to it.
  const limited = await suAsAlice(host, "ulimit -v 1000000; exec su bob -c true");
  assert.equal(limited.code, 0, limited.stderr);
  const { code, stdout } = await send(host);
  assert.equal(code, 0);
  assert.match(stdout, /^.*'bob' logged in to example\.com via su at .*\[the hook could not run; .*\]$/m);

  // A umask that would make its files unreadable, with a new database and with the spool.
  await shell(host, `rm -f ${DATABASE}*`);
  await suAsAlice(host, "umask 0777; exec su bob -c true");
  await shell(host, `mv ${DATABASE} ${DATABASE}.away; mkdir ${DATABASE}`);
  await suAsAlice(host, "umask 0777; exec su bob -c true");
  await shell(host, `rmdir ${DATABASE}; mv ${DATABASE}.away ${DATABASE}`);
  assert.equal((await send(host)).code, 0);
  const history = await shell(host, `${NAME} history --user bob --json`);
  assert.equal(history.trim().split("\n").length, 3, history);

  // A line without seteuid, as written by hand: the hook still gives up root before it touches the queue.
  await shell(host, `sed -i 's/ seteuid//' /etc/pam.d/su; rm -f ${DATABASE}* /var/lib/${NAME}/queue/spool/*`);
  await suAsAlice(host);
  assert.equal(await shell(host, `stat -c %U ${DATABASE}`), "ssh-session-queue\n");
  assert.equal((await recorded(host)).length, 2);
  assertFound(await findingsOn(host), ["fault pam.hook-killable", "/etc/pam.d/su", '"seteuid"']);
}, BARE);

endToEnd("check examines each service that has the hook or that [services] names", async (host) => {
  await install(host, "--pam=sshd,login,su", "--fix-pam-env");
  const config = (levels: string) => host.writeConfig(configFor("stdout", "", `[services]\n${levels}`));
  await config('login = "all"\nsu = "urgent"\nsu-l = "urgent"\nrunuser = "none"\ngone = "all"');
  const pamFindings = async () => (await findingsOn(host)).filter(({ area }) => area === "pam" || area === "limits");
  const good = await pamFindings();
  assert.deepEqual(idsOf(good).filter((id) => !id.startsWith("pass")), []);
  for (const file of ["sshd", "login", "su", "su-l"]) {
    assert.ok(good.some(({ id, message }) => id === "pam.hook-order" && message.includes(`/etc/pam.d/${file}`)), file);
  }

  const save = "rm -rf /tmp/pam.d; cp -a /etc/pam.d /tmp/pam.d";
  const restore = "cp -a /tmp/pam.d/. /etc/pam.d";
  const cases: [script: string, expected: Parameters<typeof assertFound>[1]][] = [
    [`sed -i /${NAME}/d /etc/pam.d/login`, [
      "fault pam.hook-missing",
      "/etc/pam.d/login: ",
      "ssh-session-notifier-pam add login",
    ]],
    [`sed -i /${NAME}/d /etc/pam.d/su`, ["fault pam.hook-missing", "/etc/pam.d/su-l: "]],
    [`sed -i '/ end$/q' /etc/pam.d/login`, ["fault pam.cleanup-missing", "/etc/pam.d/login: "]],
    [`sed -i '1i session required pam_env.so user_readenv=1' /etc/pam.d/su`, [
      "fault pam.hook-order",
      "/etc/pam.d/su: ",
      "pam_env.so (/etc/pam.d/su:1)",
    ]],
    [`sed -i '1i session required pam_env.so user_readenv=1' /etc/pam.d/su`, [
      "fault pam.user-environment",
      "/etc/pam.d/su: /etc/pam.d/su:1 ",
    ]],
    [`sed '/end$/q' /etc/pam.d/su | grep ${NAME} >>/etc/pam.d/su-l`, ["warning pam.hook-twice", "/etc/pam.d/su-l: "]],
    ["echo '@include gone' >>/etc/pam.d/login", ["fault pam.include-missing", "/etc/pam.d/login: ", '"gone"']],
    ["mv /etc/pam.d/sshd /etc/pam.d/sshd.bak", ["fault pam.hook-missing", "sshd"]],
  ];
  for (const [script, expected] of cases) {
    await shell(host, `${save}; ${script}`);
    assertFound(await pamFindings(), expected, script);
    await shell(host, `${restore}; rm -f /etc/pam.d/sshd.bak`);
  }
  assert.deepEqual(await pamFindings(), good);

  await config('runuser = "all"');
  assertFound(await findingsOn(host), ["fault pam.hook-missing", "/etc/pam.d/runuser: "]);
}, BARE);
