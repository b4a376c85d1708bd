// Roots for install.sh, made by the tests, and what it writes there.

import assert from "node:assert/strict";
import { compiledBinary } from "../../.ci/compile.ts";
import { makeDist } from "../../.ci/dist.ts";

export const NAME = "ssh-session-notifier";
export const PAM_FILES = `${import.meta.dirname}/../testdata/pam`;
export const BEGIN = `# ${NAME} begin: do not edit between these lines; \`${NAME}-pam remove\` removes them\n`;
export const END = `# ${NAME} end\n`;
export const CLEAN = `pam_env.so conffile=/etc/${NAME}/pam_env_last.conf readenv=0 user_readenv=0`;
export const FIRST = `${BEGIN}session optional ${CLEAN}
session [success=4 default=ignore] pam_exec.so quiet seteuid /usr/sbin/${NAME} queue
session optional pam_env.so conffile=/etc/${NAME}/pam_env_retry.conf readenv=0 user_readenv=0
session [success=2 default=ignore] pam_exec.so quiet seteuid /usr/sbin/${NAME} queue
session [success=ignore default=1] ${CLEAN}
session optional pam_exec.so quiet seteuid type=open_session log=/run/${NAME}/unrecorded \
/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0
${END}`;
export const LAST = `${BEGIN}session optional ${CLEAN}\n${END}`;
/** The includes that earlier releases put into sshd's file instead, and the files that they name. */
export const OLD_FIRST = `session    include      ${NAME}\n`;
export const OLD_LAST = `session    include      ${NAME}-last\n`;
export const OLD_FILES: Readonly<Record<string, string>> = {
  [`/etc/pam.d/${NAME}`]: `session optional pam_exec.so quiet /usr/sbin/${NAME} queue\n`,
  [`/etc/pam.d/${NAME}-last`]: `session optional ${CLEAN}\n`,
  [`/etc/${NAME}/pam_env_last.conf`]: "LD_PRELOAD DEFAULT=x\nLD_PRELOAD\n",
};
export const SSHD = "/etc/pam.d/sshd";
export const BINARY = `/usr/sbin/${NAME}`;
export const CONFIG = `/etc/${NAME}`;
export const STATE = `/var/lib/${NAME}`;

/** Stands in for the compiled program, which is large; it only starts that to edit PAM files. */
export const PROGRAM = `#!/bin/sh
case $1 in
  --version) echo "${NAME} 0.1.0" ;;
  pam-edit) exec "$PAM_EDITOR" "$@" ;;
  *) exit 64 ;;
esac\n`;

/** The script that edits PAM files. */
export const PAM_SCRIPT = `/usr/sbin/${NAME}-pam`;
const SHARED = `/usr/share/${NAME}`;

/** Files that other programs read, in directories of these. */
export const DOCUMENTS = [
  `/usr/share/bash-completion/completions/${NAME}`,
  `/usr/share/fish/vendor_completions.d/${NAME}.fish`,
  `/usr/share/man/man5/${NAME}.toml.5`,
  `/usr/share/man/man7/${NAME}-security.7`,
  `/usr/share/man/man8/${NAME}.8`,
  `/usr/share/zsh/site-functions/_${NAME}`,
  `/usr/share/zsh/vendor-completions/_${NAME}`,
];
export const LIB_DIRS = ["/usr/lib/", "/usr/lib/sysusers.d/", "/usr/lib/tmpfiles.d/"];
export const DOCUMENT_DIRS = [
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

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with install.sh, the tree and its manifest, and a root to install to. */
export class FakeRoot implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param files the texts of files that exist before the installation, by path */
  static async create(files: Readonly<Record<string, string>> = {}): Promise<FakeRoot> {
    const root = new FakeRoot(await Deno.makeTempDir());
    await Deno.copyFile(`${import.meta.dirname}/../../install.sh`, root.beside("install.sh"));
    await Deno.writeTextFile(root.beside(NAME), PROGRAM, { mode: 0o755 });
    await makeDist({ binary: root.beside(NAME), output: root.beside("."), time: 1_700_000_000 });
    await Deno.remove(root.beside(NAME));
    // An installation waits for the disk some twenty times; unfinished.test.ts tests that it does.
    await Deno.mkdir(root.beside("tools"));
    await Deno.writeTextFile(root.beside("tools/sync"), "#!/bin/sh\n", { mode: 0o755 });
    await Deno.mkdir(root.path("/"));
    for (const [path, text] of Object.entries(files)) await root.write(path, text);
    return root;
  }

  /** The path of a file next to install.sh. */
  beside(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** The path of the program in the tree. */
  get program(): string {
    return this.beside(`root${BINARY}`);
  }

  get #path(): string {
    return `${this.beside("tools")}:${Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;
  }

  path(absolute: string): string {
    return `${this.#directory}/host${absolute}`;
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

  /** Installs with these variables in its environment. */
  async installWith(env: Record<string, string>, ...flags: string[]): Promise<Ran> {
    return await this.#run("sh", [this.beside("install.sh"), ...flags], { env });
  }

  /** Installs with another DESTDIR. */
  async installTo(destDir: string, ...flags: string[]): Promise<Ran> {
    return await this.#run("sh", [this.beside("install.sh"), ...flags], { env: { DESTDIR: destDir } });
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
    const path = this.#path;
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
      env: { PATH: this.#path, DESTDIR: this.path(""), PAM_EDITOR: await compiledBinary(), ...env },
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
export function stock(distribution: string): string {
  return Deno.readTextFileSync(`${PAM_FILES}/${distribution}/sshd`);
}

export async function ok(running: Promise<Ran>): Promise<Ran> {
  const ran = await running;
  assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
  return ran;
}

/** Only paths and modes, without the directories that any root has. */
export function modes(tree: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(tree).filter(([path]) => path.includes(NAME));
  return Object.fromEntries(own.map(([path, text]) => [path, text.slice(0, 4)]).sort());
}

/** The texts of the backups of a PAM file, oldest first. */
export async function backups(root: FakeRoot, name = "sshd"): Promise<string[]> {
  const tree = Object.entries(await root.tree());
  const copies = tree.filter(([path]) => path.startsWith(`${CONFIG}/backup/${name}.`)).map(([path]) => path);
  return await Promise.all(copies.sort().map((path) => root.read(path)));
}

export const BASE = {
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
  [PAM_SCRIPT]: "0755",
  [`/usr/lib/sysusers.d/${NAME}.conf`]: "0644",
  [`/usr/lib/tmpfiles.d/${NAME}.conf`]: "0644",
  [`${SHARED}/`]: "0755",
  ...Object.fromEntries(
    ["config.toml", "cron", "grafana.json", "pam_first", "pam_last", `${NAME}.cil`, `${NAME}.rules.yml`].map((
      name,
    ) => [`${SHARED}/${name}`, "0644"]),
  ),
  ...Object.fromEntries(DOCUMENTS.map((path) => [path, "0644"])),
};
export const WITH_CRON = { ...BASE, [`/etc/cron.d/${NAME}`]: "0644" };
export const WITH_PAM = { ...WITH_CRON, [`${CONFIG}/backup/`]: "0700" };
export const SYSTEMD = { "/usr/lib/systemd/systemd": "" };
export const WITH_UNITS = {
  ...BASE,
  [`${STATE}/root/`]: "0755",
  [`/usr/lib/systemd/system/${NAME}.path`]: "0644",
  [`/usr/lib/systemd/system/${NAME}.service`]: "0644",
  [`/usr/lib/systemd/system/${NAME}.timer`]: "0644",
};

/** A line before which nothing of ours goes. */
export const SELINUX =
  "session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close\n";

/** The session stack of a service, and the same with the hook. */
export const STACK = "auth required pam_unix.so\nsession required pam_unix.so\n";
export const HOOKED = `auth required pam_unix.so\n${FIRST}session required pam_unix.so\n${LAST}`;
