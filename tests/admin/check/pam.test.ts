// Checks the PAM stacks of the distributions, and every way to get a stack wrong.

import assert from "node:assert/strict";
import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import { HARMFUL_VARIABLES, inspectPam } from "../../../src/admin/check/pam.ts";
import { readPamStack } from "../../../src/admin/check/pam_stack.ts";
import { assertFound, type LevelAndId } from "../../helpers/findings.ts";

const HOOK = "pam_exec.so quiet /usr/sbin/ssh-session-notifier queue";
const RETRY = "/etc/ssh-session-notifier/pam_env_retry.conf";
const LAST = "/etc/ssh-session-notifier/pam_env_last.conf";
const CLEAN = `pam_env.so conffile=${LAST} readenv=0 user_readenv=0`;
const LAST_RESORT = "pam_exec.so quiet type=open_session log=/run/ssh-session-notifier/unrecorded " +
  "/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0";

/** The files of a correct installation, with the session lines of a small stack. */
const GOOD: Readonly<Record<string, string>> = {
  sshd: [
    "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close",
    "# ssh-session-notifier begin",
    `session optional ${CLEAN}`,
    `session [success=4 default=ignore] ${HOOK}`,
    `session optional pam_env.so conffile=${RETRY} readenv=0 user_readenv=0`,
    `session [success=2 default=ignore] ${HOOK}`,
    `session [success=ignore default=1] ${CLEAN}`,
    `session optional ${LAST_RESORT}`,
    "# ssh-session-notifier end",
    "session required pam_loginuid.so",
    "session [success=1 default=ignore] pam_succeed_if.so",
    "session required pam_env.so",
    "session required pam_limits.so",
    "# ssh-session-notifier begin",
    `session optional ${CLEAN}`,
    "# ssh-session-notifier end",
  ].join("\n"),
  [RETRY]: "SSH_AUTH_INFO_0 DEFAULT=x\nSSH_AUTH_INFO_0\n",
  [LAST]: HARMFUL_VARIABLES.map((name) => `${name} DEFAULT=x\n${name}\n`).join(""),
  "limits.conf": "* hard core 0\n",
};

/** Returns the faults and warnings. */
function found(
  changes: Readonly<Record<string, string | ((text: string) => string)>>,
  service = "sshd",
): readonly Finding[] {
  const files: Record<string, string> = { ...GOOD };
  for (const [name, change] of Object.entries(changes)) {
    const changed = typeof change === "string" ? change : change(files[name] ?? "");
    assert.notEqual(changed, files[name], `${name} is changed`);
    files[name] = changed;
  }
  const findings = new Findings();
  inspectPam({
    service,
    path: service,
    stack: readPamStack(service, (name) => {
      const text = Object.hasOwn(files, name) ? files[name] : undefined;
      return text === undefined ? undefined : { path: name, text };
    }),
    read: (path) => Object.hasOwn(files, path) ? files[path] : undefined,
    limits: [{ path: "limits.conf", text: files["limits.conf"] ?? "" }],
  }, findings);
  for (const { level, message, hint } of findings.all) assert.equal(hint === "", level === "pass", message);
  return findings.all.filter(({ level }) => level !== "pass");
}

Deno.test("inspectPam() passes the lines that install.sh writes", () => {
  assert.deepEqual(found({}), []);
});

/** The PAM file of sshd without some lines, counted from 1. */
const without = (...numbers: number[]) => (text: string) =>
  text.split("\n").filter((_, index) => !numbers.includes(index + 1)).join("\n");
/** The lines of the hook in earlier releases. */
const INCLUDED = {
  sshd: [
    "session include ssh-session-notifier",
    "session required pam_limits.so",
    "session include ssh-session-notifier-last",
  ].join("\n"),
  "ssh-session-notifier": `session optional ${CLEAN}\nsession optional ${HOOK}`,
  "ssh-session-notifier-last": `session optional ${CLEAN}`,
};
/** The first line of the block that install.sh adds. */
const FIRST = `session optional ${CLEAN}\nsession [success=4`;

const FAULTS: [name: string, changes: Parameters<typeof found>[0], expected: [LevelAndId, ...string[]]][] = [
  [
    "no hook at all",
    { sshd: "session required pam_unix.so" },
    ["fault pam.hook-missing"],
  ],
  [
    "the hook in another phase only",
    { sshd: (text) => text.replaceAll(/^session/gm, "account") },
    ["fault pam.hook-missing"],
  ],
  [
    "the hook in a comment only",
    { sshd: (text) => text.replaceAll(/^(?=session .* pam_exec)/gm, "# ") },
    ["fault pam.hook-missing"],
  ],
  [
    "the includes of an earlier release",
    INCLUDED,
    ["fault pam.hook-included", "(ssh-session-notifier:1)"],
  ],
  [
    "the last include of an earlier release",
    {
      sshd: (text) => `${without(14, 15, 16)(text)}\nsession include ssh-session-notifier-last`,
      "ssh-session-notifier-last": INCLUDED["ssh-session-notifier-last"],
    },
    ["fault pam.hook-included", "(ssh-session-notifier-last:1)"],
  ],
  [
    "a hook after pam_env",
    { sshd: (text) => text.replace(/^/, "session required pam_env.so\n") },
    ["fault pam.hook-order", " sshd:5 ", "pam_env.so (sshd:1)"],
  ],
  [
    "a hook after pam_limits",
    { sshd: (text) => text.replace(FIRST, `session required pam_limits.so\n${FIRST}`) },
    ["fault pam.hook-order", " sshd:5 ", "pam_limits.so (sshd:3)"],
  ],
  [
    "a hook after another module",
    { sshd: (text) => text.replace(FIRST, `session required pam_loginuid.so\n${FIRST}`) },
    ["warning pam.hook-order", " sshd:5 ", "pam_loginuid.so"],
  ],
  [
    "a hook after a line that can end the stack",
    { sshd: (text) => text.replace(FIRST, `session sufficient pam_unix.so\n${FIRST}`) },
    ["fault pam.hook-skipped", "sshd:3 "],
  ],
  [
    "a hook after a jump",
    { sshd: (text) => text.replace(FIRST, `session [default=3] pam_unix.so\n${FIRST}`) },
    ["fault pam.hook-skipped", "sshd:3 "],
  ],
  [
    "a hook after a jump exactly over it",
    { sshd: (text) => text.replace(FIRST, `session [default=2] pam_unix.so\n${FIRST}`) },
    ["fault pam.hook-skipped", "sshd:3 "],
  ],
  [
    "only the place of a hook after a jump to it",
    { sshd: (text) => text.replace(FIRST, `session [default=1] pam_unix.so\n${FIRST}`) },
    ["warning pam.hook-order", " sshd:5 ", "pam_unix.so (sshd:3)"],
  ],
  ["no second attempt", { sshd: without(5, 6) }, ["warning pam.hook-retry"]],
  ["no hook in the second attempt", { sshd: without(6) }, ["warning pam.hook-retry"]],
  ["a second attempt with an empty file", { [RETRY]: "" }, ["warning pam.hook-retry"]],
  ["no last resort", { sshd: without(7, 8) }, ["warning pam.last-resort-missing"]],
  [
    "a last resort without a line that unsets variables",
    { sshd: without(7) },
    ["fault pam.last-resort-unsafe", "sshd:7 "],
  ],
  [
    "a last resort that runs even if no variable was unset",
    { sshd: (text) => text.replace("[success=ignore default=1]", "optional") },
    ["fault pam.last-resort-unsafe", "sshd:8 "],
  ],
  [
    "a last resort that also runs at the logout",
    { sshd: (text) => text.replace(" type=open_session", "") },
    ["fault pam.last-resort-unsafe", "sshd:8 "],
  ],
  [
    "a last resort that can refuse a login",
    { sshd: (text) => text.replace(`optional ${LAST_RESORT}`, `required ${LAST_RESORT}`) },
    ["fault pam.last-resort-required", "sshd:8 ", '"required"'],
  ],
  [
    "required",
    { sshd: (text) => text.replace("[success=4 default=ignore]", "required") },
    ["fault pam.hook-required", "sshd:4 ", '"required"'],
  ],
  [
    "default=die",
    { sshd: (text) => text.replace("success=4 default=ignore", "success=4 default=die") },
    ["fault pam.hook-required", "sshd:4 ", '"success=4 default=die"'],
  ],
  ["a hook without quiet", { sshd: (text) => text.replace("quiet ", "") }, [
    "warning pam.hook-not-quiet",
    "sshd:4 ",
    '"quiet"',
  ]],
  [
    "a hook that gets the password",
    { sshd: (text) => text.replace("quiet ", "quiet expose_authtok ") },
    ["fault pam.hook-gets-password", "sshd:4 ", '"expose_authtok"'],
  ],
  [
    "another program with the same name",
    { sshd: (text) => text.replace("/usr/sbin/", "/usr/local/bin/") },
    ["fault pam.hook-command", "sshd:4 ", '"/usr/local/bin/ssh-session-notifier queue"'],
  ],
  [
    "another command",
    { sshd: (text) => text.replace("queue", "send") },
    ["fault pam.hook-command", "sshd:4 ", '"/usr/sbin/ssh-session-notifier send"'],
  ],
  ["no line that unsets variables", { sshd: without(15) }, ["fault pam.cleanup-missing"]],
  [
    "a last line that misses one variable",
    { [LAST]: (text) => text.replace("\nSSLKEYLOGFILE\n", "\n") },
    ["fault pam.cleanup-missing"],
  ],
  [
    "a last line that reads the user's variables",
    { sshd: (text) => text.replace(/user_readenv=0(?=\n# ssh-session-notifier end$)/, "user_readenv=1") },
    ["fault pam.cleanup-missing"],
  ],
  [
    "user_readenv as another number",
    { sshd: (text) => text.replace("pam_env.so\n", "pam_env.so user_readenv=02\n") },
    ["fault pam.user-environment", "sshd:12 (session)"],
  ],
  [
    "a pam_env after the last line",
    { sshd: (text) => `${text}\nsession required pam_env.so` },
    ["fault pam.cleanup-early", "sshd:17 "],
  ],
  [
    "a stack that can end before the last line",
    { sshd: (text) => text.replace("required pam_loginuid", "sufficient pam_loginuid") },
    ["fault pam.cleanup-skipped", "sshd:10 "],
  ],
  [
    "a jump exactly over the last line",
    { sshd: (text) => text.replace("session required pam_limits.so", "session [default=1] pam_limits.so") },
    ["fault pam.cleanup-skipped", "sshd:13 "],
  ],
  [
    "user_readenv in the session phase",
    { sshd: (text) => text.replace("pam_env.so\n", "pam_env.so user_readenv=1\n") },
    ["fault pam.user-environment", "sshd:12 (session)"],
  ],
  [
    "user_readenv in another phase, included",
    { sshd: (text) => `auth include login\n${text}`, login: "auth required pam_env.so user_readenv=1" },
    ["fault pam.user-environment", "login:1 (auth)"],
  ],
  ["a missing include", { sshd: (text) => `${text}\nauth include gone` }, [
    "fault pam.include-missing",
    '"gone"',
  ]],
  [
    "a limit that kills the hook",
    { "limits.conf": "* hard as 2000000" },
    ["fault limits.values", "limits.conf ", " as to 2000000 ", " *,"],
  ],
  [
    "limits in a separate file",
    { sshd: (text) => text.replace("pam_limits.so", "pam_limits.so conf=/etc/other.conf") },
    ["warning limits.own-file", "sshd:13 "],
  ],
];

for (const [name, changes, expected] of FAULTS) {
  Deno.test(`inspectPam() reports ${name}`, () => {
    assertFound(found(changes), expected);
  });
}

Deno.test("inspectPam() requires seteuid in every service but sshd, whose real user is root", () => {
  const su = GOOD["sshd"] ?? "";
  assertFound(found({ su }, "su"), ["fault pam.hook-killable", "su: su:4 ", '"seteuid"']);
  assert.deepEqual(found({ su: su.replaceAll("quiet", "quiet seteuid") }, "su"), []);
});

Deno.test("inspectPam() names the file and the command for a service other than sshd", () => {
  assertFound(found({ su: "session required pam_unix.so" }, "su"), [
    "fault pam.hook-missing",
    "su: the hook is not in the session stack of su",
    "run ssh-session-notifier-pam add su,",
  ]);
});

Deno.test("inspectPam() says that a service without a PAM file must be installed first", () => {
  const missing = "gone: gone has no PAM file";
  assertFound(found({}, "gone"), [
    "fault pam.hook-missing",
    missing,
    "install gone, then run ssh-session-notifier-pam",
  ]);
});

Deno.test("inspectPam() reports a hook that an included file has too", () => {
  // su has no pam_selinux.
  const su = without(1)(GOOD["sshd"] ?? "").replaceAll("quiet", "quiet seteuid");
  const again = found({ su, "su-l": `${su}\nsession include su` }, "su-l");
  assertFound(again, ["warning pam.hook-twice", "su-l:3 ", "su:3,"]);
  // What su-l has of its own is harmless.
  assert.deepEqual(
    found({ su, "su-l": "session optional pam_keyinit.so force revoke\nsession include su" }, "su-l"),
    [],
  );
});

Deno.test("inspectPam() ignores limits if no pam_limits line reads them", () => {
  const changes = {
    sshd: (text: string) => text.replace("session required pam_limits.so\n", ""),
    "limits.conf": "* hard as 2000000",
  };
  assert.deepEqual(found(changes), []);
});
