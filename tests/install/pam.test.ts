// install.sh with fake roots: the lines that it adds to PAM files, and their removal.

import assert from "node:assert/strict";
import { Findings } from "../../src/admin/check/finding.ts";
import { inspectPam } from "../../src/admin/check/pam.ts";
import { readPamStack } from "../../src/admin/check/pam_stack.ts";
import { displaysOf } from "../helpers/mdoc.ts";
import {
  backups,
  BINARY,
  CONFIG,
  FakeRoot,
  FIRST,
  HOOKED,
  LAST,
  modes,
  NAME,
  ok,
  OLD_FILES,
  OLD_FIRST,
  OLD_LAST,
  PAM_FILES,
  SELINUX,
  SSHD,
  STACK,
  stock,
  WITH_PAM,
} from "../helpers/fake_root.ts";

/** The line before which the first lines go, or the pam_selinux line after which they go. */
const PLACES: Record<string, { before: string } | { behind: string }> = {
  debian: { behind: SELINUX },
  ubuntu: { behind: SELINUX },
  fedora: { behind: "session    required     pam_selinux.so close\n" },
  arch: { before: "session   include   system-remote-login\n" },
  opensuse: { before: "session  required  pam_loginuid.so\n" },
};
/** The included files that are not in testdata. */
const NOT_THERE: Record<string, readonly string[]> = {
  ubuntu: ["common-auth", "common-account", "common-session", "common-password"],
};

for (const [distribution, place] of Object.entries(PLACES)) {
  Deno.test(`install.sh --pam adds the hook at the start and end of ${distribution}'s session stack`, async () => {
    const original = stock(distribution);
    await using root = await FakeRoot.create({ [SSHD]: original });
    const { mode } = await Deno.stat(root.path(SSHD));
    await ok(root.install("--pam"));
    const hooked = "before" in place
      ? original.replace(place.before, FIRST + place.before)
      : original.replace(place.behind, place.behind + FIRST);
    assert.equal(hooked.length, original.length + FIRST.length);
    assert.equal(await root.read(SSHD), hooked + LAST);
    assert.equal((await Deno.stat(root.path(SSHD))).mode, mode);
    assert.deepEqual(await backups(root), [original]);
    const made = Object.entries(modes(await root.tree())).filter(([path]) => !/\/backup\/./.test(path));
    assert.deepEqual(Object.fromEntries(made), Object.fromEntries(Object.entries(WITH_PAM).sort()));

    assert.match((await ok(root.install("--pam"))).stdout, /^unchanged: \/etc\/pam\.d\/sshd$/m);
    // A run without --pam keeps the hook.
    await ok(root.install());
    assert.equal(await root.read(SSHD), hooked + LAST);
    assert.deepEqual(await backups(root), [original]);

    await ok(root.install("--uninstall"));
    assert.equal(await root.read(SSHD), original);
    await ok(root.install("--pam"));
    assert.equal(await root.read(SSHD), hooked + LAST);
    await ok(root.install("--purge"));
    assert.equal(await root.read(SSHD), original);
  });

  Deno.test(`check finds no fault in ${distribution}'s stack after install.sh --pam`, async () => {
    await using root = await FakeRoot.create({ [SSHD]: stock(distribution) });
    for await (const { name } of Deno.readDir(`${PAM_FILES}/${distribution}`)) {
      await Deno.copyFile(`${PAM_FILES}/${distribution}/${name}`, root.path(`/etc/pam.d/${name}`));
    }
    const { stderr } = await ok(root.install("--pam", "--fix-pam-env"));
    assert.equal(stderr, "");
    const read = (path: string) => {
      try {
        return Deno.readTextFileSync(root.path(path));
      } catch {
        return undefined;
      }
    };
    const stack = readPamStack("sshd", (name) => {
      const path = `/etc/pam.d/${name}`;
      const text = read(path);
      return text === undefined ? undefined : { path, text };
    });
    assert.deepEqual(stack.missing, NOT_THERE[distribution] ?? []);
    const session = stack.modules.filter(({ phase }) => phase === "session");
    const ours = session.map(({ args }) => args.some((argument) => argument.includes(NAME)));
    // Only pam_selinux may run before the hook, and nothing after the last line.
    assert.equal(ours.indexOf(true), "behind" in place ? 1 : 0);
    assert.equal(ours.lastIndexOf(true), session.length - 1);
    const findings = new Findings();
    inspectPam({ service: "sshd", path: SSHD, stack: { ...stack, missing: [] }, read, limits: [] }, findings);
    assert.deepEqual(findings.all.filter(({ level }) => level !== "pass"), []);
    assert.ok(findings.all.length >= 5);
  });
}

Deno.test("install.sh --pam keeps every backup, including the original file", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("arch") });
  const texts = [stock("arch"), `# changed\n${stock("arch")}`, `# changed again\n${stock("arch")}`];
  for (const text of texts) {
    await root.write(SSHD, text);
    await ok(root.install("--pam"));
  }
  assert.deepEqual((await backups(root)).sort(), texts.sort());
});

const OLD_HOOKED = `auth required pam_unix.so\n${OLD_FIRST}session required pam_unix.so\n${OLD_LAST}`;

Deno.test("install.sh --pam replaces hook lines of the Go program and hook lines written by hand", async () => {
  const hooks = [
    "session optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
    "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue # by hand",
    "-session\toptional\t/lib/security/pam_exec.so\t/usr/local/bin/ssh-session-notifier\tqueue",
    "Session [success=ok default=ignore] pam_exec.so seteuid /opt/ssh-session-notifier queue",
    "session Include ssh-session-notifier # by hand",
    // Lines of this release, even with changed comments or controls.
    ...FIRST.replace("optional", "required").trimEnd().split("\n"),
    LAST.trimEnd().split("\n")[1],
  ];
  const original = `${STACK}${hooks.join("\n")}\n`;
  await using root = await FakeRoot.create({ [SSHD]: original });
  await ok(root.install("--pam"));
  assert.equal(await root.read(SSHD), HOOKED);
  assert.deepEqual(await backups(root), [original]);
  await ok(root.install("--uninstall"));
  assert.equal(await root.read(SSHD), STACK);
});

Deno.test("install.sh --pam keeps lines that only look like hook lines", async () => {
  const lines = [
    "# session optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
    "session optional pam_exec.so /usr/bin/other # not /usr/sbin/ssh-session-notifier",
    "session optional pam_exec.so /usr/bin/ssh-session-notifier-wrapper",
    "session optional pam_exec.so log=/var/log/ssh-session-notifier /usr/bin/other",
    "auth optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
    "session optional pam_env.so conffile=/etc/ssh-session-notifier/mine.conf",
    "session optional pam_exec.so log=/run/ssh-session-notifier/unrecorded.mine /usr/bin/other",
    "# ssh-session-notifier beginning",
    "# not UTF-8: \xe9",
    "# a comment that ends in a backslash \\",
  ];
  const bytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));
  const original = bytes(`${STACK}${lines.join("\n")}\n`);
  await using root = await FakeRoot.create({ [SSHD]: "" });
  await Deno.writeFile(root.path(SSHD), original);
  await ok(root.install("--pam"));
  const hooked = bytes(HOOKED.replace(LAST, `${lines.join("\n")}\n${LAST}`));
  assert.deepEqual(await Deno.readFile(root.path(SSHD)), hooked);
  await ok(root.install("--purge"));
  assert.deepEqual(await Deno.readFile(root.path(SSHD)), original);
});

const UNDERSTOOD: [name: string, original: string, hooked: string][] = [
  [
    "a last line without a newline",
    "auth required a.so\nsession required b.so",
    `auth required a.so\n${FIRST}session required b.so\n${LAST}`,
  ],
  [
    "-session and tabs",
    "auth\trequired\ta.so\n\t-session\toptional\tb.so\n",
    `auth\trequired\ta.so\n${FIRST}\t-session\toptional\tb.so\n${LAST}`,
  ],
  [
    "session lines before all other lines",
    "session required b.so\nauth required a.so\n",
    `${FIRST}session required b.so\nauth required a.so\n${LAST}`,
  ],
  [
    "an include that may contain session lines",
    "@include common-auth\n@include local\nsession required b.so\n",
    `@include common-auth\n${FIRST}@include local\nsession required b.so\n${LAST}`,
  ],
  [
    "jumps that end inside",
    "session [success=1 default=ignore] a.so\nsession required b.so\nsession [default=1] c.so\nsession optional d.so\n",
    `${FIRST}session [success=1 default=ignore] a.so\nsession required b.so\nsession [default=1] c.so\n` +
    `session optional d.so\n${LAST}`,
  ],
  [
    "jumps of other phases at the end",
    "session required b.so\nauth [success=3 default=ignore] a.so\n",
    `${FIRST}session required b.so\nauth [success=3 default=ignore] a.so\n${LAST}`,
  ],
  [
    "a pam_selinux close that jumps",
    "session [success=1 default=ignore] pam_selinux.so close\nsession required b.so\nsession required c.so\n",
    `${FIRST}session [success=1 default=ignore] pam_selinux.so close\nsession required b.so\nsession required c.so\n${LAST}`,
  ],
  [
    "a leading pam_selinux open",
    "session required pam_selinux.so open # not close\nsession required b.so\n",
    `${FIRST}session required pam_selinux.so open # not close\nsession required b.so\n${LAST}`,
  ],
];

for (const [name, original, hooked] of UNDERSTOOD) {
  Deno.test(`install.sh --pam handles ${name}, and --uninstall restores the file exactly`, async () => {
    await using root = await FakeRoot.create({ [SSHD]: original });
    await ok(root.install("--pam"));
    assert.equal(await root.read(SSHD), hooked);
    assert.match((await ok(root.install("--pam"))).stdout, /^unchanged: \/etc\/pam\.d\/sshd$/m);
    await ok(root.install("--uninstall"));
    assert.equal(await root.read(SSHD), original);
  });
}

const HOOK = "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue";
const REFUSED: [name: string, text: string, reason: RegExp][] = [
  ["continuation lines", "session required \\\n b.so\n", /has continuation lines/],
  ["continuation lines with spaces", "session required b.so\nauth required \\ \n a.so\n", /has continuation lines/],
  ["no session line", "auth required a.so\n@include common-auth\n# session required b.so\n", /has no session line/],
  ["no session line except the hook's", `auth required a.so\n${HOOK}\n`, /has no session line/],
  ["no lines", "", /has no session line/],
  ["Windows line endings", "auth required a.so\r\nsession required b.so\r\n", /has Windows line endings/],
  ["a jump past its end", "session required b.so\nsession [default=1] c.so\n", /jump in line 2 crosses the lines/],
  [
    "a jump over a hook, which would then skip the next line",
    `session [default=ignore success=1] pam_succeed_if.so user ingroup quiet\n${HOOK}\nsession required pam_limits.so\n`,
    /jump in line 1 crosses the lines/,
  ],
];

for (const [name, text, reason] of REFUSED) {
  Deno.test(`install.sh --pam refuses a PAM file with ${name}, changes nothing, and prints the lines`, async () => {
    await using root = await FakeRoot.create({ [SSHD]: text });
    const before = await root.tree();
    for (const flags of [["--pam"], ["--pam", "--dry-run"], ["--fix-pam-env"]]) {
      const { code, stdout, stderr } = await root.install(...flags);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^error: cannot edit \/etc\/pam\.d\/sshd: see above\nhint: add the lines above by hand /m,
      );
      assert.match(stderr, reason);
      assert.ok(stdout.includes(`\n\n${FIRST}\n`) && stdout.endsWith(`\n\n${LAST}\n`), stdout);
      assert.deepEqual(await root.tree(), before);
    }
  });
}

Deno.test("the manual shows the lines that install.sh adds to the PAM file", async () => {
  const shown = displaysOf(await Deno.readTextFile(`${import.meta.dirname}/../../src/man/${NAME}.8`));
  for (const block of [FIRST, LAST]) assert.ok(shown.includes(block), block);
});

Deno.test("install.sh without --pam does not edit sshd's file, and reports a missing hook", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("debian") });
  const withoutHook = /^nothing is recorded yet: the hook is not in \/etc\/pam\.d\/sshd; .*install\.sh --pam$/m;
  assert.match((await ok(root.install())).stdout, withoutHook);
  assert.equal(await root.read(SSHD), stock("debian"));
  await ok(root.install("--pam"));
  const [hooked, path] = [await root.read(SSHD), `${CONFIG}/pam_env_last.conf`];
  const text = await root.read(path);
  await root.write(path, "# from an older version\n");
  assert.doesNotMatch((await ok(root.install())).stdout, withoutHook);
  assert.deepEqual([await root.read(SSHD), await root.read(path)], [hooked, text]);
  // The lines can be in a file that sshd's file includes.
  await root.write(SSHD, `${stock("debian")}`);
  await root.write("/etc/pam.d/common-session", FIRST);
  assert.doesNotMatch((await ok(root.install())).stdout, withoutHook);
});

Deno.test("install.sh --pam refuses a PAM file that is missing, a link or not a file", async () => {
  await using root = await FakeRoot.create({ "/etc/pam.d/other": STACK });
  const refused = async (reason: RegExp) => {
    const { code, stderr } = await root.install("--pam");
    assert.equal(code, 1);
    assert.match(stderr, reason);
  };
  await refused(/cannot edit \S+sshd: it does not exist\nhint: install the OpenSSH server first /);
  await root.write("/usr/lib/pam.d/sshd", STACK);
  await refused(/cannot edit \S+sshd: it does not exist\nhint: cp \/usr\/lib\/pam\.d\/sshd \/etc\/pam\.d\/sshd, /);
  await Deno.symlink("other", root.path(SSHD));
  await refused(/cannot edit \S+sshd: it is a symbolic link/);
  assert.equal(await root.read(SSHD), STACK);
  await Deno.remove(root.path(SSHD));
  await Deno.symlink("nowhere", root.path(SSHD));
  await refused(/cannot edit \S+sshd: it is a symbolic link/);
  await Deno.remove(root.path(SSHD));
  await Deno.mkdir(root.path(SSHD));
  await refused(/cannot edit \S+sshd: it is not a regular file/);
});

Deno.test("install.sh --uninstall refuses while another service includes the hook, so that logins still work", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK, "/etc/pam.d/sshd.bak": OLD_HOOKED, ...OLD_FILES });
  await root.write("/etc/pam.d/login", `auth required a.so\nsession include ${NAME} # ours\n`);
  const { code, stderr } = await root.install("--uninstall");
  assert.equal(code, 1);
  assert.match(stderr, /^error: \/etc\/pam\.d\/login still includes the hook\nhint: /);
  assert.ok(`/etc/pam.d/${NAME}` in await root.tree());
  const { stderr: warned } = await ok(root.install("--pam"));
  assert.match(warned, /^warning: \/etc\/pam\.d\/login includes a file of an earlier release: /);
  assert.ok(`/etc/pam.d/${NAME}` in await root.tree());
  await root.write("/etc/pam.d/login", "auth required a.so\n");
  await ok(root.install("--uninstall"));
  assert.ok(!(`/etc/pam.d/${NAME}` in await root.tree()));
});

Deno.test("install.sh --uninstall removes an include by path, and refuses while sshd's file has an @include", async () => {
  const byPath = `session include /etc/pam.d/${NAME}\n`;
  await using root = await FakeRoot.create({ [SSHD]: `${byPath}${STACK}`, ...OLD_FILES });
  await ok(root.install());
  await ok(root.install("--uninstall"));
  assert.equal(await root.read(SSHD), STACK);

  for (const include of [`@include ${NAME}\n`, `@include /etc/pam.d/${NAME}-last\n`]) {
    for (const [path, text] of Object.entries(OLD_FILES)) await root.write(path, text);
    await root.write(SSHD, `${STACK}${include}`);
    for (const flags of [["--uninstall", "--dry-run"], ["--uninstall"]]) {
      const { code, stderr } = await root.install(...flags);
      assert.equal(code, 1, flags.join(" "));
      assert.match(stderr, /^error: \/etc\/pam\.d\/sshd still includes the hook\nhint: /);
    }
    assert.ok(`/etc/pam.d/${NAME}` in await root.tree());
    await root.write(SSHD, STACK);
  }
  await root.write("/etc/pam.d/login", `auth required a.so\n${byPath}`);
  assert.equal((await root.install("--uninstall")).code, 1);
});

Deno.test("install.sh --uninstall refuses if a jump crosses the lines of the hook", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK });
  await ok(root.install("--pam"));
  const edited = (await root.read(SSHD)).replace(LAST, `session [success=1 default=ignore] c.so\n${LAST}`);
  await root.write(SSHD, edited);
  const { code, stderr } = await root.install("--uninstall");
  assert.equal(code, 1);
  assert.match(stderr, /the jump in line 11 crosses the lines[^]*^error: cannot edit \/etc\/pam\.d\/sshd: see above$/m);
  assert.equal(await root.read(SSHD), edited);
  assert.ok(BINARY in await root.tree());
});

const LOGIN = "/etc/pam.d/login";
const SU = "/etc/pam.d/su";
const PAM_SU_L = "auth include su\nsession optional pam_keyinit.so force revoke\nsession include su\n";
const SERVICE_FILES = {
  [SSHD]: stock("debian"),
  [LOGIN]: `${SELINUX}session required pam_limits.so\n@include common-session\n`,
  // Without a newline at its end.
  [SU]: "auth sufficient pam_rootok.so\nsession required pam_env.so readenv=1",
  "/etc/pam.d/su-l": PAM_SU_L,
  "/etc/pam.d/common-session": "session required pam_unix.so\n",
  "/etc/pam.d/cron": "@include common-session\n",
};
const HOOKED_LOGIN = `${SELINUX}${FIRST}session required pam_limits.so\n@include common-session\n${LAST}`;
const HOOKED_SU = `auth sufficient pam_rootok.so\n${FIRST}session required pam_env.so readenv=1\n${LAST}`;
const THREE = "--pam=sshd,login,su";

/** The texts of the PAM files. */
async function pamFiles(root: FakeRoot): Promise<Record<string, string>> {
  return Object.fromEntries(
    await Promise.all(Object.keys(SERVICE_FILES).map(async (path) => [path, await root.read(path)])),
  );
}

Deno.test("install.sh --pam=NAMES adds the hook to these files only, and --uninstall restores them exactly", async () => {
  for (const removal of ["--uninstall", "--purge"]) {
    await using root = await FakeRoot.create(SERVICE_FILES);
    const { stderr } = await ok(root.install(THREE, "--fix-pam-env"));
    assert.equal(stderr, "");
    const hooked = await pamFiles(root);
    assert.deepEqual({ ...hooked, [SSHD]: "" }, {
      ...SERVICE_FILES,
      [SSHD]: "",
      [LOGIN]: HOOKED_LOGIN,
      [SU]: HOOKED_SU,
    });
    assert.ok(hooked[SSHD]?.includes(FIRST) && hooked[SSHD].endsWith(LAST));
    assert.deepEqual(await backups(root, "su"), [SERVICE_FILES[SU]]);

    assert.equal(
      (await ok(root.install(THREE))).stdout.match(/^unchanged: \/etc\/pam\.d\/(sshd|login|su)$/gm)?.length,
      3,
    );
    const { stdout } = await ok(root.install(removal, "--dry-run"));
    assert.equal(stdout.match(/^would edit: /gm)?.length, 3, stdout);
    assert.deepEqual(await pamFiles(root), hooked);
    await ok(root.install(removal));
    const fixed = SERVICE_FILES[SSHD].replace("user_readenv=1", "user_readenv=0");
    assert.deepEqual(await pamFiles(root), { ...SERVICE_FILES, [SSHD]: fixed });
  }
});

Deno.test("install.sh --pam updates the lines in the files of all services, and adds them to sshd's only", async () => {
  await using root = await FakeRoot.create(SERVICE_FILES);
  await ok(root.install("--pam=su"));
  assert.equal(await root.read(SSHD), SERVICE_FILES[SSHD]);
  await root.write(SU, HOOKED_SU.replaceAll(" seteuid", ""));
  await root.write(`${SU}.dpkg-old`, HOOKED_SU.replaceAll(" seteuid", ""));
  await ok(root.install("--pam"));
  assert.equal(await root.read(SU), HOOKED_SU);
  assert.ok((await root.read(SSHD)).includes(FIRST));
  assert.equal(await root.read(LOGIN), SERVICE_FILES[LOGIN]);
  await ok(root.install("--uninstall"));
  assert.equal(await root.read(`${SU}.dpkg-old`), HOOKED_SU.replaceAll(" seteuid", ""));
});

Deno.test("install.sh --pam=NAMES changes nothing if one file cannot be edited", async () => {
  const cases: [names: string, files: Record<string, string>, reason: RegExp][] = [
    ["sshd,login,gone", {}, /^error: cannot edit \/etc\/pam\.d\/gone: it does not exist\nhint: correct the name/],
    [
      "login,vendor",
      { "/usr/lib/pam.d/vendor": STACK },
      /vendor: it does not exist\nhint: cp \/usr\/lib\/pam\.d\/vendor /,
    ],
    ["login,su", { [SU]: "session required \\\n b.so\n" }, /it has continuation lines[^]*\/su: see above/],
    ["sshd,common-session", {}, /\/common-session: several services share it/],
    ["system-auth", { "/etc/pam.d/system-auth": STACK }, /\/system-auth: several services share it/],
    ["other", { "/etc/pam.d/other": STACK }, /\/other: several services share it/],
    [NAME, OLD_FILES, /\/ssh-session-notifier: several services share it/],
    ["su,su-l", {}, /\/su-l: it includes su, so each session would be recorded twice\nhint: do not name su-l: /],
  ];
  for (const [names, files, reason] of cases) {
    await using root = await FakeRoot.create({ ...SERVICE_FILES, ...files });
    const before = await root.tree();
    for (const flags of [[`--pam=${names}`], [`--pam=${names}`, "--dry-run"]]) {
      const { code, stderr } = await root.install(...flags);
      assert.equal(code, 1, names);
      assert.match(stderr, reason);
      assert.deepEqual(await root.tree(), before, names);
    }
  }
});

Deno.test("install.sh --pam=NAMES does not add the hook where an included file already has it", async () => {
  await using root = await FakeRoot.create(SERVICE_FILES);
  await ok(root.install("--pam=su"));
  const { code, stderr } = await root.install("--pam=su-l");
  assert.deepEqual([code, await root.read("/etc/pam.d/su-l")], [1, PAM_SU_L], stderr);
});

Deno.test("install.sh --pam=NAMES refuses what is not a list of plain file names", async () => {
  await using root = await FakeRoot.create(SERVICE_FILES);
  const before = await root.tree();
  for (
    const names of [
      "",
      ",",
      "sshd,",
      ",sshd",
      "sshd,,su",
      "../shadow",
      "a/b",
      "-x",
      ".",
      "su,.x",
      "a b",
      "*",
      "$(id)",
      "a\nb",
    ]
  ) {
    const { code, stderr } = await root.install(`--pam=${names}`);
    assert.equal(code, 64, JSON.stringify(names));
    assert.ok(stderr.startsWith(`error: --pam takes names of PAM services, not "${names}"\nhint: `), stderr);
  }
  assert.deepEqual(await root.tree(), before);
});

Deno.test("install.sh --uninstall changes nothing if the lines of one service cannot be removed", async () => {
  await using root = await FakeRoot.create(SERVICE_FILES);
  await ok(root.install(THREE));
  await root.write(SU, HOOKED_SU.replace(LAST, `session [success=1 default=ignore] c.so\n${LAST}`));
  const before = await root.tree();
  const { code, stderr } = await root.install("--uninstall");
  assert.equal(code, 1);
  assert.match(stderr, /the jump in line 11 crosses the lines[^]*^error: cannot edit \/etc\/pam\.d\/su: see above$/m);
  assert.deepEqual(await root.tree(), before);
});

const OPEN_STACK = `# session required pam_env.so user_readenv=1
@include common-session
auth include common-auth
session required pam_env.so user_readenv=1 envfile=/etc/default/locale # not user_readenv=1
session required pam_env.so [user_readenv=1] user_readenv=01
session required pam_env.so user_readenv=0
session required pam_other.so user_readenv=1
`;
const OPEN_FILES = {
  [SSHD]: OPEN_STACK,
  "/etc/pam.d/common-session": "session required pam_env.so readenv=1 user_readenv=1\n",
  "/etc/pam.d/common-auth": "auth substack deeper\n",
  "/etc/pam.d/deeper": "auth required pam_env.so user_readenv=1\nauth include sshd\n",
  "/etc/pam.d/login": "session required pam_env.so user_readenv=1\n",
};

Deno.test("install.sh --fix-pam-env turns user_readenv off in all files that sshd includes, except in comments", async () => {
  await using root = await FakeRoot.create(OPEN_FILES);
  const { stderr } = await ok(root.install("--fix-pam-env"));
  assert.equal(stderr, "");
  const fixed = OPEN_STACK
    .replace("user_readenv=1 envfile", "user_readenv=0 envfile")
    .replace("[user_readenv=1] user_readenv=01", "[user_readenv=0] user_readenv=0");
  const { "/etc/pam.d/login": login } = OPEN_FILES;
  assert.equal(await root.read(SSHD), fixed.replace("@include", `${FIRST}@include`) + LAST);
  assert.equal(await root.read("/etc/pam.d/common-session"), "session required pam_env.so readenv=1 user_readenv=0\n");
  assert.equal(await root.read("/etc/pam.d/deeper"), "auth required pam_env.so user_readenv=0\nauth include sshd\n");
  assert.equal(await root.read("/etc/pam.d/login"), login);
  assert.deepEqual(await backups(root, "deeper"), [OPEN_FILES["/etc/pam.d/deeper"]]);
  assert.deepEqual(await backups(root, "common-session"), [OPEN_FILES["/etc/pam.d/common-session"]]);
  assert.ok((await backups(root)).includes(OPEN_STACK));

  // Uninstalling removes the hook and keeps the safer settings.
  await ok(root.install("--uninstall"));
  assert.equal(await root.read(SSHD), fixed);
});

Deno.test("install.sh --pam only warns of user_readenv=1 without a terminal", async () => {
  await using root = await FakeRoot.create(OPEN_FILES);
  const { stderr } = await ok(root.install("--pam"));
  const warned = [...stderr.matchAll(/^warning: \/etc\/pam\.d\/(\S+) has user_readenv=1/gm)].map(([, name]) => name);
  assert.deepEqual(warned.sort(), ["common-session", "deeper", "sshd"]);
  assert.match(stderr, /^hint: run ssh-session-notifier-pam --fix-pam-env add$/m);
  assert.equal(await root.read(SSHD), OPEN_STACK.replace("@include", `${FIRST}@include`) + LAST);
  assert.equal(await root.read("/etc/pam.d/deeper"), OPEN_FILES["/etc/pam.d/deeper"]);
});

Deno.test("install.sh --pam asks on a terminal, and an empty answer means no", async () => {
  for (const [typed, expected] of [["y\n", 0], ["n\n", 1], ["\n", 1], ["\x04", 1]] as const) {
    await using root = await FakeRoot.create({ [SSHD]: stock("debian") });
    const { stdout } = await ok(root.installOnTerminal(typed, "--pam"));
    assert.match(stdout, /\/etc\/pam\.d\/sshd lets users set PAM's environment .* Turn this off\? \[y\/N\]/);
    assert.match(await root.read(SSHD), new RegExp(`pam_env\\.so user_readenv=${expected} envfile`));
    assert.ok(`/etc/cron.d/${NAME}` in await root.tree(), "the installation completes");
  }
});

Deno.test("install.sh --fix-pam-env does not edit a link, and warns", async () => {
  await using root = await FakeRoot.create({
    [SSHD]: stock("fedora"),
    "/etc/authselect/password-auth": "session required pam_env.so user_readenv=1\n",
  });
  await Deno.symlink("../authselect/password-auth", root.path("/etc/pam.d/password-auth"));
  const { stderr } = await ok(root.install("--fix-pam-env"));
  assert.match(stderr, /^warning: \/etc\/pam\.d\/password-auth has user_readenv=1, but is a symbolic link/);
  const tree = await root.tree();
  assert.equal(tree["/etc/pam.d/password-auth"], "link to ../authselect/password-auth");
  assert.match(tree["/etc/authselect/password-auth"] ?? "", /user_readenv=1\n$/);
});
