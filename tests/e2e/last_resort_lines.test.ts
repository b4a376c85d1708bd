// The PAM line of the last resort: what it writes if the hook cannot start, and that users cannot abuse it.

import assert from "node:assert/strict";
import { endToEnd, findingsOn, shell } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const LAST_CONF = "/etc/ssh-session-notifier/pam_env_last.conf";
const UNRECORDED = "/run/ssh-session-notifier/unrecorded";
const DATABASE = "/var/lib/ssh-session-notifier/queue/db/session_events.db";
/** The size limit in install.sh. */
const MOST_BYTES = 1_048_576;

/** A host without a hook, so install.sh can add it. */
const BARE = { pamSessionFirst: [] };

async function installed(host: TestHost): Promise<void> {
  const { code, stderr } = await runInstaller(host, "--pam", "--fix-pam-env");
  assert.equal(code, 0, stderr);
}

/** Logs in with a key and with a password, and out again. */
async function logIn(host: TestHost, user = "alice"): Promise<void> {
  for (const auth of ["key", "password"] as const) {
    const { code, stdout, stderr } = await host.ssh(user, { auth, command: "echo in" });
    assert.deepEqual([code, stdout, stderr], [0, "in\n", ""], auth);
  }
  await host.loggedOut();
}

/** The recorded variables of each login. */
async function written(host: TestHost): Promise<Map<string, string>[]> {
  const text = await Deno.readTextFile(host.path(UNRECORDED));
  const entries = text.split(/\*\*\* .*\n/).filter((entry) => entry !== "");
  return entries.map((entry) =>
    new Map(
      entry.split("\0").filter((line) => line.includes("=")).map((line): [string, string] => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    )
  );
}

async function recorded(host: TestHost): Promise<string> {
  return await shell(host, `[ ! -e ${DATABASE} ] || sqlite3 -readonly ${DATABASE} 'SELECT count(*) FROM event'`);
}

/** Each of these prevents the hook from starting. */
const UNABLE: readonly [name: string, command: string][] = [
  ["the binary is missing", `rm ${BINARY}`],
  ["the binary is empty", `: >${BINARY}`],
  ["the binary is broken", `head -c 1000000 ${BINARY} >${BINARY}.cut; cat ${BINARY}.cut >${BINARY}`],
  ["the binary can't be run", `chmod 0640 ${BINARY}`],
  ["there is too little memory", "prlimit --pid $(cat /run/test-host/sshd.pid) --as=500000000"],
];

for (const [name, command] of UNABLE) {
  endToEnd(`where ${name}, each login succeeds and is recorded once, but not its logout`, async (host) => {
    await installed(host);
    assert.equal(await shell(host, `stat -c '%U:%G %a %s' ${UNRECORDED}`), "root:ssh-session-queue 640 0\n");
    await shell(host, command);
    await logIn(host);
    const entries = await written(host);
    assert.equal(entries.length, 2);
    for (const entry of entries) {
      assert.deepEqual(
        ["PAM_TYPE", "PAM_USER", "PAM_RHOST", "PAM_SERVICE"].map((variable) => entry.get(variable)),
        ["open_session", "alice", "127.0.0.1", "sshd"],
      );
      assert.match(entry.get("SSH_CONNECTION") ?? "", /^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+$/);
    }
    assert.equal(await shell(host, `stat -c '%U:%G %a' ${UNRECORDED}`), "root:ssh-session-queue 640\n");
    assert.match(await recorded(host), /^(0\n)?$/);
  }, BARE);
}

endToEnd("if the hook works, the last resort writes nothing, neither at the login nor at the logout", async (host) => {
  await installed(host);
  await logIn(host);
  assert.deepEqual([await recorded(host), await Deno.readTextFile(host.path(UNRECORDED))], ["4\n", ""]);
}, BARE);

endToEnd("an entry that exceeds the size limit of the file is truncated, and the login succeeds", async (host) => {
  await installed(host);
  await shell(host, `rm ${BINARY}; head -c ${MOST_BYTES - 100} /dev/zero >${UNRECORDED}`);
  await logIn(host);
  // The dates that pam_exec writes are added.
  const { size } = await Deno.stat(host.path(UNRECORDED));
  assert.ok(size >= MOST_BYTES && size < MOST_BYTES + 200, `${size} bytes`);
  await shell(host, `cp /root/ssh-session-notifier/root${BINARY} ${BINARY}`);
  assertFound(await findingsOn(host), ["fault hook.record-full", `"${UNRECORDED}"`]);
}, BARE);

endToEnd("without the folder, or without the programs that write, each login succeeds", async (host) => {
  await installed(host);
  await shell(host, `rm -r ${BINARY} /run/ssh-session-notifier`);
  await logIn(host);
  // Simulates a machine without them: the layers of the host do not cover /usr/bin.
  await shell(host, "sed -i 's|/usr/bin/prlimit|/usr/bin/no-such-program|' /etc/pam.d/sshd");
  await logIn(host);
  await shell(host, "mkdir -p /run/ssh-session-notifier/unrecorded");
  await logIn(host);
}, BARE);

/** A library of glibc that writes a profile when it is loaded, to a place where only root can write. */
const PRELOAD = "LD_PRELOAD=libpcprofile.so\nPCPROFILE_OUTPUT DEFAULT=/etc/markers/loaded\n";

endToEnd(
  "no library of the user runs in the last resort: it is skipped if its environment cannot be cleaned",
  async (host) => {
    await installed(host);
    await shell(
      host,
      `mkdir -m 0755 /etc/markers; rm ${BINARY}
       sed -i '1i auth optional pam_env.so user_readenv=1' /etc/pam.d/sshd`,
    );
    await Deno.writeTextFile(host.path("/home/alice/.pam_environment"), PRELOAD);
    const made = async () => await shell(host, "ls /etc/markers");
    await logIn(host);
    assert.deepEqual([(await written(host)).length, await made()], [2, ""]);

    // Without the previous line, root loads the library.
    await shell(
      host,
      `cp /etc/pam.d/sshd /etc/sshd.kept; sed -i '/success=ignore default=1/d; s/success=2/success=1/' /etc/pam.d/sshd`,
    );
    await shell(host, `mv ${LAST_CONF} ${LAST_CONF}.kept`);
    await logIn(host);
    assert.deepEqual([(await written(host)).length, await made()], [4, "loaded\n"]);

    await shell(host, "rm /etc/markers/loaded; cat /etc/sshd.kept >/etc/pam.d/sshd");
    await logIn(host);
    assert.deepEqual([(await written(host)).length, await made()], [4, ""]);
  },
  BARE,
);

/** Variables that end a program that is not setgid, or make it write where only root can. */
const HOSTILE = [
  "LD_TRACE_LOADED_OBJECTS=1",
  "LD_DEBUG=help",
  "LD_DEBUG=all\nLD_DEBUG_OUTPUT=/etc/markers/debug",
  "LD_PROFILE=libc.so.6\nLD_PROFILE_OUTPUT=/etc/markers",
  "GLIBC_TUNABLES=glibc.malloc.top_pad=9223372036854775807",
  "MALLOC_TOP_PAD_=9223372036854775807",
];

endToEnd("no variable of the user stops the last resort, or redirects its output", async (host) => {
  await installed(host);
  await shell(
    host,
    `mkdir -m 0755 /etc/markers; rm ${BINARY}; sed -i '1i auth optional pam_env.so user_readenv=1' /etc/pam.d/sshd`,
  );
  for (const [index, variables] of HOSTILE.entries()) {
    await Deno.writeTextFile(host.path("/home/alice/.pam_environment"), `${variables}\n`);
    // sshd passes them to the user's own shell, which may fail.
    await host.ssh("alice", { auth: "key" });
    await host.loggedOut();
    const entries = await written(host);
    assert.equal(entries.length, index + 1, variables);
    assert.equal(entries.at(-1)?.get("PAM_USER"), "alice");
  }
  assert.equal(await shell(host, "ls /etc/markers"), "");
}, BARE);
