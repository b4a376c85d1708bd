// install.sh with fake roots (DESTDIR), without any privilege: the files that it writes, and its arguments.
// tests/e2e/install.test.ts runs it as root.

import assert from "node:assert/strict";
import { MANIFEST } from "../../src/admin/check/manifest.ts";
import {
  BINARY,
  CONFIG,
  DOCUMENT_DIRS,
  DOCUMENTS,
  FakeRoot,
  FIRST,
  LAST,
  LIB_DIRS,
  modes,
  NAME,
  ok,
  PROGRAM,
  SELINUX,
  SSHD,
  STACK,
  STATE,
  stock,
  SYSTEMD,
  WITH_CRON,
  WITH_UNITS,
} from "../helpers/fake_root.ts";

Deno.test("install.sh creates exactly these files, with these modes", async () => {
  await using root = await FakeRoot.create();
  await ok(root.install());
  const tree = await root.tree();
  assert.deepEqual(modes(tree), Object.fromEntries(Object.entries(WITH_CRON).sort()));
  assert.deepEqual(
    Object.keys(tree).filter((path) => !path.includes(NAME)).sort(),
    ["/etc/", "/etc/cron.d/", "/usr/", ...LIB_DIRS, "/usr/sbin/", ...DOCUMENT_DIRS, "/var/", "/var/lib/"],
  );
  assert.equal(await root.read(BINARY), PROGRAM);
  for (const { path, kind, mode } of MANIFEST) {
    const entry = tree[kind === "file" ? path : `${path}/`];
    if (entry !== undefined) assert.equal(entry.slice(0, 4), mode?.toString(8).padStart(4, "0"), path);
    if (entry === undefined || kind === "directory" || path === BINARY) continue;
    const source = /etc\/.*(config\.toml|cron\.d)/.exec(path)?.[1]?.replace(".d", "");
    const text = await Deno.readTextFile(root.beside(`root${source ? `/usr/share/${NAME}/${source}` : path}`));
    assert.equal(await root.read(path), text, path);
  }
  assert.match(
    await root.read(`/etc/cron.d/${NAME}`),
    /^\* \* \* \* \* ssh-session-notifier \/usr\/sbin\/ssh-session-notifier send /m,
  );
});

Deno.test("install.sh does not overwrite or remove a completion or man page that it did not write", async () => {
  const [bash = "", fish = "", , , man = "", zsh = ""] = DOCUMENTS;
  await using root = await FakeRoot.create({ [bash]: "# written by others\n", [fish]: "", "/elsewhere": "kept\n" });
  for (const number of [5, 7, 8]) await Deno.mkdir(root.path(`/usr/share/man/man${number}`), { recursive: true });
  await Deno.symlink("/dev/null", root.path(man));
  await Deno.mkdir(root.path(zsh), { recursive: true });
  const others = async () =>
    Object.entries(await root.tree()).filter(([path]) => path.startsWith("/usr/share/")).sort();
  const before = await others();
  const { stderr } = await ok(root.install());
  for (const path of [bash, fish, man, zsh]) {
    assert.ok(stderr.includes(`warning: cannot write ${path}: it exists, and is not from install.sh`), path);
  }
  const { stdout } = await ok(root.install("--uninstall"));
  for (const path of [bash, fish, man, zsh]) assert.ok(stdout.includes(`kept: ${path} (not from install.sh)`), path);
  assert.deepEqual((await others()).filter(([path]) => !path.endsWith("/vendor-completions/")), before);
});

const FOREIGN = Deno.build.arch === "x86_64" ? "aarch64" : "x86_64";
const isEmulated = await Deno.stat(`/proc/sys/fs/binfmt_misc/qemu-${FOREIGN}`).then(() => true, () => false);
Deno.test({
  name: `install.sh packages a binary for another processor without running it${
    isEmulated ? " (such binaries run here)" : ""
  }`,
  ignore: isEmulated,
  fn: async () => {
    const machine = { x86_64: "\x3e", aarch64: "\xb7" }[FOREIGN];
    // If a shell ran it as a script, it would create a file.
    const elf = `\x7fELF${"\0".repeat(14)}${machine}\0\ntouch ran\n`;
    await using root = await FakeRoot.create();
    await Deno.writeFile(root.program, Uint8Array.from(elf, (char) => char.charCodeAt(0)), { mode: 0o755 });
    const { stderr } = await ok(root.install());
    assert.match(stderr, /^warning: .*\/root\/usr\/sbin\/\S+ is for another processor than .*: it is not tested here/);
    assert.deepEqual(await Deno.readFile(root.path(BINARY)), await Deno.readFile(root.program));
    await root.write(SSHD, STACK);
    const before = await root.tree();
    const refused = await root.install("--pam");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^error: \S+ does not run here, so it cannot edit PAM files\nhint: /);
    assert.deepEqual(await root.tree(), before);
    // Without our lines, a removal needs no binary.
    await ok(root.install("--uninstall"));
    assert.equal(await Deno.stat(root.beside("ran")).catch(() => undefined), undefined);
  },
});

Deno.test("install.sh --uninstall works with a broken binary, unless a PAM file has the hook", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK });
  await ok(root.install("--pam"));
  const program = await root.read(BINARY);
  await Deno.writeTextFile(root.program, "#!/nowhere\n");
  await root.write(BINARY, "#!/nowhere\n");
  const before = await root.tree();
  const { code, stderr } = await root.install("--uninstall");
  assert.equal(code, 1);
  assert.match(stderr, /^error: cannot edit \/etc\/pam\.d\/sshd: no binary of .* runs here\nhint: remove the lines /);
  assert.deepEqual(await root.tree(), before);

  // The installed one runs.
  await Deno.writeTextFile(root.path(BINARY), program, { mode: 0o755 });
  await ok(root.install("--uninstall"));
  assert.equal(await root.read(SSHD), STACK);
  await root.write(`/usr/lib/tmpfiles.d/${NAME}.conf`, `# Part of ${NAME}\n`);
  await ok(root.install("--uninstall"));
  assert.deepEqual(Object.keys(await root.tree()).filter((path) => path.startsWith("/usr/lib/tmpfiles.d/s")), []);
});

Deno.test("install.sh writes units instead of the cron file if systemd is installed", async () => {
  await using root = await FakeRoot.create(SYSTEMD);
  await ok(root.install());
  assert.deepEqual(modes(await root.tree()), Object.fromEntries(Object.entries(WITH_UNITS).sort()));
});

/** The files of earlier releases in /etc, and where they are now. */
const MOVED = ["systemd/system/ssh-session-notifier.path", "systemd/system/ssh-session-notifier.service"]
  .concat("systemd/system/ssh-session-notifier.timer", "tmpfiles.d/ssh-session-notifier.conf");

Deno.test("install.sh moves the units of an earlier release out of /etc, and keeps those of the administrator", async () => {
  await using root = await FakeRoot.create(SYSTEMD);
  await ok(root.install());
  const expected = await root.tree();
  const makeOld = async () => {
    for (const path of MOVED) {
      const text = (await root.read(`/usr/lib/${path}`)).replace(/^# Part of/, "# Written by install.sh. Here");
      await root.write(`/etc/${path}`, `${text}# an older text\n`);
      await Deno.remove(root.path(`/usr/lib/${path}`));
    }
  };
  const texts = (tree: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(tree).filter(([path]) => !path.endsWith("/")).map((
        [path, text],
      ) => [path, text.replace(/ .*Z\n/, "\n")]),
    );
  await makeOld();
  const { stdout } = await ok(root.install("--dry-run"));
  assert.equal(stdout.match(/^would run: mv -T \S+\/etc\/\S+ \S+\/usr\/lib\/\S+$/gm)?.length, 4, stdout);
  await ok(root.install());
  assert.deepEqual(texts(await root.tree()), texts(expected));

  for (const flags of [["--scheduler=cron"], ["--uninstall"]]) {
    await ok(root.install());
    await makeOld();
    await ok(root.install(...flags));
    const left = Object.keys(await root.tree()).filter((path) => MOVED.some((moved) => path.endsWith(moved)));
    assert.deepEqual(left, flags[0] === "--uninstall" ? [] : [`/usr/lib/${MOVED[3]}`]);
  }

  // As \`systemctl edit --full\` makes it, and a file that only has the same name.
  await ok(root.install());
  const [path = "", service = ""] = MOVED;
  await root.write(`/etc/${path}`, await root.read(`/usr/lib/${path}`));
  await Deno.remove(root.path(`/usr/lib/${service}`));
  await root.write(`/etc/${service}`, "[Unit]\nDescription=mine\n");
  await ok(root.install());
  const tree = await root.tree();
  for (const name of [path, service]) assert.ok(`/etc/${name}` in tree && `/usr/lib/${name}` in tree, name);
});

Deno.test("install.sh changes nothing when it runs again, and reports it", async () => {
  await using root = await FakeRoot.create({ ...SYSTEMD, [SSHD]: stock("debian") });
  await ok(root.install("--pam", "--fix-pam-env"));
  const before = await root.tree();
  const { stdout, stderr } = await ok(root.install("--pam", "--fix-pam-env"));
  assert.deepEqual(await root.tree(), before);
  assert.equal(stderr, "");
  assert.match(stdout, /^unchanged: \/etc\/pam\.d\/sshd$/m);
  assert.doesNotMatch(stdout, /^(written|edited|backup|moved)/m);
});

Deno.test("install.sh restores modes and texts that were changed", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("debian") });
  await ok(root.install("--pam"));
  const before = await root.tree();
  await Deno.chmod(root.path(`/etc/cron.d/${NAME}`), 0o666);
  await Deno.chmod(root.path(`${STATE}/queue`), 0o755);
  await Deno.chmod(root.path(`${CONFIG}/config.toml`), 0o644);
  await root.write(`${CONFIG}/pam_env_last.conf`, "");
  await root.write(SSHD, (await root.read(SSHD)).replace("default=1", "default=ignore").replace(/^.*_retry.*\n/m, ""));
  await root.write(BINARY, "");
  await ok(root.install("--pam"));
  const after = await root.tree();
  // There is one more backup.
  assert.deepEqual({ ...modes(after), ...modes(before) }, modes(after));
  const text = (entry = "") => entry.slice(entry.indexOf("\n"));
  for (const path of [`${CONFIG}/pam_env_last.conf`, SSHD, BINARY]) {
    assert.equal(text(after[path]), text(before[path]), path);
  }
});

Deno.test("install.sh never changes the text of config.toml, nor a config.toml that is a link", async () => {
  await using root = await FakeRoot.create({ [`${CONFIG}/config.toml`]: "mine = 1\n" });
  await ok(root.install());
  await ok(root.install());
  assert.equal(await root.read(`${CONFIG}/config.toml`), "mine = 1\n");
  assert.equal(modes(await root.tree())[`${CONFIG}/config.toml`], "0640");

  await using linked = await FakeRoot.create({ "/srv/config.toml": "theirs = 1\n" });
  await Deno.chmod(linked.path("/srv/config.toml"), 0o604);
  await Deno.mkdir(linked.path(CONFIG), { recursive: true });
  await Deno.symlink("../../srv/config.toml", linked.path(`${CONFIG}/config.toml`));
  await ok(linked.install());
  const tree = await linked.tree();
  assert.equal(tree[`${CONFIG}/config.toml`], "link to ../../srv/config.toml");
  assert.match(tree["/srv/config.toml"] ?? "", /^0604 .*\ntheirs = 1\n$/);
});

Deno.test("install.sh refuses to create a directory or change an owner through a link", async () => {
  for (const path of [CONFIG, STATE, `${STATE}/queue`, `${STATE}/queue/db`, `${STATE}/queue/spool`, `${STATE}/send`]) {
    await using root = await FakeRoot.create({ "/home/alice/file": "" });
    await Deno.chmod(root.path("/home/alice"), 0o711);
    await Deno.mkdir(root.path(path.replace(/\/[^/]*$/, "")), { recursive: true });
    await Deno.symlink(root.path("/home/alice"), root.path(path));
    const { code, stderr } = await root.install();
    assert.equal(code, 1, path);
    assert.match(stderr, new RegExp(`^error: .*${path} is a symbolic link\nhint: `));
    const tree = await root.tree();
    assert.deepEqual([tree["/home/alice/"], tree[BINARY]], ["0711", undefined], path);
  }
});

for (const installed of [false, true]) {
  const state = installed ? "on an installed root" : "on an empty root";
  Deno.test(`install.sh --dry-run changes nothing ${state}, and shows what it would do`, async () => {
    await using root = await FakeRoot.create({
      [SSHD]: stock("debian"),
      [`${STATE}/session_events.db`]: "database",
      [`${STATE}/session_events.db-wal`]: "log",
    });
    if (installed) await ok(root.install("--pam"));
    await root.write(SSHD, `# edited since\n${stock("debian")}`);
    const before = await root.tree();

    const { stdout } = await ok(root.install("--dry-run", "--pam", "--fix-pam-env"));
    assert.deepEqual(await root.tree(), before);
    assert.match(
      stdout,
      /^(would write|unchanged): \/usr\/sbin\/ssh-session-notifier( \(root:ssh-session-notifier 2750\))?$/m,
    );
    // The context lines of the diff show the position.
    assert.ok(stdout.includes(` ${SELINUX}${FIRST}`.replaceAll(/(?<=\n)(?=.)/g, "+")), stdout);
    assert.match(stdout, /^-.*user_readenv=1 .*\n\+.*user_readenv=0 /m);
    assert.match(stdout, /^would edit: \/etc\/pam\.d\/sshd$/m);
    assert.doesNotMatch(stdout, /^(written|installed|edited|removed|moved aside)/m);
    if (!installed) {
      assert.match(
        stdout,
        /^would write: \/etc\/ssh-session-notifier\/config\.toml \(root:ssh-session-notifier 0640\)$/m,
      );
      assert.match(stdout, /^would run: mv -T .*session_events\.db-wal /m);
    }

    for (const flag of ["--uninstall", "--purge"]) {
      const { stdout } = await ok(root.install("--dry-run", flag));
      assert.deepEqual(await root.tree(), before);
      assert.doesNotMatch(stdout, /^(written|edited|removed)/m);
      if (installed) assert.match(stdout, /^would run: rm -f .*\/usr\/sbin\/ssh-session-notifier$/m);
    }
  });
}

Deno.test("install.sh --dry-run shows what it would do to a complete installation", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("debian") });
  await ok(root.install("--pam"));
  const before = await root.tree();
  const { stdout } = await ok(root.install("--dry-run", "--uninstall"));
  assert.deepEqual(await root.tree(), before);
  assert.ok(stdout.includes(` @include common-password\n${LAST}`.replaceAll(/(?<=\n)(?=.)/g, "-")), stdout);
  assert.match(stdout, /^would edit: \/etc\/pam\.d\/sshd$/m);
  // A complete installation needs no change.
  assert.doesNotMatch((await ok(root.install("--dry-run", "--pam"))).stdout, /^would (run|write|edit)/m);
});

Deno.test("install.sh --uninstall keeps configuration, history and backups; --purge removes everything", async () => {
  const left = [`/etc/cron.d/${NAME}.new`, `/etc/pam.d/common-session.${NAME}.new`];
  const files = { ...SYSTEMD, [SSHD]: stock("debian"), ...Object.fromEntries(left.map((path) => [path, "killed"])) };
  await using root = await FakeRoot.create(files);
  const untouched = await root.tree();
  await ok(root.install("--pam"));
  await root.write(`${STATE}/queue/db/session_events.db`, "queue");
  await root.write(`${STATE}/send/deliveries.db`, "history");
  await root.write(`${STATE}/root/usr/sbin/${NAME}`, "a mount point of systemd");
  await ok(root.install("--uninstall"));
  assert.deepEqual(Object.keys(modes(await root.tree())).filter((path) => !path.includes("/backup/")), [
    `${CONFIG}/`,
    `${CONFIG}/config.toml`,
    `${STATE}/`,
    `${STATE}/queue/`,
    `${STATE}/queue/db/`,
    `${STATE}/queue/db/session_events.db`,
    `${STATE}/queue/spool/`,
    `${STATE}/send/`,
    `${STATE}/send/deliveries.db`,
  ]);
  assert.equal(await root.read(SSHD), stock("debian"));

  // A new installation uses the kept history.
  await ok(root.install("--pam"));
  assert.equal(await root.read(`${STATE}/send/deliveries.db`), "history");
  await ok(root.install("--purge"));
  await ok(root.install("--purge"));
  const text = (tree: Record<string, string>) =>
    Object.fromEntries(Object.entries(tree).map(([path, entry]) => [path, entry.replace(/ .*\n/, "\n")]));
  const found = text(await root.tree());
  const made = ["/usr/lib/systemd/system/", ...LIB_DIRS.slice(1), "/usr/sbin/", ...DOCUMENT_DIRS];
  for (const directory of made) delete found[directory];
  const expected = text(untouched);
  for (const path of left) delete expected[path];
  for (const directory of ["/var/", "/var/lib/"]) delete found[directory];
  assert.deepEqual(found, expected);
});

Deno.test("install.sh moves the Go program's database aside, log first, and never overwrites another", async () => {
  const old = { "": "database", "-wal": "log", "-shm": "index" };
  const files = Object.entries(old).map(([suffix, text]) => [`${STATE}/session_events.db${suffix}`, text]);
  await using root = await FakeRoot.create(Object.fromEntries(files));
  const { stdout } = await ok(root.install("--dry-run"));
  const moves = [...stdout.matchAll(/^would run: mv -T \S*session_events\.db(\S*) /gm)].map(([, suffix]) => suffix);
  assert.deepEqual(moves, ["-wal", "-shm", ""]);

  await ok(root.install());
  const tree = await root.tree();
  for (const [suffix, text] of Object.entries(old)) {
    assert.match(tree[`${STATE}/send/legacy.db${suffix}`] ?? "", new RegExp(`^0600 .*\n${text}$`));
    assert.equal(tree[`${STATE}/session_events.db${suffix}`], undefined);
  }

  await root.write(`${STATE}/session_events.db`, "another");
  const { stderr } = await ok(root.install());
  assert.match(stderr, /^warning: .*session_events\.db is not moved: .*legacy\.db already exists$/m);
  assert.equal(await root.read(`${STATE}/send/legacy.db`), "database");
  assert.equal(await root.read(`${STATE}/session_events.db`), "another");
});

Deno.test("install.sh does not change the owner of a file that the Go program's database links to", async () => {
  for (const kind of ["symlink", "link"] as const) {
    for (const suffix of ["", "-wal"]) {
      await using root = await FakeRoot.create({
        "/etc/shadow": "secret",
        [`${STATE}/session_events.db${suffix === "" ? "-wal" : ""}`]: "its own",
      });
      await Deno.chmod(root.path("/etc/shadow"), 0o640);
      await Deno[kind](root.path("/etc/shadow"), root.path(`${STATE}/session_events.db${suffix}`));
      const { stderr } = await ok(root.install());
      assert.match(stderr, /^warning: .* is not a regular file with a single name: it is not moved/m);
      const tree = await root.tree();
      assert.match(tree["/etc/shadow"] ?? "", /^0640 /);
      assert.deepEqual(Object.keys(tree).filter((path) => path.startsWith(`${STATE}/send/`)), [`${STATE}/send/`]);
    }
  }
});

Deno.test("install.sh refuses unknown options, and a binary that is missing or does not run", async () => {
  await using root = await FakeRoot.create();
  const before = await root.tree();
  const faults: [flags: string[], code: number, expected: RegExp][] = [
    [["--pma"], 64, /^error: unknown option --pma$/m],
    [[], 1, /^error: cannot run .*\/root\/usr\/sbin\/ssh-session-notifier: /m],
    [["--dry-run"], 1, /^error: cannot run /m],
  ];
  await Deno.writeTextFile(root.program, "#!/nowhere\n");
  for (const [flags, code, expected] of faults) {
    const ran = await root.install(...flags);
    assert.equal(ran.code, code, flags.join(" "));
    assert.match(ran.stderr, expected);
  }
  await Deno.remove(root.program);
  const missing = /^error: cannot find root\/ and manifest next to install\.sh\nhint: unpack the whole archive\n/;
  for (const flags of [[], ["--uninstall"]]) assert.match((await root.install(...flags)).stderr, missing);
  // In a checkout, the tree is in dist/.
  await Deno.writeTextFile(root.beside("deno.json"), "{}");
  assert.match(
    (await root.install("--dry-run")).stderr,
    /^error: cannot find .*\/dist\/root .*\nhint: build them: npx /,
  );
  assert.deepEqual(await root.tree(), before);
  assert.match((await ok(root.install("--help"))).stdout, /^Usage: \.\/install\.sh \[options\]/);
});

Deno.test("install.sh treats a DESTDIR of / as this machine, which requires root", async () => {
  await using root = await FakeRoot.create();
  const { code, stderr } = await root.installTo("/", "--dry-run");
  assert.deepEqual([code, stderr], [77, "error: install.sh must run as root\nhint: sudo ./install.sh\n"]);
});

Deno.test("install.sh refuses a DESTDIR that is or contains a link, and deletes nothing through it", async () => {
  await using root = await FakeRoot.create({ "/elsewhere/lib/file": "kept", "/package/usr/sbin/tool": "kept" });
  await Deno.symlink("elsewhere", root.path("/link"));
  await Deno.mkdir(root.path("/package/var/lib"), { recursive: true });
  await Deno.symlink(root.path("/elsewhere"), root.path(`/package${STATE}`));
  await Deno.mkdir(root.path("/other"));
  await Deno.symlink(root.path("/package/usr"), root.path("/other/usr"));
  const before = await root.tree();
  for (const destDir of ["/link", "/link/lib", "/link/", "/package", "/other"]) {
    for (const flags of [[], ["--dry-run"], ["--uninstall"], ["--purge"]]) {
      const { code, stderr } = await root.installTo(root.path(destDir), ...flags);
      assert.equal(code, 1, `${destDir} ${flags}`);
      assert.match(stderr, /^error: cannot use DESTDIR: \S+ is a symbolic link\nhint: /);
      assert.deepEqual(await root.tree(), before);
    }
  }
});

Deno.test("install.sh refuses a DESTDIR if others can write to it or to a directory below it", async () => {
  await using root = await FakeRoot.create({ "/package/usr/sbin/tool": "", "/open/file": "" });
  await Deno.chmod(root.path("/open"), 0o1777);
  for (const [path, destDir] of [["/package", "/package"], ["/package/usr", "/package"], ["/open", "/open"]] as const) {
    const { mode } = await Deno.stat(root.path(path));
    await Deno.chmod(root.path(path), 0o1777);
    for (const flags of [[], ["--purge"]]) {
      const { code, stderr } = await root.installTo(root.path(destDir), ...flags);
      assert.equal(code, 1, path);
      assert.match(
        stderr,
        new RegExp(`^error: cannot use DESTDIR: \\S+${path} belongs to another user, or others can`),
      );
    }
    await Deno.chmod(root.path(path), (mode ?? 0) & 0o7777);
  }
  // In a sticky directory, users cannot replace each other's files; --help gives /tmp/package as an example.
  await Deno.chmod(root.path("/open"), 0o1777);
  await ok(root.installTo(root.path("/open/made")));
  assert.equal(((await Deno.stat(root.path("/open/made"))).mode ?? 0) & 0o7777, 0o755);
  await Deno.chmod(root.path("/open"), 0o777);
  assert.equal((await root.installTo(root.path("/open/made"))).code, 1);
});

Deno.test({
  name: "install.sh refuses a DESTDIR that another user created",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using root = await FakeRoot.create();
    const directory = await Deno.makeTempDir();
    const env = { DESTDIR: `${directory}/package` };
    const run = async (...flags: string[]) =>
      await new Deno.Command("sh", { args: [root.beside("install.sh"), ...flags], env }).output();
    try {
      await Deno.mkdir(`${directory}/package/var`, { recursive: true });
      for (const path of ["/package/var", "/package"]) {
        await Deno.chown(`${directory}${path}`, 65534, 65534);
        for (const flags of [["--purge"], ["--dry-run"]]) {
          const { code, stderr } = await run(...flags);
          assert.equal(code, 1);
          assert.match(
            new TextDecoder().decode(stderr),
            new RegExp(`^error: cannot use DESTDIR: \\S+${path} belongs to `),
          );
        }
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "install.sh refuses a DESTDIR that resolves to /",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using root = await FakeRoot.create();
    const directory = await Deno.makeTempDir();
    try {
      const up = directory.split("/").slice(1).map(() => "..").join("/");
      // A dry run, so that a failure of this test changes nothing.
      const { code, stderr } = await new Deno.Command("sh", {
        args: [root.beside("install.sh"), "--dry-run"],
        env: { DESTDIR: `${directory}/${up}` },
      }).output();
      assert.match(new TextDecoder().decode(stderr), /^error: cannot use DESTDIR: .* is \/, which is this machine\n/);
      assert.equal(code, 1);
    } finally {
      await Deno.remove(directory);
    }
  },
});

Deno.test("install.sh writes the files of the given scheduler, and removes those of the other", async () => {
  await using root = await FakeRoot.create();
  const written = async (...flags: string[]) => {
    await ok(root.install(...flags));
    return Object.keys(await root.tree()).filter((path) => /(systemd|cron.d)\/.*ssh-session/.test(path)).sort();
  };
  const units = ["path", "service", "timer"].map((unit) => `/usr/lib/systemd/system/${NAME}.${unit}`);
  assert.deepEqual(await written("--scheduler=systemd"), units);
  assert.deepEqual(await written("--scheduler=cron"), [`/etc/cron.d/${NAME}`]);
  assert.deepEqual(await written("--scheduler=none"), []);
  assert.deepEqual(await written("--scheduler=systemd"), units);
  assert.deepEqual(await written(), [`/etc/cron.d/${NAME}`]);
  assert.equal((await root.install("--scheduler=launchd")).code, 64);
});

Deno.test("install.sh writes a valid @reboot line for cron, which keeps existing files", async () => {
  await using root = await FakeRoot.create();
  await ok(root.install("--scheduler=cron"));
  const [, line = ""] = /^@reboot root (.*)$/m.exec(await root.read(`/etc/cron.d/${NAME}`)) ?? [];
  const run = line.replaceAll("/run/", `${root.path("/run")}/`).replaceAll(/-[og] \S+ /g, "");
  await Deno.mkdir(root.path("/run"));
  const atBoot = async () => {
    const { code, stderr } = await new Deno.Command("sh", { args: ["-c", run] }).output();
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    return Object.entries(await root.tree()).filter(([path]) => path.startsWith("/run/s")).map(([path, text]) =>
      `${text.slice(0, 4)} ${path}`
    );
  };
  assert.deepEqual((await atBoot()).sort(), [
    "0640 /run/ssh-session-notifier/unrecorded",
    "0750 /run/ssh-session-notifier/",
    "2750 /run/ssh-session-notifier/spool/",
  ]);
  await root.write(`/run/${NAME}/unrecorded`, "a login");
  await atBoot();
  assert.equal(await root.read(`/run/${NAME}/unrecorded`), "a login");
});

Deno.test("install.sh always removes its temporary files", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("debian"), "/tmp/keep": "" });
  await Deno.chmod(root.path("/tmp"), 0o777);
  for (const flags of [["--pam"], ["--pam", "--dry-run"], ["--uninstall"], ["--nonsense"]]) {
    await root.installWith({ TMPDIR: root.path("/tmp") }, ...flags);
    assert.deepEqual([...Deno.readDirSync(root.path("/tmp"))].map(({ name }) => name), ["keep"], flags.join(" "));
  }
});
