// Runs install.sh with fake roots (DESTDIR), without any privilege. tests/e2e/install.test.ts runs it as root.

import assert from "node:assert/strict";
import { Findings } from "../src/admin/check/finding.ts";
import { inspectPam } from "../src/admin/check/pam.ts";
import { readPamStack } from "../src/admin/check/pam_stack.ts";
import { displaysOf } from "./helpers/mdoc.ts";

const NAME = "ssh-session-notifier";
const PAM_FILES = `${import.meta.dirname}/testdata/pam`;
const BEGIN = `# ${NAME} begin: do not edit between these lines; \`install.sh --uninstall\` removes them\n`;
const END = `# ${NAME} end\n`;
const CLEAN = `pam_env.so conffile=/etc/${NAME}/pam_env_last.conf readenv=0 user_readenv=0`;
const FIRST = `${BEGIN}session optional ${CLEAN}
session [success=4 default=ignore] pam_exec.so quiet seteuid /usr/sbin/${NAME} queue
session optional pam_env.so conffile=/etc/${NAME}/pam_env_retry.conf readenv=0 user_readenv=0
session [success=2 default=ignore] pam_exec.so quiet seteuid /usr/sbin/${NAME} queue
session [success=ignore default=1] ${CLEAN}
session optional pam_exec.so quiet seteuid type=open_session log=/run/${NAME}/unrecorded \
/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0
${END}`;
const LAST = `${BEGIN}session optional ${CLEAN}\n${END}`;
/** The includes that earlier releases put into sshd's file instead, and the files that they name. */
const OLD_FIRST = `session    include      ${NAME}\n`;
const OLD_LAST = `session    include      ${NAME}-last\n`;
const OLD_FILES: Readonly<Record<string, string>> = {
  [`/etc/pam.d/${NAME}`]: `session optional pam_exec.so quiet /usr/sbin/${NAME} queue\n`,
  [`/etc/pam.d/${NAME}-last`]: `session optional ${CLEAN}\n`,
  [`/etc/${NAME}/pam_env_last.conf`]: "LD_PRELOAD DEFAULT=x\nLD_PRELOAD\n",
};
const SSHD = "/etc/pam.d/sshd";
const BINARY = `/usr/sbin/${NAME}`;
const CONFIG = `/etc/${NAME}`;
const STATE = `/var/lib/${NAME}`;

/** Stands in for the compiled program. Without root, install.sh runs it for its version, completions and man page. */
const PROGRAM = `#!/bin/sh
case $1 in
  --version) echo "${NAME} 0.1.0" ;;
  completions) printf '#compdef\\n# Written by \`${NAME} completions %s\`.\\n' "$2" ;;
  man) printf '.\\\\" Written by \`${NAME} man %s\`.\\n' "$2" ;;
  *) exit 64 ;;
esac\n`;

/** The program's documents: where they are installed, and the commands that print them. */
const DOCUMENTS = {
  [`/usr/share/bash-completion/completions/${NAME}`]: "completions bash",
  [`/usr/share/fish/vendor_completions.d/${NAME}.fish`]: "completions fish",
  [`/usr/share/man/man5/${NAME}.toml.5`]: "man 5",
  [`/usr/share/man/man7/${NAME}-security.7`]: "man 7",
  [`/usr/share/man/man8/${NAME}.8`]: "man 8",
  [`/usr/share/zsh/site-functions/_${NAME}`]: "completions zsh",
  [`/usr/share/zsh/vendor-completions/_${NAME}`]: "completions zsh",
};
const DOCUMENT_DIRS = [
  "/usr/share/",
  "/usr/share/bash-completion/",
  "/usr/share/bash-completion/completions/",
  "/usr/share/fish/",
  "/usr/share/fish/vendor_completions.d/",
  "/usr/share/man/",
  "/usr/share/man/man5/",
  "/usr/share/man/man7/",
  "/usr/share/man/man8/",
  "/usr/share/zsh/",
  "/usr/share/zsh/site-functions/",
  "/usr/share/zsh/vendor-completions/",
];

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with install.sh, a binary next to it, and a root to install to. */
class FakeRoot implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param files the texts of files that exist before the installation, by path */
  static async create(files: Readonly<Record<string, string>> = {}): Promise<FakeRoot> {
    const root = new FakeRoot(await Deno.makeTempDir());
    await Deno.copyFile(`${import.meta.dirname}/../install.sh`, root.beside("install.sh"));
    await Deno.writeTextFile(root.beside(NAME), PROGRAM, { mode: 0o755 });
    await Deno.mkdir(root.path("/"));
    for (const [path, text] of Object.entries(files)) await root.write(path, text);
    return root;
  }

  /** The path of a file next to install.sh. */
  beside(name: string): string {
    return `${this.#directory}/${name}`;
  }

  path(absolute: string): string {
    return `${this.#directory}/root${absolute}`;
  }

  async read(path: string): Promise<string> {
    return await Deno.readTextFile(this.path(path));
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(this.path(path.replace(/\/[^/]*$/, "")), { recursive: true });
    await Deno.writeTextFile(this.path(path), text);
  }

  async install(...flags: string[]): Promise<Ran> {
    return await this.#run("sh", [this.beside("install.sh"), ...flags]);
  }

  /** Installs, with its temporary files in a directory of the test. */
  async installWithin(temporary: string, ...flags: string[]): Promise<Ran> {
    return await this.#run("sh", [this.beside("install.sh"), ...flags], { env: { TMPDIR: temporary } });
  }

  /** Installs with another DESTDIR. */
  async installTo(destDir: string, ...flags: string[]): Promise<Ran> {
    return await this.#run("sh", [this.beside("install.sh"), ...flags], { env: { DESTDIR: destDir } });
  }

  /** Installs on a machine that lacks one of the tools in /usr/bin. */
  async installWithout(tool: string, ...flags: string[]): Promise<Ran> {
    const tools = this.beside("tools");
    await Deno.mkdir(tools);
    for await (const { name } of Deno.readDir("/usr/bin")) {
      if (name !== tool) await Deno.symlink(`/usr/bin/${name}`, `${tools}/${name}`);
    }
    return await this.#run("sh", [this.beside("install.sh"), ...flags], { env: { PATH: tools } });
  }

  /** Installs on a terminal, with typed input. */
  async installOnTerminal(typed: string, ...flags: string[]): Promise<Ran> {
    const command = ["sh", this.beside("install.sh"), ...flags].join(" ");
    return await this.#run("script", ["--quiet", "--return", "--command", command, "/dev/null"], { typed });
  }

  /**
   * Installs, and kills all its processes before the nth command that changes a file; 0 kills nothing.
   *
   * @returns the number of such commands
   */
  async installKilledAt(nth: number, ...flags: string[]): Promise<number> {
    const shims = this.beside("shims");
    await Deno.mkdir(shims);
    const count = `${shims}/count`;
    await Deno.writeTextFile(count, "0\n");
    await Deno.chmod(count, 0o666);
    const path = Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";
    for (const tool of ["cp", "mv", "chmod", "mkdir", "rm"]) {
      const shim = `#!/bin/sh
        PATH='${path}'
        read -r count <'${count}'
        echo $((count + 1)) >'${count}'
        [ $((count + 1)) -ne ${nth} ] || kill -KILL 0
        exec ${tool} "$@"\n`;
      await Deno.writeTextFile(`${shims}/${tool}`, shim, { mode: 0o755 });
    }
    const { code } = await this.#run("setsid", ["sh", this.beside("install.sh"), ...flags], {
      // A killed run cannot remove its temporary files.
      env: { PATH: `${shims}:${path}`, TMPDIR: shims },
    });
    const counted = Number(await Deno.readTextFile(count));
    await Deno.remove(shims, { recursive: true });
    assert.equal(code === 0, nth === 0, `killed at ${nth}`);
    return counted;
  }

  /** Everything in the root: each path with type, mode and text, and a file's modification time. */
  async tree(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    const add = async (path: string) => {
      for await (const { name } of Deno.readDir(this.path(path))) {
        const child = `${path}${name}`;
        const { isSymlink, isDirectory, mode, mtime } = await Deno.lstat(this.path(child));
        const octal = ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
        if (isSymlink) found[child] = `link to ${await Deno.readLink(this.path(child))}`;
        else if (isDirectory) {
          found[`${child}/`] = octal;
          await add(`${child}/`);
        } else found[child] = `${octal} ${mtime?.toISOString()}\n${await this.read(child)}`;
      }
    };
    await add("/");
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #run(
    command: string,
    args: readonly string[],
    options: { typed?: string; env?: Record<string, string> } = {},
  ): Promise<Ran> {
    const { typed, env = {} } = options;
    // As root, run the installer as nobody, so that it cannot harm the machine.
    const becomeNobody = Deno.uid() === 0;
    if (becomeNobody) {
      const give = "! -user 65534 -exec chown -h 65534:65534 {} +";
      await new Deno.Command("find", { args: [this.#directory, ...give.split(" ")] }).output();
    }
    const child = new Deno.Command(command, {
      args: [...args],
      cwd: this.#directory,
      env: { DESTDIR: this.path(""), ...env },
      ...becomeNobody ? { uid: 65534, gid: 65534 } : {},
      stdin: typed === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (typed !== undefined) await new Blob([typed]).stream().pipeTo(child.stdin);
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }
}

/** sshd's PAM file as shipped by a distribution. */
function stock(distribution: string): string {
  return Deno.readTextFileSync(`${PAM_FILES}/${distribution}/sshd`);
}

async function ok(running: Promise<Ran>): Promise<Ran> {
  const ran = await running;
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  return ran;
}

/** Only paths and modes, without the directories that any root has. */
function modes(tree: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(tree).filter(([path]) => path.includes(NAME));
  return Object.fromEntries(own.map(([path, text]) => [path, text.slice(0, 4)]).sort());
}

/** Without the binary, which a second run may write again, atomically. */
function withoutBinary(tree: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => path !== BINARY));
}

/** The texts of the backups of a PAM file, oldest first. */
async function backups(root: FakeRoot, name = "sshd"): Promise<string[]> {
  const tree = Object.entries(await root.tree());
  const copies = tree.filter(([path]) => path.startsWith(`${CONFIG}/backup/${name}.`)).map(([path]) => path);
  return await Promise.all(copies.sort().map((path) => root.read(path)));
}

// --- files ---

const BASE = {
  [`${CONFIG}/`]: "0750",
  [`${CONFIG}/config.toml`]: "0640",
  [BINARY]: "2750",
  [`${STATE}/`]: "0751",
  [`${STATE}/queue/`]: "2750",
  [`${STATE}/queue/db/`]: "2750",
  [`${STATE}/queue/spool/`]: "2750",
  [`${STATE}/send/`]: "0700",
  [`${CONFIG}/pam_env_last.conf`]: "0644",
  [`${CONFIG}/pam_env_retry.conf`]: "0644",
  [`/etc/tmpfiles.d/${NAME}.conf`]: "0644",
  ...Object.fromEntries(Object.keys(DOCUMENTS).map((path) => [path, "0644"])),
};
const WITH_CRON = { ...BASE, [`/etc/cron.d/${NAME}`]: "0644" };
const WITH_PAM = { ...WITH_CRON, [`${CONFIG}/backup/`]: "0700" };
const SYSTEMD = { "/usr/lib/systemd/systemd": "" };
const WITH_UNITS = {
  ...BASE,
  [`${STATE}/root/`]: "0755",
  [`/etc/systemd/system/${NAME}.path`]: "0644",
  [`/etc/systemd/system/${NAME}.service`]: "0644",
  [`/etc/systemd/system/${NAME}.timer`]: "0644",
};

Deno.test("install.sh creates exactly these files, with these modes", async () => {
  await using root = await FakeRoot.create();
  await ok(root.install());
  const tree = await root.tree();
  assert.deepEqual(modes(tree), Object.fromEntries(Object.entries(WITH_CRON).sort()));
  assert.deepEqual(
    Object.keys(tree).filter((path) => !path.includes(NAME)).sort(),
    ["/etc/", "/etc/cron.d/", "/etc/tmpfiles.d/", "/usr/", "/usr/sbin/", ...DOCUMENT_DIRS, "/var/", "/var/lib/"],
  );
  assert.equal(await root.read(BINARY), PROGRAM);
  for (const [path, command] of Object.entries(DOCUMENTS)) {
    assert.ok((await root.read(path)).includes(`ritten by \`${NAME} ${command}\`.`), path);
  }
  assert.match(
    await root.read(`/etc/cron.d/${NAME}`),
    /^\* \* \* \* \* ssh-session-notifier \/usr\/sbin\/ssh-session-notifier send /m,
  );
});

Deno.test("install.sh does not overwrite or remove a completion or man page that it did not write", async () => {
  const [bash = "", fish = "", , , man = "", zsh = ""] = Object.keys(DOCUMENTS);
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

Deno.test("install.sh completes with warnings if nothing can be written below /usr/share", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK, "/usr/share": "a file instead of a directory" });
  const { stderr } = await ok(root.install("--pam"));
  for (const path of Object.keys(DOCUMENTS)) {
    assert.ok(stderr.includes(`warning: cannot write ${path}, see above`), path);
  }
  assert.equal(await root.read(SSHD), HOOKED);
  assert.ok(`/etc/cron.d/${NAME}` in await root.tree());
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
    await Deno.writeFile(root.beside("foreign"), Uint8Array.from(elf, (char) => char.charCodeAt(0)), { mode: 0o755 });
    const { stderr } = await ok(root.install("--binary", root.beside("foreign")));
    assert.match(stderr, new RegExp(`^warning: .*/foreign is for ${FOREIGN}: it is not tested here`));
    assert.deepEqual(await Deno.readFile(root.path(BINARY)), await Deno.readFile(root.beside("foreign")));
    assert.deepEqual(Object.keys(await root.tree()).filter((path) => path.startsWith("/usr/share/")), []);
    assert.equal(await Deno.stat(root.beside("ran")).catch(() => undefined), undefined);
  },
});

Deno.test("install.sh installs a program without completions and man page", async () => {
  await using root = await FakeRoot.create();
  await Deno.writeTextFile(root.beside("old"), `#!/bin/sh\n[ "$1" = --version ] && echo "${NAME} 0.0.1"\n`, {
    mode: 0o755,
  });
  const { stderr } = await ok(root.install("--binary", root.beside("old")));
  for (const path of Object.keys(DOCUMENTS)) assert.ok(stderr.includes(`warning: cannot write ${path}`), path);
  assert.ok(BINARY in await root.tree());
});

Deno.test("install.sh tests the given binary, not one of the same name in the PATH", async () => {
  await using root = await FakeRoot.create();
  await Deno.writeTextFile(root.beside("true"), PROGRAM.replace("0.1.0", "0.2.0"), { mode: 0o755 });
  const { stdout } = await ok(root.install("--binary", "true"));
  assert.match(stdout, /^ssh-session-notifier 0\.2\.0$/m);
  assert.equal(await root.read(BINARY), await Deno.readTextFile(root.beside("true")));
});

Deno.test("install.sh writes units instead of the cron file if systemd is installed", async () => {
  await using root = await FakeRoot.create(SYSTEMD);
  await ok(root.install());
  assert.deepEqual(modes(await root.tree()), Object.fromEntries(Object.entries(WITH_UNITS).sort()));
});

Deno.test("install.sh changes nothing when it runs again, and reports it", async () => {
  await using root = await FakeRoot.create({ ...SYSTEMD, [SSHD]: stock("debian") });
  await ok(root.install("--pam", "--fix-pam-env"));
  const before = await root.tree();
  const { stdout, stderr } = await ok(root.install("--pam", "--fix-pam-env"));
  assert.deepEqual(withoutBinary(await root.tree()), withoutBinary(before));
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
    assert.match(stdout, /^would install: \/usr\/sbin\/ssh-session-notifier \(root:ssh-session-notifier, 2750\)$/m);
    // The context lines of the diff show the position.
    assert.ok(stdout.includes(` ${SELINUX}${FIRST}`.replaceAll(/(?<=\n)(?=.)/g, "+")), stdout);
    assert.match(stdout, /^-.*user_readenv=1 .*\n\+.*user_readenv=0 /m);
    assert.match(stdout, /^would edit: \/etc\/pam\.d\/sshd$/m);
    assert.doesNotMatch(stdout, /^(written|installed|edited|removed|moved aside)/m);
    if (!installed) {
      assert.match(stdout, /^would write: \/etc\/ssh-session-notifier\/config\.toml$/m);
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

Deno.test("install.sh shows the whole PAM file before and after an edit if there is no diff", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK });
  const { stdout } = await ok(root.installWithout("diff", "--dry-run", "--pam"));
  assert.ok(stdout.includes(`--- ${SSHD}\n${STACK}+++ ${SSHD}, edited\n${HOOKED}would edit: ${SSHD}\n`), stdout);
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
  // No backup is announced that is then removed.
  assert.doesNotMatch((await ok(root.install("--purge"))).stdout, /backup/);
  await ok(root.install("--purge"));
  const text = (tree: Record<string, string>) =>
    Object.fromEntries(Object.entries(tree).map(([path, entry]) => [path, entry.replace(/ .*\n/, "\n")]));
  const found = text(await root.tree());
  const made = ["/etc/systemd/", "/etc/systemd/system/", "/etc/tmpfiles.d/", "/usr/sbin/", ...DOCUMENT_DIRS];
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

// --- killed runs ---

const INTERRUPTED = {
  ...SYSTEMD,
  [SSHD]: stock("debian"),
  "/etc/pam.d/login": "session required pam_limits.so\n",
  "/etc/pam.d/su": "session required pam_unix.so\n",
  [`${STATE}/session_events.db`]: "database",
  [`${STATE}/session_events.db-wal`]: "log",
};

/** Without times, and without backups, whose names contain times. */
function essence(tree: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(tree).filter(([path]) => !path.includes("/backup/"));
  return Object.fromEntries(kept.map(([path, entry]) => [path, entry.replace(/ .*Z\n/, "\n")]));
}

/** Checks what must hold at every moment, because someone can log in at any time. */
async function assertLoginsWork(root: FakeRoot, states: readonly string[], what: string): Promise<void> {
  const tree = await root.tree();
  const sshd = await root.read(SSHD);
  assert.ok(states.includes(sshd), `${what}: sshd is\n${sshd}`);
  for (const path of ["/etc/pam.d/login", "/etc/pam.d/su"] as const) {
    const states = [INTERRUPTED[path], `${FIRST}${INTERRUPTED[path]}${LAST}`];
    assert.ok(states.includes(await root.read(path)), `${what}: ${path} is\n${await root.read(path)}`);
  }
  for (const [, included] of sshd.matchAll(/^session +include +(\S+)$/gm)) {
    assert.ok(`/etc/pam.d/${included}` in tree, `${what}: ${included} is there`);
  }
  if (BINARY in tree) assert.equal(await root.read(BINARY), PROGRAM, what);
  const legacy = `${STATE}/send/legacy.db`;
  if (legacy in tree) assert.ok(`${legacy}-wal` in tree, `${what}: the database has its log`);
}

/** Kills a run before each of its commands in turn, with several roots in parallel. */
async function killedAnywhere(
  options: { flags: readonly string[]; prepare: (root: FakeRoot) => Promise<void> },
  check: (root: FakeRoot, what: string) => Promise<void>,
): Promise<void> {
  const { flags, prepare } = options;
  const commands = await (async () => {
    await using root = await FakeRoot.create(INTERRUPTED);
    await prepare(root);
    return await root.installKilledAt(0, ...flags);
  })();
  assert.ok(commands > 10, `${commands} commands`);
  let next = 1;
  const work = async () => {
    for (let nth = next++; nth <= commands; nth = next++) {
      await using root = await FakeRoot.create(INTERRUPTED);
      await prepare(root);
      await root.installKilledAt(nth, ...flags);
      await check(root, `killed at ${nth} of ${commands}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

Deno.test("install.sh can be killed anywhere: logins still work, and the next run completes it", async () => {
  const flags = ["--pam=sshd,login,su", "--fix-pam-env"];
  await using whole = await FakeRoot.create(INTERRUPTED);
  await ok(whole.install("--pam"));
  const hooked = await whole.read(SSHD);
  await ok(whole.install(...flags));
  const states = [stock("debian"), hooked, await whole.read(SSHD)];
  const expected = essence(await whole.tree());

  await killedAnywhere({ flags, prepare: async () => {} }, async (root, what) => {
    await assertLoginsWork(root, states, what);
    await ok(root.install(...flags));
    assert.deepEqual(essence(await root.tree()), expected, what);
    assert.ok((await backups(root)).includes(stock("debian")), what);
  });
});

Deno.test("install.sh --purge can be killed anywhere: logins still work, and the next run completes it", async () => {
  await using whole = await FakeRoot.create(INTERRUPTED);
  // With the includes of an earlier release, where the order matters more.
  const prepare = (root: FakeRoot) => makeOld(root, "--pam=login,su");
  await prepare(whole);
  const states = [await whole.read(SSHD), stock("debian")];
  await ok(whole.install("--purge"));
  const expected = essence(await whole.tree());

  await killedAnywhere({ flags: ["--purge"], prepare }, async (root, what) => {
    await assertLoginsWork(root, states, what);
    await ok(root.install("--purge"));
    assert.deepEqual(essence(await root.tree()), expected, what);
  });
});

/** Makes a root as an earlier release left it, with the two includes. */
async function makeOld(root: FakeRoot, ...flags: string[]): Promise<void> {
  await ok(root.install("--pam", ...flags));
  await root.write(SSHD, (await root.read(SSHD)).replace(FIRST, OLD_FIRST).replace(LAST, OLD_LAST));
  for (const [path, text] of Object.entries(OLD_FILES)) await root.write(path, text);
}

Deno.test("install.sh --pam can be killed anywhere while it removes an earlier release's includes", async () => {
  await using whole = await FakeRoot.create(INTERRUPTED);
  await makeOld(whole);
  const old = await whole.read(SSHD);
  await ok(whole.install("--pam"));
  const expected = essence(await whole.tree());
  const states = [old, await whole.read(SSHD)];
  for (const path of Object.keys(OLD_FILES).slice(0, 2)) assert.ok(!(path in expected), path);
  assert.ok(states[1]?.includes(FIRST) && states[1].endsWith(LAST), states[1]);

  await killedAnywhere({ flags: ["--pam"], prepare: makeOld }, async (root, what) => {
    await assertLoginsWork(root, states, what);
    await ok(root.install("--pam"));
    assert.deepEqual(essence(await root.tree()), expected, what);
  });
});

Deno.test("install.sh without --pam keeps an earlier release's includes working, and gives a hint", async () => {
  await using root = await FakeRoot.create({ [SSHD]: stock("debian") });
  await makeOld(root);
  const old = await root.read(SSHD);
  const { stdout, stderr } = await ok(root.install());
  assert.match(
    stderr,
    /^warning: \/etc\/pam\.d\/sshd includes a file of an earlier .*\nhint: run install\.sh --pam; /m,
  );
  assert.doesNotMatch(stdout, /nothing is recorded/);
  assert.equal(await root.read(SSHD), old);
  for (const path of Object.keys(OLD_FILES).slice(0, 2)) assert.equal(await root.read(path), OLD_FILES[path]);
  const { stdout: shown } = await ok(root.install("--pam", "--dry-run"));
  assert.ok(shown.includes(`-${OLD_FIRST}`) && shown.includes(`+${BEGIN}`), shown);
  assert.match(shown, /^would run: rm -f .*\/etc\/pam\.d\/ssh-session-notifier-last$/m);
});

// --- PAM ---

const SELINUX = "session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close\n";
/** The line before which the first lines go, or the pam_selinux line after which they go. */
const PLACES: Record<string, { before: string } | { behind: string }> = {
  debian: { behind: SELINUX },
  ubuntu: { behind: SELINUX },
  fedora: { behind: "session    required     pam_selinux.so close\n" },
  arch: { before: "session   include   system-remote-login\n" },
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
    const findings = new Findings();
    // The distribution's other files are not in testdata.
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

const STACK = "auth required pam_unix.so\nsession required pam_unix.so\n";
const OLD_HOOKED = `auth required pam_unix.so\n${OLD_FIRST}session required pam_unix.so\n${OLD_LAST}`;
const HOOKED = `auth required pam_unix.so\n${FIRST}session required pam_unix.so\n${LAST}`;

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
        /^error: cannot edit \/etc\/pam\.d\/sshd: .*\nhint: run install\.sh without --pam, then add /,
      );
      assert.match(stderr, reason);
      assert.ok(stdout.includes(`\n\n${FIRST}\n`) && stdout.endsWith(`\n\n${LAST}\n`), stdout);
      assert.deepEqual(await root.tree(), before);
    }
  });
}

Deno.test("the manual shows the lines that install.sh adds to the PAM file", async () => {
  const shown = displaysOf(await Deno.readTextFile(`${import.meta.dirname}/../src/man/${NAME}.8`));
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
  await refused(/cannot edit \S+sshd: it does not exist\nhint: .*install .* the OpenSSH server/);
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

Deno.test("install.sh --pam warns of a line that can end the session stack early", async () => {
  for (
    const [text, place] of [
      ["session sufficient a.so\nsession required b.so\n", "sshd:9"],
      ["session [success=done default=ignore] a.so\nsession required b.so\n", "sshd:9"],
      ["session include local\nsession required b.so\n", "local:2"],
      ["session required a.so # sufficient\n# session sufficient a.so\nauth sufficient b.so\n", undefined],
    ] as const
  ) {
    await using root = await FakeRoot.create({
      [SSHD]: text,
      "/etc/pam.d/local": "auth required a.so\n-session sufficient c.so\n",
    });
    const { stderr } = await ok(root.install("--pam"));
    if (place === undefined) assert.equal(stderr, "");
    else assert.match(stderr, new RegExp(`^warning: /etc/pam\\.d/${place} can end the session stack early: `));
  }
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
  assert.match(stderr, /^error: cannot edit \/etc\/pam\.d\/sshd: the jump in line 11 crosses the lines/);
  assert.equal(await root.read(SSHD), edited);
  assert.ok(BINARY in await root.tree());
});

// --- other PAM services ---

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
    ["login,su", { [SU]: "session required \\\n b.so\n" }, /\/su: it has continuation lines/],
    ["sshd,common-session", {}, /\/common-session: several services share it/],
    ["system-auth", { "/etc/pam.d/system-auth": STACK }, /\/system-auth: several services share it/],
    ["other", { "/etc/pam.d/other": STACK }, /\/other: several services share it/],
    [NAME, OLD_FILES, /\/ssh-session-notifier: several services share it/],
    ["su,su-l", {}, /\/su-l: it includes su, so each session would be recorded twice\nhint: remove su-l from --pam/],
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
  assert.match(stderr, /^error: cannot edit \/etc\/pam\.d\/su: the jump in line 11 crosses the lines/);
  assert.deepEqual(await root.tree(), before);
});

// --- user_readenv ---

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
  assert.match(stderr, /^hint: run install\.sh --pam --fix-pam-env$/m);
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

// --- arguments and messages ---

Deno.test("install.sh refuses unknown options, and a binary that is missing or does not run", async () => {
  await using root = await FakeRoot.create();
  const before = await root.tree();
  const faults: [flags: string[], code: number, expected: RegExp][] = [
    [["--pma"], 64, /^error: unknown option --pma$/m],
    [["--binary"], 64, /^error: --binary requires a file$/m],
    [["--binary", root.beside("none")], 1, /^error: .*\/none does not exist or is not a file$/m],
    [["--binary", root.beside("broken")], 1, /^error: cannot run .*broken: /m],
  ];
  await Deno.writeTextFile(root.beside("broken"), "#!/nowhere\n", { mode: 0o755 });
  for (const [flags, code, expected] of faults) {
    const ran = await root.install(...flags);
    assert.equal(ran.code, code, flags.join(" "));
    assert.match(ran.stderr, expected);
  }
  await Deno.remove(root.beside(NAME));
  const { code, stderr } = await root.install();
  assert.equal(code, 1);
  assert.match(stderr, /^error: no binary next to install\.sh\nhint: /);
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
    const directory = await Deno.makeTempDir();
    const env = { DESTDIR: `${directory}/package` };
    const run = async (...flags: string[]) =>
      await new Deno.Command("sh", { args: [`${import.meta.dirname}/../install.sh`, ...flags], env }).output();
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
    const directory = await Deno.makeTempDir();
    try {
      const up = directory.split("/").slice(1).map(() => "..").join("/");
      // A dry run, so that a failure of this test changes nothing.
      const { code, stderr } = await new Deno.Command("sh", {
        args: [`${import.meta.dirname}/../install.sh`, "--dry-run"],
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
    return Object.keys(await root.tree()).filter((path) => path.includes(NAME) && /systemd|cron/.test(path)).sort();
  };
  const units = ["path", "service", "timer"].map((unit) => `/etc/systemd/system/${NAME}.${unit}`);
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
    await root.installWithin(root.path("/tmp"), ...flags);
    assert.deepEqual([...Deno.readDirSync(root.path("/tmp"))].map(({ name }) => name), ["keep"], flags.join(" "));
  }
});
