// Builds everything that is installed, for `deno task dist`: `root`, a tree laid out like the root directory of a host,
// and `manifest`, which says how each path is installed. The same sources give the same bytes: modes and times are
// fixed, and nothing of this machine is in them. Sources: .ci/tree, some files and texts of src, and the compiled program.

import { dirname } from "node:path";
import config from "../deno.json" with { type: "json" };
import { type Entry, MANIFEST } from "../src/admin/check/manifest.ts";
import { FIRST_LINES, LAST_LINES } from "../src/pam/blocks.ts";
import { BINARY } from "../src/paths.ts";
import { execute, executeOrThrow, filesBelow, makeWhole, ROOT } from "./checkout.ts";
import { compiledBinary } from "./compile.ts";
import { type Arch, ARCHES } from "./runtime_stub.ts";
import { parseFlags, runTask } from "./task.ts";

const NAME = "ssh-session-notifier";
const COMPLETIONS = `${ROOT}/src/command_line/completions/${NAME}`;
const PAGES = `${ROOT}/src/man`;

/** Files whose sources are not in .ci/tree: where they are installed, and their sources. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  [`/usr/share/bash-completion/completions/${NAME}`]: `${COMPLETIONS}.bash`,
  [`/usr/share/fish/vendor_completions.d/${NAME}.fish`]: `${COMPLETIONS}.fish`,
  [`/usr/share/zsh/vendor-completions/_${NAME}`]: `${COMPLETIONS}.zsh`,
  [`/usr/share/zsh/site-functions/_${NAME}`]: `${COMPLETIONS}.zsh`,
  [`/usr/share/${NAME}/${NAME}.rules.yml`]: `${ROOT}/.github/prometheus/${NAME}.rules.yml`,
  [`/usr/share/${NAME}/grafana.json`]: `${ROOT}/.github/grafana/${NAME}.json`,
  [`/usr/share/man/man5/${NAME}.toml.5`]: `${PAGES}/${NAME}.toml.5`,
  [`/usr/share/man/man7/${NAME}-security.7`]: `${PAGES}/${NAME}-security.7`,
  [`/usr/share/man/man8/${NAME}.8`]: `${PAGES}/${NAME}.8`,
};

/** Files that are written by the build: where they are installed, and their lines. */
const GENERATED: Readonly<Record<string, readonly string[]>> = {
  [`/usr/share/${NAME}/pam_first`]: FIRST_LINES,
  [`/usr/share/${NAME}/pam_last`]: LAST_LINES,
};

/** Whether the tree contains a file of the manifest; the others are created on the host. */
export function isInTree({ kind, flags }: Entry): boolean {
  return kind === "file" && !flags.some((flag) => /^(boot|state|from=.*)$/.test(flag));
}

/** What {@linkcode makeDist} builds. */
export interface DistOptions {
  /** The path of the compiled program; it is copied. */
  readonly binary: string;
  /** The directory in which `root` and `manifest` are created, or replaced. */
  readonly output: string;
  /** The modification time of everything, in seconds since 1970. */
  readonly time: number;
}

/** @throws {Error} if the manifest lists a file without a source, or a file in .ci/tree is not in the manifest */
export async function makeDist({ binary, output, time }: DistOptions): Promise<void> {
  const tree = `${ROOT}/.ci/tree`;
  const paths = (await filesBelow(tree)).map((path) => [path.slice(tree.length), path]);
  const sources: Readonly<Record<string, string>> = {
    ...Object.fromEntries(paths),
    ...ELSEWHERE,
    [BINARY]: binary,
  };
  const listed = MANIFEST.filter(isInTree);
  const made = new Set([...Object.keys(sources), ...Object.keys(GENERATED)]);
  for (const path of new Set([...made, ...listed.map(({ path }) => path)])) {
    if (!made.has(path)) {
      throw new Error(`Cannot build "${path}": it is in the manifest, but has no source`);
    }
    if (!listed.some((entry) => entry.path === path)) {
      throw new Error(`Cannot build "${path}": it is not in the manifest`);
    }
  }
  await Deno.mkdir(output, { recursive: true });
  await Deno.remove(`${output}/root`, { recursive: true }).catch(() => {});
  await makeWhole(`${output}/root`, async (root) => {
    for (const { path, mode } of listed) {
      await Deno.mkdir(dirname(root + path), { recursive: true });
      const lines = GENERATED[path];
      if (lines === undefined) await Deno.copyFile(sources[path] ?? "", root + path);
      else await Deno.writeTextFile(root + path, lines.map((line) => `${line}\n`).join(""));
      // Owners and special modes are those of the manifest: the owner here is only who runs the build.
      await Deno.chmod(root + path, ((mode ?? 0) & 0o111) === 0 ? 0o644 : 0o755);
    }
    await normalize(root, time);
  });
  await makeWhole(`${output}/manifest`, async (path) => {
    await Deno.writeTextFile(path, manifestText());
    await normalize(path, time);
  });
}

/** The manifest without comments, one tab between two fields. */
function manifestText(): string {
  const lines = MANIFEST.map(({ kind, mode, owner, group, path, flags }) => [
    kind === "file" ? "f" : "d",
    mode?.toString(8).padStart(4, "0") ?? "-",
    owner,
    group,
    path,
    flags.join(",") || "-",
  ]);
  return lines.map((fields) => `${fields.join("\t")}\n`).join("");
}

/** Sets the time of a path and all below it, and modes that the umask has changed. */
async function normalize(path: string, time: number): Promise<void> {
  const { isDirectory, mode } = await Deno.stat(path);
  if (isDirectory) { for await (const { name } of Deno.readDir(path)) await normalize(`${path}/${name}`, time); }
  await Deno.chmod(path, isDirectory || ((mode ?? 0) & 0o100) !== 0 ? 0o755 : 0o644);
  // After its content, because each change sets the time of a directory.
  await Deno.utime(path, time, time);
}

/**
 * Packs the tree with install.sh and the texts into `output/ssh-session-notifier-VERSION-ARCH.tar.gz`.
 *
 * @returns the path of the archive
 */
export async function packDist(
  { output, time, arch }: { readonly output: string; readonly time: number; readonly arch: Arch },
): Promise<string> {
  const top = `${NAME}-${config.version}-${arch}`;
  const archive = `${output}/${top}.tar.gz`;
  await makeWhole(archive, async (path) => {
    await executeOrThrow([
      "tar",
      "--create",
      `--file=${path}`,
      "--use-compress-program=gzip --no-name",
      "--format=gnu",
      "--sort=name",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--mode=u=rwX,go=rX",
      `--mtime=@${time}`,
      `--transform=s,^,${top}/,`,
      `--directory=${output}`,
      "manifest",
      "root",
      `--directory=${ROOT}`,
      "LICENSE",
      "README.md",
      "install.sh",
      // To verify the next release with the keys of this one.
      `--directory=${ROOT}/.github`,
      "allowed_signers",
    ]);
    await normalize(path, time);
  });
  return archive;
}

/** The time of the sources: that of the commit, or SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/). */
export async function sourceTime(): Promise<number> {
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const { stdout, stderr } = given === undefined
    ? await execute(["git", "log", "-1", "--format=%ct"])
    : { stdout: given, stderr: "" };
  if (/^\d{1,10}\s*$/.test(stdout)) return Number(stdout);
  throw new Error(
    given === undefined
      ? `Cannot find the time of the commit: ${stderr.trim()}\nOutside a git checkout, set SOURCE_DATE_EPOCH`
      : `SOURCE_DATE_EPOCH is "${given}", not seconds since 1970`,
  );
}

/** Compiles the program; for testing, with a cached binary if there is one. */
async function compile(arch: Arch, { forTesting }: { readonly forTesting: boolean }): Promise<string> {
  if (forTesting) return await compiledBinary({ arch });
  const output = await Deno.makeTempFile();
  const args = [`--arch=${arch}`, `--output=${output}`];
  const { success, stderr } = await execute([Deno.execPath(), "run", "-A", `${ROOT}/.ci/compile.ts`, ...args]);
  if (success) return output;
  await Deno.remove(output).catch(() => {});
  throw new Error(stderr.trimEnd().replace("task compile", "task dist"));
}

const OPTIONS = {
  "for-testing": { type: "boolean" },
  archive: { type: "boolean" },
  arch: { type: "string" },
  output: { type: "string" },
} as const;
const USAGE = `usage: deno task dist [--for-testing] [--arch=${ARCHES.join("|")}] [--output=DIR] [--archive]`;

async function main(args: readonly string[]): Promise<string> {
  const { "for-testing": forTesting = false, ...values } = parseFlags(args, { options: OPTIONS, usage: USAGE });
  const arch = ARCHES.find((name) => name === (values.arch ?? Deno.build.arch));
  if (arch === undefined) throw new Error(`Cannot compile for "${values.arch}"\n${USAGE}`);
  const output = values.output ?? `${ROOT}/dist`;
  const time = await sourceTime();
  const binary = await compile(arch, { forTesting });
  try {
    await makeDist({ binary, output, time });
  } finally {
    if (!forTesting) await Deno.remove(binary);
  }
  return values.archive ? await packDist({ output, time, arch }) : output;
}

if (import.meta.main) await runTask(main);
