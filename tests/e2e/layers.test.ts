// The layers of defense: everything that a user who logs in can forge, and its effect at the login and the logout. One
// table; each row logs in as a different user, on a host with the hook in the right place or in a wrong place.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { runInstaller } from "../helpers/install.ts";

/** A forgery and its effect. */
interface Row {
  /** The lines of `~/.pam_environment`, in Latin-1. */
  readonly environment?: readonly string[];
  /** The user's line in `/etc/security/limits.conf`. */
  readonly limit?: string;
  /** The length of an extension in a certificate, signed by a CA that the user's own `authorized_keys` trusts. */
  readonly extensionLength?: number;
  /** Whether the session is sftp inside sshd, because no program starts with such a large environment. */
  readonly sftp?: boolean;
  /** The effect with the lines where install.sh puts them, but with `user_readenv=1`. */
  readonly right: string;
  /** The effect with a bare hook line at the end of the session stack, as in published recipes. */
  readonly wrong: string;
}

/** An allowlisted address, from which nobody logs in. */
const ALLOWLISTED = "10.0.0.2";

/** A directory that everyone can read, but only root can write. */
const MARKERS = "/etc/markers";

/** Makes the library write a file that only root can. It is part of glibc and writes a profile when it is loaded. */
const PROFILE = `PCPROFILE_OUTPUT DEFAULT=${MARKERS}/@{PAM_USER}`;
const LIBRARY = "/home/alice/evil.so";

const FORGED_CONNECTION = `SSH_CONNECTION DEFAULT="${ALLOWLISTED} 50022 10.0.0.1 22"`;

/** The maximum time for a login, in milliseconds. A hang lasts indefinitely, and the machine may be busy. */
const LOGIN_MS = 30_000;
/** The maximum time for a login that is known to hang, in milliseconds. */
const KNOWN_HANG_MS = 3_000;
/** The number of parallel logins. */
const AT_ONCE = 6;

/** Creates lines of 8,000 characters. pam_env accepts little more per line, but any number of lines. */
const fill = (lines: number) => Array.from({ length: lines }, (_, index) => `FILL_${index}=${"x".repeat(8_000)}`);

/**
 * For the login and the logout: `told`: the event arrives with its real user and address; `tampered`: it also reports
 * tampering; `lost`: no event arrives. A plus sign joins several events. Other effects follow.
 */
const MATRIX: Readonly<Record<string, Row>> = {
  honest: { right: "told told", wrong: "told told" },

  // The administrator's limits, which pam_limits applies to sshd too. With most, no hook starts; `check` says so.
  // This row is first, because sshd's log, a file here, must be small.
  // A hook that starts can write as long as the log of the database is shorter than the limit.
  limit_fsize: { limit: "hard fsize 16", right: "told lost or told told", wrong: "lost lost or lost told" },
  limit_as: { limit: "hard as 2000000", right: "told lost", wrong: "lost lost" },
  // Without a JIT compiler, the hook starts with 20 MB of data but not with 10 MB; `check` requires 32 MB.
  limit_data: { limit: "hard data 32768", right: "told told", wrong: "told told" },
  limit_data_small: { limit: "hard data 10000", right: "told lost", wrong: "lost lost" },
  // Too little for sshd too: a few of 100 logins exit with 255, with or without a hook, at 88 and at 128.
  limit_stack: {
    limit: "hard stack 96",
    right: "told lost or told lost, the login exits 255",
    wrong: "lost lost or lost lost, the login exits 255",
  },
  limit_nofile: { limit: "hard nofile 14", right: "told lost", wrong: "lost lost" },
  limit_cpu: { limit: "hard cpu 1", right: "told told", wrong: "told told" },

  // The user's code.
  ld_preload: { environment: [`LD_PRELOAD=${LIBRARY}`, PROFILE], right: "told told", wrong: "told told" },
  ld_preload_system: { environment: ["LD_PRELOAD=libpcprofile.so", PROFILE], right: "told told", wrong: "told told" },
  ld_audit: { environment: [`LD_AUDIT=${LIBRARY}`, PROFILE], right: "told told", wrong: "told told" },
  ld_library_path: { environment: ["LD_LIBRARY_PATH=/home/alice"], right: "told told", wrong: "told told" },
  // The loader honors these even in a setgid program.
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

  // Variables that the hook reads. pam_exec sets PAM_* last; PAM_RUSER is not read, because a forgery is undetectable.
  pam_rhost: { environment: [`PAM_RHOST=${ALLOWLISTED}`], right: "told tampered", wrong: "tampered tampered" },
  pam_user: { environment: ["PAM_USER=root"], right: "told tampered", wrong: "tampered tampered" },
  pam_ruser: { environment: ["PAM_RUSER=root"], right: "told told", wrong: "told told" },
  pam_type: { environment: ["PAM_TYPE=auth"], right: "told tampered", wrong: "tampered tampered" },
  pam_type_open: { environment: ["PAM_TYPE=open_session"], right: "told tampered", wrong: "told tampered" },
  pam_tty: { environment: ["PAM_TTY=tty1"], right: "told tampered", wrong: "tampered tampered" },
  pam_service: { environment: ["PAM_SERVICE=cron"], right: "told tampered", wrong: "tampered tampered" },
  // In a wrong place, only a foreign address can be detected here.
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

  // Values that are not text.
  not_utf8: { environment: ["ANY=\xff"], right: "told told", wrong: "told told" },
  not_utf8_rhost: { environment: ["PAM_RHOST=\xff"], right: "told tampered", wrong: "tampered tampered" },
  not_utf8_conn: { environment: ["SSH_CONNECTION=\xff"], right: "told tampered", wrong: "tampered tampered" },
  not_utf8_auth: { environment: ["SSH_AUTH_INFO_0=\xff"], right: "told tampered", wrong: "tampered tampered" },

  // Variables of the runtime, which take effect before our code starts. They depend on its version.
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
  // Users set these for good reasons, so they cannot be removed from sessions.
  lang: { environment: ["LANG=xxxxxxxxxxxx"], right: "told lost", wrong: "lost lost" },
  lc_all: { environment: ["LC_ALL=xxxxxxxxxxxx"], right: "told lost", wrong: "lost lost" },

  // Too much for execve: 2 MiB in total, 128 KiB in one variable.
  huge: { environment: fill(240), sftp: true, right: "told told", wrong: "told told" },
  too_huge: { environment: fill(280), sftp: true, right: "told lost", wrong: "lost lost" },
  // pam_env refuses the login, so sshd closes no session.
  too_long_line: {
    environment: [`ANY=${"x".repeat(9_000)}`],
    right: "told lost, the login exits 254",
    wrong: "told lost, the login exits 254",
  },
  certificate: { extensionLength: 1_000, right: "told told", wrong: "told told" },
  // The second line of the hook works, because it omits SSH_AUTH_INFO_0; at the logout, PAM runs both lines.
  huge_certificate: { extensionLength: 120_000, right: "told told+told", wrong: "lost lost" },
};

type Matrix = Readonly<Record<string, Row>>;

const BINARY = "/usr/sbin/ssh-session-notifier";
const BARE_LINE = `session optional pam_exec.so quiet ${BINARY} queue`;

const NO_HOOK = {
  pamSessionFirst: [],
  // Debian's file has such a line; others may not.
  pamSessionLast: ["session required pam_env.so user_readenv=1"],
  sshdOptions: ["Subsystem sftp internal-sftp"],
};
const WRONG_PLACE = { ...NO_HOOK, pamSessionLast: [...NO_HOOK.pamSessionLast, BARE_LINE] };

endToEnd("in the right place, every login is reported correctly, and no user code runs as root", async (host) => {
  await install(host, "--pam");
  assert.match(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ right }) => right);
}, NO_HOOK);

endToEnd("in the right place without user_readenv, no variable of the user reaches the hook", async (host) => {
  await install(host, "--pam", "--fix-pam-env");
  assert.doesNotMatch(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ environment, right }) => environment === undefined ? right : "told told");
}, NO_HOOK);

endToEnd("in a wrong place, forgeries are detected, but a user can avoid detection", async (host) => {
  assert.match(await pamFile(host), /user_readenv=1/);
  await assertOutcomes(host, ({ wrong }) => wrong);
}, WRONG_PLACE);

/** Rows where a bare line in the first place is worse than our lines: the reason for the second and last line. */
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
  "a bare line in the first place reports each login except with a huge certificate, but not each logout",
  async (host) => {
    // Its hook hangs at the logout until the host ends.
    const { tokio_hang: _, ...rows } = MATRIX;
    const outcomesOf = Object.entries(rows).map(([name, row]): [string, Row] => [
      name,
      { ...row, right: BARE_FIRST[name] ?? row.right },
    ]);
    await assertOutcomes(host, ({ right }) => right, Object.fromEntries(outcomesOf));
  },
  { ...NO_HOOK, pamSessionFirst: [BARE_LINE] },
);

endToEnd("variables that an auth line read from the user are removed before the first hook", async (host) => {
  await install(host, "--pam");
  await shell(host, "sed -i '1i auth optional pam_env.so user_readenv=1' /etc/pam.d/sshd");
  const names = ["sslkeylogfile", "simdutf", "node_options", "tokio_panic", "tokio_hang", "glibc_tunables"];
  const rows = Object.fromEntries(
    Object.entries(MATRIX).filter(([name]) => name.startsWith("ld_") || names.includes(name)),
  );
  assert.equal(Object.keys(rows).length, names.length + 9);
  await assertOutcomes(host, () => "told told", rows);
  // Variables that the hook reads remain, but it does not trust them.
  const { pam_user, pam_rhost } = MATRIX;
  assert.ok(pam_user && pam_rhost);
  await assertOutcomes(host, () => "tampered tampered", { forged_user: pam_user, forged_rhost: pam_rhost });
}, NO_HOOK);

endToEnd("a login that fails also fails without a hook", async (host) => {
  const failing = Object.entries(MATRIX).filter(([, { right, wrong }]) => /exits/.test(right + wrong));
  assert.ok(failing.length > 0);
  await assertOutcomes(host, ({ right }) => right.replaceAll("told", "lost"), Object.fromEntries(failing));
}, NO_HOOK);

/** The effect of a user's library with layers removed. */
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
  "root loads a user's library only if two layers are missing: setgid and the place of the lines",
  async (host) => {
    await install(host, "--pam");
    const rows = Object.entries(MATRIX).filter(([, { environment }]) => environment?.includes(PROFILE));
    assert.equal(rows.length, 3);
    for (const [index, [command, outcome]] of MISSING_LAYERS.entries()) {
      await shell(host, command);
      // Different users for each try.
      const matrix = Object.fromEntries(rows.map(([name, row]) => [`${name}_${index}`, row]));
      await assertOutcomes(host, () => outcome, matrix);
    }
  },
  NO_HOOK,
);

/** Logs in and out as each row's user, and compares the outcomes with the expected ones. */
async function assertOutcomes(host: TestHost, cell: (row: Row) => string, matrix: Matrix = MATRIX): Promise<void> {
  await makeUsers(host, matrix);
  await host.writeConfig(configFor("stdout", "", `[allowlist]\nips = ["${ALLOWLISTED}"]`));
  const rows = Object.entries(matrix);
  const actual = await outcomes(host, rows.filter(([, row]) => cell(row) !== "hangs"));
  // Last and without waiting: such a hook runs until the host ends.
  for (const [name, row] of rows.filter(([, row]) => cell(row) === "hangs")) {
    const { code } = await logIn(host, name, row, KNOWN_HANG_MS);
    actual[name] = code === KILLED ? "hangs" : `the login exits ${code}`;
  }
  for (const [name, row] of rows) {
    if (cell(row).split(" or ").includes(actual[name] ?? "")) actual[name] = cell(row);
  }
  assert.deepEqual(actual, Object.fromEntries(rows.map(([name, row]) => [name, cell(row)])));
}

/** Logs in and out as each row's user, and returns the outcomes in the notation of the matrix. */
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

/** The result of a login. */
interface Login {
  readonly code: number;
  /** Whether the hook created a file of the user's choice before the session began. */
  readonly madeFile: boolean;
}

/** The exit code of `timeout` after a kill. */
const KILLED = 137;

async function logIn(host: TestHost, name: string, { sftp }: Row, timeoutMs = LOGIN_MS): Promise<Login> {
  const session = sftp
    // Ends at once, because its input is empty.
    ? { command: "sftp", extraSshOptions: ["-s"] }
    : { command: `test ! -e ${MARKERS}/${name} || echo made` };
  const { code, stdout } = await host.ssh(name, { auth: "key", timeoutMs, ...session });
  return { code, madeFile: stdout.includes("made") };
}

/**
 * Runs a hook with an allowlisted event, to prove that the allowlist works, and then `send`.
 *
 * @returns the events of a user that arrived, in the notation of the matrix
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

/** The relevant lines of sshd's PAM file. */
async function pamFile(host: TestHost): Promise<string> {
  return await shell(host, "grep -v '^#' /etc/pam.d/sshd");
}

async function shell(host: TestHost, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-euc", script]);
  assert.equal(code, 0, `${script}: ${stderr}`);
  return stdout;
}
