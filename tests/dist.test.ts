// `deno task dist`: the tree of everything that is installed, and its manifest.

import assert from "node:assert/strict";
import { evaluate, execute, executeOrThrow, filesBelow, ROOT } from "../.ci/checkout.ts";
import { isInTree, makeDist } from "../.ci/dist.ts";
import { inspectFiles } from "../src/admin/check/files.ts";
import { inspectUsers } from "../src/admin/check/users.ts";
import { Findings } from "../src/admin/check/finding.ts";
import { MANIFEST } from "../src/admin/check/manifest.ts";
import { statePaths } from "../src/paths.ts";
import { statIfThere } from "../src/sqlite/files.ts";
import { NAME, PROGRAM } from "./helpers/fake_root.ts";
import { idsOf } from "./helpers/findings.ts";

const TIME = 1_700_000_000;

/** A directory with a program to install, and room for trees. */
class Folder implements AsyncDisposable {
  readonly #directory = Deno.makeTempDirSync({ prefix: "dist-" });

  path(name: string): string {
    return `${this.#directory}/${name}`;
  }

  /** Writes a program that stands in for the compiled one, and returns its path. */
  async program(): Promise<string> {
    await Deno.writeTextFile(this.path("program"), PROGRAM, { mode: 0o700 });
    return this.path("program");
  }

  /** Builds a tree from this checkout, and returns the path of its root. */
  async tree(): Promise<string> {
    await makeDist({ binary: await this.program(), output: this.path("dist"), time: TIME });
    return this.path("dist/root");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** Builds a tree and an archive with the code of a checkout, in a process with a umask of its own. */
async function build(checkout: string, options: { binary: string; output: string; umask: number }): Promise<string> {
  const { umask, ...rest } = options;
  return await evaluate(`
    import { makeDist, packDist } from ${JSON.stringify(`file://${checkout}/.ci/dist.ts`)};
    Deno.umask(${umask});
    const options = { ...${JSON.stringify(rest)}, time: ${TIME}, arch: "x86_64" };
    await makeDist(options);
    console.log((await packDist(options)).replace(options.output, ""));`);
}

/** Each path with its type, mode, time, size and sum. */
async function describe(directory: string): Promise<string> {
  const list =
    "find . -printf '%p %y %m %T@ ' \\( -type f -printf '%s ' -exec sha256sum {} \\; -o -printf '\\n' \\) | sort";
  return await executeOrThrow(["sh", "-c", `cd '${directory}' && ${list}`]);
}

Deno.test("the same sources give the same bytes, in another directory, at another time and with another umask", async () => {
  await using folder = new Folder();
  const binary = await folder.program();
  const copy = folder.path("another checkout");
  const sources = [".ci", ".github", "src", "deno.json", "LICENSE", "README.md", "install.sh"].map((name) =>
    `'${ROOT}/${name}'`
  );
  await executeOrThrow(["sh", "-c", `umask 077; mkdir '${copy}'; cp -r ${sources.join(" ")} '${copy}'`]);
  const [first, second] = [folder.path("first"), folder.path("below/second")];
  assert.match(
    await build(ROOT, { binary, output: first, umask: 0o002 }),
    /^\/ssh-session-notifier-\d.*-x86_64\.tar\.gz\n$/,
  );
  await build(copy, { binary, output: second, umask: 0o077 });
  // The directory itself is the caller's.
  const trees = await Promise.all([first, second].map(async (path) => (await describe(path)).replace(/^\. .*\n/, "")));
  assert.equal(trees[1], trees[0]);
  assert.ok(trees[0]?.includes(`./root/usr/sbin/${NAME} f 755 ${TIME}.`), trees[0]);
  assert.ok(trees[0]?.includes(`./root/usr/lib d 755 ${TIME}.`), trees[0]);
  // A second build replaces the first.
  await build(ROOT, { binary, output: second, umask: 0o022 });
  assert.equal(await describe(`${second}/root`), await describe(`${first}/root`));
});

Deno.test("a file without a line in the manifest, and a line without a file, fail the build", async () => {
  await using folder = new Folder();
  const binary = await folder.program();
  const copy = folder.path("checkout");
  await executeOrThrow([
    "sh",
    "-c",
    `mkdir '${copy}'; cp -r '${ROOT}/.ci' '${ROOT}/src' '${ROOT}/deno.json' '${copy}'`,
  ]);
  const refused = async (pattern: RegExp) => {
    await assert.rejects(build(copy, { binary, output: folder.path("dist"), umask: 0o022 }), pattern);
    assert.equal(await Deno.stat(folder.path("dist")).catch(() => undefined), undefined);
  };
  await Deno.writeTextFile(`${copy}/.ci/tree/etc/${NAME}/pam_env_last.conf~`, "");
  await refused(/Cannot build "\/etc\/ssh-session-notifier\/pam_env_last\.conf~": it is not in the manifest/);
  await Deno.remove(`${copy}/.ci/tree/etc/${NAME}/pam_env_last.conf~`);
  await Deno.remove(`${copy}/.ci/tree/etc/${NAME}/pam_env_last.conf`);
  await refused(
    /Cannot build "\/etc\/ssh-session-notifier\/pam_env_last\.conf": it is in the manifest, but has no source/,
  );
});

Deno.test("the tree holds exactly the files of the manifest, and a shell can read the manifest line by line", async () => {
  await using folder = new Folder();
  const root = await folder.tree();
  const files = (await filesBelow(root)).map((path) => path.slice(root.length)).sort();
  assert.deepEqual(files, MANIFEST.filter(isInTree).map(({ path }) => path).sort());
  const loop = 'while read -r type mode owner group path flags; do echo "$flags $path $group $owner $mode $type"; done';
  const read = await executeOrThrow(["sh", "-c", `${loop} <'${folder.path("dist/manifest")}'`]);
  const expected = MANIFEST.map(({ kind, mode, owner, group, path, flags }) =>
    [flags.join(",") || "-", path, group, owner, mode?.toString(8).padStart(4, "0") ?? "-", kind[0]].join(" ")
  );
  assert.equal(read, `${expected.join("\n")}\n`);
});

Deno.test("the completions and manual pages of the tree are those that the program prints", async () => {
  await using folder = new Folder();
  const tree = await folder.tree();
  const commands = {
    [`/usr/share/bash-completion/completions/${NAME}`]: ["completions", "bash"],
    [`/usr/share/fish/vendor_completions.d/${NAME}.fish`]: ["completions", "fish"],
    [`/usr/share/zsh/site-functions/_${NAME}`]: ["completions", "zsh"],
    [`/usr/share/man/man5/${NAME}.toml.5`]: ["man", "5"],
    [`/usr/share/man/man7/${NAME}-security.7`]: ["man", "7"],
    [`/usr/share/man/man8/${NAME}.8`]: ["man", "8"],
  };
  for (const [path, command] of Object.entries(commands)) {
    const printed = await executeOrThrow([Deno.execPath(), "run", "-A", `${ROOT}/src/main.ts`, ...command]);
    assert.equal(await Deno.readTextFile(tree + path), printed, path);
  }
});

Deno.test({
  name: "systemd-sysusers and systemd-tmpfiles create the users, and what the manifest says of /run",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using folder = new Folder();
    const root = await folder.tree();
    const create = async () => {
      await executeOrThrow(["systemd-sysusers", `--root=${root}`, `${NAME}.conf`]);
      await executeOrThrow(["systemd-tmpfiles", `--root=${root}`, "--create", `${NAME}.conf`]);
    };
    await create();
    const [passwd, group] = await Promise.all(
      ["passwd", "group"].map((name) => Deno.readTextFile(`${root}/etc/${name}`)),
    );
    /** The numbers of a user and its group. */
    const idsIn = (name: string) => {
      const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(passwd ?? "") ?? [];
      return name === "root" ? { uid: 0, gid: 0 } : { uid: Number(uid), gid: Number(gid) };
    };
    const findings = new Findings();
    const look = (path: string) => idsIn(path === statePaths().queueDir ? "ssh-session-queue" : NAME) as Deno.FileInfo;
    inspectUsers({ paths: statePaths(), look, passwd: passwd ?? "", group: group ?? "" }, findings);
    assert.deepEqual(idsOf(findings.all), ["pass users.accounts"]);
    assert.match(passwd ?? "", /^ssh-session-notifier:.*:\/nonexistent:\/usr\/sbin\/nologin$/m);

    const expected = MANIFEST.filter(({ flags }) => flags.includes("boot"));
    assert.ok(expected.length >= 3);
    for (const { path, kind, mode, owner, group } of expected) {
      const info = await Deno.lstat(root + path);
      assert.deepEqual(
        [info.isDirectory, (info.mode ?? 0) & 0o7777, info.uid, info.gid],
        [kind === "directory", mode, idsIn(owner).uid, idsIn(group).gid],
        path,
      );
    }
    const created = await executeOrThrow(["find", `${root}/run`, "-mindepth", "1", "-name", "*", "-path", `*${NAME}*`]);
    assert.deepEqual(
      created.trim().split("\n").map((path) => path.slice(root.length)).sort(),
      expected.map(({ path }) => path).sort(),
    );
    // A later run, such as after an upgrade, keeps what is there.
    await Deno.writeTextFile(`${root}/run/${NAME}/unrecorded`, "a login");
    await create();
    assert.equal(await Deno.readTextFile(`${root}/run/${NAME}/unrecorded`), "a login");
    assert.equal(await Deno.readTextFile(`${root}/etc/passwd`), passwd);
  },
});

/** Installs a tree as the manifest says, below a root with the users; an example of how a shell reads the manifest. */
const INSTALL = `set -eu
  id_in() { awk -F: -v name="$2" '$1 == name { print $3 }' "$root/etc/$1"; }
  while read -r type mode owner group path flags; do
    case ,$flags, in
      *,state,*) continue ;;
      *,boot,*) from=/dev/null ;;
      *,from=*) from=$tree\${flags##*from=} ;;
      *) from=$tree$path ;;
    esac
    mkdir -p "$root\${path%/*}"
    if [ "$type" = d ]; then mkdir -p "$root$path"; else cp "$from" "$root$path"; fi
    chown "$(id_in passwd "$owner"):$(id_in group "$group")" "$root$path"
    chmod "$mode" "$root$path"
  done <"$manifest"`;

Deno.test({
  name: "check finds no fault in files that a shell has installed by the manifest alone",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using folder = new Folder();
    const tree = await folder.tree();
    const root = folder.path("host");
    await Deno.mkdir(`${root}/etc`, { recursive: true });
    await executeOrThrow(["systemd-sysusers", `--root=${root}`, `${tree}/usr/lib/sysusers.d/${NAME}.conf`]);
    await executeOrThrow(["sh", "-c", INSTALL], { root, tree, manifest: folder.path("dist/manifest") });
    const found = () => {
      const findings = new Findings();
      inspectFiles(statePaths(), (path) => statIfThere(root + path), findings);
      return idsOf(findings.all);
    };
    assert.deepEqual(found(), ["pass files.modes"]);
    assert.match(await Deno.readTextFile(`${root}/etc/cron.d/${NAME}`), /^\* \* \* \* \* /m);
    await Deno.remove(`${root}/etc/${NAME}/pam_env_last.conf`);
    await Deno.symlink("pam_env_retry.conf", `${root}/etc/${NAME}/pam_env_last.conf`);
    assert.deepEqual(found(), ["fault files.wrong-kind"]);
  },
});

Deno.test("deno task dist reports a wrong option, architecture or time before it compiles", async () => {
  const refused = async (pattern: RegExp, flags: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { success, stdout, stderr } = await execute([Deno.execPath(), "run", "-A", ".ci/dist.ts", ...flags], env);
    assert.deepEqual([success, stdout], [false, ""]);
    assert.match(stderr, pattern);
  };
  await refused(/^Cannot compile for "sparc"\nusage: deno task dist /, ["--arch=sparc"]);
  await refused(/^Unknown option '--nonsense'[^]*\nusage: deno task dist /, ["--nonsense"]);
  await refused(/^SOURCE_DATE_EPOCH is "yesterday", not seconds since 1970\n/, [], { SOURCE_DATE_EPOCH: "yesterday" });
});
