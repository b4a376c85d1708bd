// The layers of defence: all that the person who logs in can forge, and what becomes of it at the login and at the
// logout. One table; each row logs in as a user of its own, on a host with the hook in the right place or in a wrong one.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

/** One forgery and what becomes of it. */
interface Row {
  /** The lines of `~/.pam_environment`, in Latin-1. */
  readonly environment?: readonly string[];
  /** What `/etc/security/limits.conf` says of the user. */
  readonly limit?: string;
  /** The length of an extension in a certificate, signed by a CA that the user's own `authorized_keys` trusts. */
  readonly extensionLength?: number;
  /** Whether the session is sftp inside sshd, since no program starts in so large an environment. */
  readonly sftp?: boolean;
  /** With the lines where install.sh puts them, but `user_readenv=1` left in. */
  readonly right: string;
  /** With a bare hook line at the end of the session stack, as published recipes have it. */
  readonly wrong: string;
}

/** An allowlisted address, from which nobody logs in. */
const ALLOWLISTED = "10.0.0.2";

/** A directory in which only root can make a file, and everyone can see it. */
const MARKERS = "/etc/markers";

/** Makes the library do what only root can. It comes with glibc and writes a profile when it is loaded. */
const PROFILE = `PCPROFILE_OUTPUT DEFAULT=${MARKERS}/@{PAM_USER}`;
const LIBRARY = "/home/alice/evil.so";

const FORGED_CONNECTION = `SSH_CONNECTION DEFAULT="${ALLOWLISTED} 50022 10.0.0.1 22"`;

/** The longest that a login may take, in milliseconds: what hangs does so for good, and the machine may be busy. */
const LOGIN_MS = 30_000;
/** How long is waited for a login that is known to hang. */
const KNOWN_HANG_MS = 3_000;
/** How many log in at once. */
const AT_ONCE = 6;

/** So many lines of 8,000 characters. pam_env takes little more in one line, but any number of them. */
const fill = (lines: number) => Array.from({ length: lines }, (_, index) => `FILL_${index}=${"x".repeat(8_000)}`);

/**
 * For the login and the logout: `told`, the event arrives, with its real user and address; `tampered`, likewise, and it
 * says that it was tampered with; `lost`, none arrives. With a plus sign, as many arrive. Then what else there is to tell.
 */
const MATRIX: Readonly<Record<string, Row>> = {
  honest: { right: "told told", wrong: "told told" },

  // Limits, which an administrator sets and pam_limits applies, to sshd too. Behind most of them, no hook starts: `check` says so.
  // First, since sshd's log, a file here, must be small.
  // As long as the database's log is shorter than that, a hook that starts can write.
  limit_fsize: { limit: "hard fsize 16", right: "told lost or told told", wrong: "lost lost or lost told" },
  limit_as: { limit: "hard as 2000000", right: "told lost", wrong: "lost lost" },
  // Without a JIT compiler the hook starts with 20 MB of data, and not with 10 MB; `check` wants 32 MB.
  limit_data: { limit: "hard data 32768", right: "told told", wrong: "told told" },
  limit_data_small: { limit: "hard data 10000", right: "told lost", wrong: "lost lost" },
  // Too little for sshd too: a few of 100 logins end with 255, with a hook or without, at 88 as at 128.
  limit_stack: {
    limit: "hard stack 96",
    right: "told lost or told lost, the login exits 255",
    wrong: "lost lost or lost lost, the login exits 255",
  },
  limit_nofile: { limit: "hard nofile 14", right: "told lost", wrong: "lost lost" },
  limit_cpu: { limit: "hard cpu 1", right: "told told", wrong: "told told" },

  // Code of the user's.
  ld_preload: { environment: [`LD_PRELOAD=${LIBRARY}`, PROFILE], right: "told told", wrong: "told told" },
  ld_preload_system: { environment: ["LD_PRELOAD=libpcprofile.so", PROFILE], right: "told told", wrong: "told told" },
  ld_audit: { environment: [`LD_AUDIT=${LIBRARY}`, PROFILE], right: "told told", wrong: "told told" },
  ld_library_path: { environment: ["LD_LIBRARY_PATH=/home/alice"], right: "told told", wrong: "told told" },
  // The loader obeys these in a setgid program too.
  ld_trace: { environment: ["LD_TRACE_LOADED_OBJECTS=1"], right: "told told", wrong: "lost lost" },
  ld_debug: { environment: ["LD_DEBUG=help"], right: "told told", wrong: "lost lost" },
  ld_debug_output: {
    environment: ["LD_DEBUG=all", `LD_DEBUG_OUTPUT DEFAULT=${MARKERS}/@{PAM_USER}`],
    right: "told told",
    wrong: "told told",
  },
  ld_profile: {
    environment: ["LD_PROFILE=libc.so.6", `LD_PROFILE_OUTPUT=${MARKERS}`],
    right: "told told",
    wrong: "told told",
  },
  ld_show_auxv: { environment: ["LD_SHOW_AUXV=1"], right: "told told", wrong: "told told" },
  glibc_tunables: { environment: ["GLIBC_TUNABLES=glibc.malloc.check=3"], right: "told told", wrong: "told told" },

  // What the hook reads. pam_exec has the last word on PAM_*; PAM_RUSER is not read, since nothing tells a forged one.
  pam_rhost: { environment: [`PAM_RHOST=${ALLOWLISTED}`], right: "told tampered", wrong: "tampered tampered" },
  pam_user: { environment: ["PAM_USER=root"], right: "told tampered", wrong: "tampered tampered" },
  pam_ruser: { environment: ["PAM_RUSER=root"], right: "told told", wrong: "told told" },
  pam_type: { environment: ["PAM_TYPE=auth"], right: "told tampered", wrong: "tampered tampered" },
  pam_type_open: { environment: ["PAM_TYPE=open_session"], right: "told tampered", wrong: "told tampered" },
  pam_tty: { environment: ["PAM_TTY=tty1"], right: "told tampered", wrong: "tampered tampered" },
  pam_service: { environment: ["PAM_SERVICE=cron"], right: "told tampered", wrong: "tampered tampered" },
  // In a wrong place nothing of these but a foreign address can be known.
  connection: { environment: [FORGED_CONNECTION], right: "told tampered", wrong: "tampered tampered" },
  connection_port: {
    environment: ['SSH_CONNECTION DEFAULT="127.0.0.1 1 127.0.0.1 22"'],
    right: "told tampered",
    wrong: "told told",
  },
  connection_gone: { environment: ["SSH_CONNECTION DEFAULT="], right: "told tampered", wrong: "told told" },
  auth_info: { environment: ["SSH_AUTH_INFO_0=password"], right: "told tampered", wrong: "told told" },
  auth_info_gone: { environment: ["SSH_AUTH_INFO_0 DEFAULT="], right: "told tampered", wrong: "told told" },
  all_at_once: {
    environment: [`PAM_RHOST=${ALLOWLISTED}`, "PAM_USER=root", "PAM_TYPE=auth", "PAM_RUSER=root", FORGED_CONNECTION],
    right: "told tampered",
    wrong: "tampered tampered",
  },

  // Values that are no text.
  not_utf8: { environment: ["ANY=\xff"], right: "told told", wrong: "told told" },
  not_utf8_rhost: { environment: ["PAM_RHOST=\xff"], right: "told tampered", wrong: "tampered tampered" },
  not_utf8_conn: { environment: ["SSH_CONNECTION=\xff"], right: "told tampered", wrong: "tampered tampered" },
  not_utf8_auth: { environment: ["SSH_AUTH_INFO_0=\xff"], right: "told tampered", wrong: "tampered tampered" },

  // Variables of the runtime, which act before the first line of our code. Which do, its version decides.
  sslkeylogfile: {
    environment: [`SSLKEYLOGFILE DEFAULT=${MARKERS}/@{PAM_USER}`],
    right: "told told",
    wrong: "told told, root makes a file at the login",
  },
  icu_data: {
    environment: ["ICU_DATA=/home/alice", "ICU_TIMEZONE_FILES_DIR=/home/alice"],
    right: "told told",
    wrong: "told told",
  },
  openssl_ia32cap: { environment: ["OPENSSL_ia32cap=garbage"], right: "told told", wrong: "told told" },
  tmpdir: { environment: ["TMPDIR=garbage"], right: "told told", wrong: "told told" },
  simdutf: {
    environment: ["SIMDUTF_FORCE_IMPLEMENTATION=garbage"],
    right: "told told",
    wrong: "lost lost or told told",
  },
  node_options: { environment: ["NODE_OPTIONS=\xff"], right: "told told", wrong: "lost lost or told told" },
  tokio_panic: { environment: ["DENO_TOKIO_GLOBAL_QUEUE_INTERVAL=0"], right: "told told", wrong: "lost lost" },
  tokio_hang: { environment: ["DENO_TOKIO_EVENT_INTERVAL=0"], right: "told told", wrong: "hangs" },
  // Users set these for good reasons, so that they can't be taken out of their sessions.
  lang: { environment: ["LANG=xxxxxxxxxxxx"], right: "told lost", wrong: "lost lost" },
  lc_all: { environment: ["LC_ALL=xxxxxxxxxxxx"], right: "told lost", wrong: "lost lost" },

  // Too much for execve: in all, 2 MiB; in one variable, 128 KiB.
  huge: { environment: fill(240), sftp: true, right: "told told", wrong: "told told" },
  too_huge: { environment: fill(280), sftp: true, right: "told lost", wrong: "lost lost" },
  // pam_env refuses the login; then sshd closes no session.
  too_long_line: {
    environment: [`ANY=${"x".repeat(9_000)}`],
    right: "told lost, the login exits 254",
    wrong: "told lost, the login exits 254",
  },
  certificate: { extensionLength: 1_000, right: "told told", wrong: "told told" },
  // Without SSH_AUTH_INFO_0 the second line of the hook does; at the logout PAM runs both again.
  huge_certificate: { extensionLength: 120_000, right: "told told+told", wrong: "lost lost" },
};

type Matrix = Readonly<Record<string, Row>>;

const BINARY = "/usr/sbin/ssh-session-notifier";
const BARE_LINE = `session optional pam_exec.so quiet ${BINARY} queue`;

const NO_HOOK = {
  pamSessionFirst: [],
  // Debian's own file has such a line; others may not.
  pamSessionLast: ["session required pam_env.so user_readenv=1"],
  sshdOptions: ["Subsystem sftp internal-sftp"],
};
const WRONG_PLACE = { ...NO_HOOK, pamSessionLast: [...NO_HOOK.pamSessionLast, BARE_LINE] };

endToEnd("in the right place every login is told as it was, and nothing of the user's works as root", async (host) => {
  await install(host, "--pam");
  assert.match(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ right }) => right);
}, NO_HOOK);

endToEnd("in the right place, and with user_readenv off, nothing of the user's reaches the hook", async (host) => {
  await install(host, "--pam", "--fix-pam-env");
  assert.doesNotMatch(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ environment, right }) => environment === undefined ? right : "told told");
}, NO_HOOK);

endToEnd("in a wrong place nothing forged is believed, but a user can go unseen", async (host) => {
  assert.match(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ wrong }) => wrong);
}, WRONG_PLACE);

/** What the second line and the last one are for: where a bare line in the first place does less well than these. */
const BARE_FIRST: Readonly<Record<string, string>> = {
  sslkeylogfile: "told told, root makes a file at the logout",
  ld_trace: "told lost",
  ld_debug: "told lost",
  simdutf: "told lost or told told",
  node_options: "told lost or told told",
  tokio_panic: "told lost",
  huge_certificate: "lost lost",
};

endToEnd(
  "a bare line in the first place tells each login but a huge certificate's, and not each logout",
  async (host) => {
    // The hook of its logout hangs until the host ends.
    const { tokio_hang: _, ...rows } = MATRIX;
    const outcomesOf = Object.entries(rows).map(([name, row]): [string, Row] => [
      name,
      { ...row, right: BARE_FIRST[name] ?? row.right },
    ]);
    await assertOutcomes(host, ({ right }) => right, Object.fromEntries(outcomesOf));
  },
  { ...NO_HOOK, pamSessionFirst: [BARE_LINE] },
);

endToEnd("what an auth line has read of the user's is taken out before the first hook starts", async (host) => {
  await install(host, "--pam");
  await shell(host, "sed -i '1i auth optional pam_env.so user_readenv=1' /etc/pam.d/sshd");
  const names = ["sslkeylogfile", "simdutf", "node_options", "tokio_panic", "tokio_hang", "glibc_tunables"];
  const rows = Object.fromEntries(
    Object.entries(MATRIX).filter(([name]) => name.startsWith("ld_") || names.includes(name)),
  );
  assert.equal(Object.keys(rows).length, names.length + 9);
  await assertOutcomes(host, () => "told told", rows);
  // What the hook reads stays there, and is not believed.
  const { pam_user, pam_rhost } = MATRIX;
  assert.ok(pam_user && pam_rhost);
  await assertOutcomes(host, () => "tampered tampered", { forged_user: pam_user, forged_rhost: pam_rhost });
}, NO_HOOK);

endToEnd("a login that fails does so without a hook too", async (host) => {
  const failing = Object.entries(MATRIX).filter(([, { right, wrong }]) => /exits/.test(right + wrong));
  assert.ok(failing.length > 0);
  await assertOutcomes(host, ({ right }) => right.replaceAll("told", "lost"), Object.fromEntries(failing));
}, NO_HOOK);

/** What becomes of a user's library where layers are taken out. */
const MISSING_LAYERS: [command: string, outcome: string][] = [
  [`chmod 0750 ${BINARY}`, "told told"],
  [
    `chmod 2750 ${BINARY}
     line=$(grep -n pam_env_last /etc/pam.d/sshd | tail -n 1); sed -i "\${line%%:*}d" /etc/pam.d/sshd`,
    "told told",
  ],
  [`chmod 0750 ${BINARY}`, "told told, root makes a file at the logout"],
  [
    `sed -i '/ssh-session-notifier/d' /etc/pam.d/sshd; echo '${BARE_LINE}' >>/etc/pam.d/sshd`,
    "told told, root makes a file at the login",
  ],
];

endToEnd(
  "root loads a user's library only where two layers are missing: setgid, and the lines' place",
  async (host) => {
    await install(host, "--pam");
    const rows = Object.entries(MATRIX).filter(([, { environment }]) => environment?.includes(PROFILE));
    assert.equal(rows.length, 3);
    for (const [index, [command, outcome]] of MISSING_LAYERS.entries()) {
      await shell(host, command);
      // Users of its own for each try.
      const matrix = Object.fromEntries(rows.map(([name, row]) => [`${name}_${index}`, row]));
      await assertOutcomes(host, () => outcome, matrix);
    }
  },
  NO_HOOK,
);

/** Has each row's user log in and out, and compares what becomes of it with what is expected. */
async function assertOutcomes(host: TestHost, cell: (row: Row) => string, matrix: Matrix = MATRIX): Promise<void> {
  await makeUsers(host, matrix);
  await host.writeConfig(configFor("stdout", "", `[allowlist]\nips = ["${ALLOWLISTED}"]`));
  const rows = Object.entries(matrix);
  const actual = await outcomes(host, rows.filter(([, row]) => cell(row) !== "hangs"));
  // Last and not waited for: such a hook stays until the host ends.
  for (const [name, row] of rows.filter(([, row]) => cell(row) === "hangs")) {
    const { code } = await logIn(host, name, row, KNOWN_HANG_MS);
    actual[name] = code === KILLED ? "hangs" : `the login exits ${code}`;
  }
  for (const [name, row] of rows) {
    if (cell(row).split(" or ").includes(actual[name] ?? "")) actual[name] = cell(row);
  }
  assert.deepEqual(actual, Object.fromEntries(rows.map(([name, row]) => [name, cell(row)])));
}

/** Has each row's user log in and out, and tells what becomes of it, in the words of the matrix. */
async function outcomes(host: TestHost, rows: readonly [name: string, row: Row][]): Promise<Record<string, string>> {
  const logins = new Map<string, Login>();
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const batch = rows.slice(start, start + AT_ONCE);
    await Promise.all(batch.map(async ([name, row]) => logins.set(name, await logIn(host, name, row))));
  }
  await host.loggedOut().catch((cause) => {
    throw new Error("the hook of a logout hangs", { cause });
  });
  const events = await delivered(host, new Set(logins.keys()));
  const files = new Set((await shell(host, `ls ${MARKERS}`)).split("\n"));
  const described = [...logins].map(([name, { code, madeFile }]) => {
    const parts = [`${events(name, "logged in to")} ${events(name, "logged out from")}`];
    if (files.has(name)) parts.push(`root makes a file at the ${madeFile ? "login" : "logout"}`);
    if (code !== 0) parts.push(code === KILLED ? "hangs" : `the login exits ${code}`);
    return [name, parts.join(", ")];
  });
  return Object.fromEntries(described);
}

/** How a login went. */
interface Login {
  readonly code: number;
  /** Whether the hook had made a file of the user's choice when the session began. */
  readonly madeFile: boolean;
}

/** What `timeout` exits with when it has killed. */
const KILLED = 137;

async function logIn(host: TestHost, name: string, { sftp }: Row, timeoutMs = LOGIN_MS): Promise<Login> {
  const session = sftp
    // Ends when its input does, which is empty.
    ? { command: "sftp", extraSshOptions: ["-s"] }
    : { command: `test ! -e ${MARKERS}/${name} || echo made` };
  const { code, stdout } = await host.ssh(name, { auth: "key", timeoutMs, ...session });
  return { code, madeFile: stdout.includes("made") };
}

/**
 * Runs `send`, and a hook before it whose event is allowlisted, so that it is sure that the allowlist works.
 *
 * @returns what arrived of a user's logins or logouts, in the words of the matrix
 */
async function delivered(
  host: TestHost,
  users: ReadonlySet<string>,
): Promise<(user: string, what: string) => string> {
  const env = { PAM_RHOST: ALLOWLISTED, SSH_CONNECTION: `${ALLOWLISTED} 50022 10.0.0.1 22` };
  assert.equal((await queue(host, { env })).code, 0);
  const { code, stdout, stderr } = await send(host, "--verbose");
  assert.equal(code, 0, stderr);
  const allowlisted = stderr.match(/.* is allowlisted: .*/g) ?? [];
  assert.equal(allowlisted.length, 1, `more than the one that is: ${allowlisted.join("\n")}`);

  const found = new Map<string, string>();
  for (const line of stdout.split("\n").filter((line) => line !== "")) {
    const [, user = "", what, details = ""] = LINE.exec(line) ?? [];
    assert.ok(users.has(user), `of none of the users, or forged: ${line}`);
    const key = `${user} ${what}`;
    const word = details.includes("environment tampered with") ? "tampered" : "told";
    found.set(key, found.has(key) ? `${found.get(key)}+${word}` : word);
  }
  return (user, what) => found.get(`${user} ${what}`) ?? "lost";
}

const LINE =
  /^'(\w+)' \(127\.0\.0\.1\) (logged in to|logged out from) example\.com via ssh \(sshd\) at \S+ \S+(?: \[(.*)\])?$/;

async function makeUsers(host: TestHost, matrix: Matrix): Promise<void> {
  await shell(
    host,
    `install -d -m 0755 ${MARKERS}
     cp /lib/${Deno.build.arch}-linux-gnu/libpcprofile.so ${LIBRARY}
     cp ${LIBRARY} /home/alice/libm.so.6
     chmod 0755 /home/alice
     for name in ${Object.keys(matrix).join(" ")}; do
       uid=$((61200 + $(wc -l </etc/passwd)))
       echo "$name:x:$uid:$uid::/home/$name:/bin/sh" >>/etc/passwd
       echo "$name:x:$uid:" >>/etc/group
       echo "$name:*:20000:0:99999:7:::" >>/etc/shadow
       cp ${host.keyPath("alice")} ${host.keyPath("$name")}
       cp ${host.keyPath("alice")}.pub ${host.keyPath("$name")}.pub
       mkdir /home/$name
       cp -r /home/alice/.ssh /home/$name
       chown -R $uid:$uid /home/$name
     done`,
  );
  for (const [name, { environment, limit, extensionLength }] of Object.entries(matrix)) {
    if (environment !== undefined) {
      const text = environment.map((line) => `${line}\n`).join("");
      const latin1 = Uint8Array.from(text, (character) => character.charCodeAt(0));
      await Deno.writeFile(host.path(`/home/${name}/.pam_environment`), latin1);
    }
    if (limit !== undefined) await shell(host, `echo '${name} ${limit}' >>/etc/security/limits.conf`);
    if (extensionLength !== undefined) {
      await shell(
        host,
        `ssh-keygen -q -t ed25519 -N '' -f /home/${name}/ca
         extension=name@example.com=$(head -c ${extensionLength} /dev/zero | tr '\\0' x)
         ssh-keygen -q -s /home/${name}/ca -I id -n ${name} -O "extension:$extension" ${host.keyPath(name)}.pub
         echo "cert-authority $(cat /home/${name}/ca.pub)" >/home/${name}/.ssh/authorized_keys`,
      );
    }
  }
}

async function install(host: TestHost, ...flags: string[]): Promise<void> {
  const { code, stderr } = await runInstaller(host, ...flags);
  assert.equal(code, 0, stderr);
}

/** The lines of sshd's PAM file that count. */
async function pamFile(host: TestHost): Promise<string> {
  return await shell(host, "grep -v '^#' /etc/pam.d/sshd");
}

async function shell(host: TestHost, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-euc", script]);
  assert.equal(code, 0, `${script}: ${stderr}`);
  return stdout;
}
