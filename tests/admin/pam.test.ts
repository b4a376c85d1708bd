// What `check` says of a PAM stack, on the stock files of the distributions and on every way to get it wrong.

import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { HARMFUL_VARIABLES, inspectPam } from "../../src/admin/pam.ts";
import { readPamStack } from "../../src/admin/pam_stack.ts";

const HOOK = "pam_exec.so quiet /usr/sbin/ssh-session-notifier queue";
const RETRY = "/etc/ssh-session-notifier/pam_env_retry.conf";
const LAST = "/etc/ssh-session-notifier/pam_env_last.conf";

/** The files of an installation that is right, with the session lines of a small stack. */
const GOOD: Readonly<Record<string, string>> = {
  sshd: [
    "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close",
    "session include ssh-session-notifier",
    "session required pam_loginuid.so",
    "session [success=1 default=ignore] pam_succeed_if.so",
    "session required pam_env.so",
    "session required pam_limits.so",
    "session include ssh-session-notifier-last",
  ].join("\n"),
  "ssh-session-notifier": [
    `session optional pam_env.so conffile=${LAST} readenv=0 user_readenv=0`,
    `session [success=2 default=ignore] ${HOOK}`,
    `session optional pam_env.so conffile=${RETRY} readenv=0 user_readenv=0`,
    `session optional ${HOOK}`,
  ].join("\n"),
  "ssh-session-notifier-last": `session optional pam_env.so conffile=${LAST} readenv=0 user_readenv=0`,
  [RETRY]: "SSH_AUTH_INFO_0 DEFAULT=x\nSSH_AUTH_INFO_0\n",
  [LAST]: HARMFUL_VARIABLES.map((name) => `${name} DEFAULT=x\n${name}\n`).join(""),
  "limits.conf": "* hard core 0\n",
};

/** The faults and warnings, each as `level: message`. */
function found(changes: Readonly<Record<string, string | ((text: string) => string)>>): string[] {
  const files: Record<string, string> = { ...GOOD };
  for (const [name, change] of Object.entries(changes)) {
    const changed = typeof change === "string" ? change : change(files[name] ?? "");
    assert.notEqual(changed, files[name], `${name} is changed`);
    files[name] = changed;
  }
  const findings = new Findings();
  inspectPam({
    stack: readPamStack("sshd", (name) => {
      const text = Object.hasOwn(files, name) ? files[name] : undefined;
      return text === undefined ? undefined : { path: name, text };
    }),
    read: (path) => Object.hasOwn(files, path) ? files[path] : undefined,
    limits: [{ path: "limits.conf", text: files["limits.conf"] ?? "" }],
  }, findings);
  for (const { level, message, mend } of findings.all) assert.equal(mend === "", level === "pass", message);
  return findings.all.filter(({ level }) => level !== "pass").map(({ level, message }) => `${level}: ${message}`);
}

Deno.test("inspectPam() finds nothing wrong with the lines that install.sh writes", () => {
  assert.deepEqual(found({}), []);
});

const FAULTS: [name: string, changes: Parameters<typeof found>[0], expected: RegExp][] = [
  [
    "no hook at all",
    { sshd: "session required pam_unix.so" },
    /^fault: the hook is not in the session stack of sshd/,
  ],
  [
    "the hook in another phase only",
    { sshd: (text) => text.replaceAll("session include", "account include") },
    /^fault: the hook is not in the session stack/,
  ],
  [
    "the hook in a comment only",
    { "ssh-session-notifier": (text) => text.replaceAll(/^/gm, "# ") },
    /^fault: the hook is not in the session stack/,
  ],
  [
    "behind pam_env",
    { sshd: (text) => text.replace(/^/, "session required pam_env.so\n") },
    /^fault: the hook at ssh-session-notifier:2 stands behind pam_env\.so \(sshd:1\)/,
  ],
  [
    "behind pam_limits",
    { sshd: (text) => text.replace("session include", "session required pam_limits.so\nsession include") },
    /^fault: the hook at ssh-session-notifier:2 stands behind pam_limits\.so \(sshd:2\)/,
  ],
  [
    "behind another module",
    { sshd: (text) => text.replace("session include", "session required pam_loginuid.so\nsession include") },
    /^warning: the hook at ssh-session-notifier:2 stands behind pam_loginuid\.so/,
  ],
  [
    "behind a line that can end the stack",
    { sshd: (text) => text.replace("session include", "session sufficient pam_unix.so\nsession include") },
    /^fault: sshd:2 can skip the hook/,
  ],
  [
    "behind a jump",
    { sshd: (text) => text.replace("session include", "session [default=3] pam_unix.so\nsession include") },
    /^fault: sshd:2 can skip the hook/,
  ],
  [
    "no second try",
    { "ssh-session-notifier": `session optional ${HOOK}` },
    /^warning: the hook is not tried once more/,
  ],
  ["a second try with its file emptied", { [RETRY]: "" }, /^warning: the hook is not tried once more/],
  [
    "required",
    { "ssh-session-notifier": (text) => text.replace("[success=2 default=ignore]", "required") },
    /^fault: ssh-session-notifier:2 is "required": a hook that fails would refuse the login/,
  ],
  [
    "default=die",
    { "ssh-session-notifier": (text) => text.replace("default=ignore", "default=die") },
    /^fault: ssh-session-notifier:2 is "success=2 default=die"/,
  ],
  [
    "without quiet",
    { "ssh-session-notifier": (text) => text.replace("quiet ", "") },
    /^warning: ssh-session-notifier:2 has no "quiet"/,
  ],
  [
    "with the password",
    { "ssh-session-notifier": (text) => text.replace("quiet ", "quiet expose_authtok ") },
    /^fault: ssh-session-notifier:2 has "expose_authtok"/,
  ],
  [
    "another program of that name",
    { "ssh-session-notifier": (text) => text.replace("/usr/sbin/", "/usr/local/bin/") },
    /^fault: ssh-session-notifier:2 runs "\/usr\/local\/bin\/ssh-session-notifier queue"/,
  ],
  [
    "another command",
    { "ssh-session-notifier": (text) => text.replace("queue", "send") },
    /^fault: ssh-session-notifier:2 runs "\/usr\/sbin\/ssh-session-notifier send"/,
  ],
  [
    "no last line",
    { sshd: (text) => text.replace("session include ssh-session-notifier-last", "") },
    /^fault: no last line takes LD_PRELOAD/,
  ],
  [
    "a last line that leaves one variable",
    { [LAST]: (text) => text.replace("\nSSLKEYLOGFILE\n", "\n") },
    /^fault: no last line takes LD_PRELOAD/,
  ],
  [
    "a last line that reads the user's variables",
    { "ssh-session-notifier-last": (text) => text.replace("user_readenv=0", "user_readenv=1") },
    /^fault: no last line takes LD_PRELOAD/,
  ],
  [
    "user_readenv as another number",
    { sshd: (text) => text.replace("pam_env.so", "pam_env.so user_readenv=02") },
    /^fault: sshd:5 \(session\) has user_readenv=1/,
  ],
  [
    "a pam_env behind the last line",
    { sshd: (text) => `${text}\nsession required pam_env.so` },
    /^fault: sshd:8 stands behind the line that cleans/,
  ],
  [
    "a stack that can end before the last line",
    { sshd: (text) => text.replace("required pam_loginuid", "sufficient pam_loginuid") },
    /^fault: sshd:3 can skip the line that cleans/,
  ],
  [
    "user_readenv in the session phase",
    { sshd: (text) => text.replace("pam_env.so", "pam_env.so user_readenv=1") },
    /^fault: sshd:5 \(session\) has user_readenv=1/,
  ],
  [
    "user_readenv in another phase, included",
    { sshd: (text) => `auth include login\n${text}`, login: "auth required pam_env.so user_readenv=1" },
    /^fault: login:1 \(auth\) has user_readenv=1/,
  ],
  ["an include that is missing", { sshd: (text) => `${text}\nauth include gone` }, /^fault: "gone" is included/],
  [
    "a limit that ends the hook",
    { "limits.conf": "* hard as 2000000" },
    /^fault: limits\.conf sets as 2000000 for \*: the hook can't start at the logout/,
  ],
  [
    "limits of a file of their own",
    { sshd: (text) => text.replace("pam_limits.so", "pam_limits.so conf=/etc/other.conf") },
    /^warning: sshd:6 has limits in a file of its own/,
  ],
];

for (const [name, changes, expected] of FAULTS) {
  Deno.test(`inspectPam() finds: ${name}`, () => {
    const all = found(changes);
    assert.ok(all.some((line) => expected.test(line)), all.join("\n"));
  });
}

Deno.test("inspectPam() lets limits be where no pam_limits reads them", () => {
  const changes = {
    sshd: (text: string) => text.replace("session required pam_limits.so\n", ""),
    "limits.conf": "* hard as 2000000",
  };
  assert.deepEqual(found(changes), []);
});
