// Builds the .deb and the .rpm from the tree of `deno task dist`, for `deno task package`. Owners, modes and kinds are
// those of the manifest; this file only adds what is not part of an installation by hand. The same tree gives the same
// bytes.

import config from "../deno.json" with { type: "json" };
import { type Entry, MANIFEST } from "../src/admin/check/manifest.ts";
import { BINARY } from "../src/paths.ts";
import { executeOrThrow, ROOT } from "./checkout.ts";
import { isInTree, makeDist, sourceTime } from "./dist.ts";
import { bundledLicences } from "./embed.ts";
import { nfpm } from "./nfpm.ts";
import { parseFlags, runTask } from "./task.ts";

const NAME = "ssh-session-notifier";
const SOURCES = `${ROOT}/.ci/packages`;
const MAINTAINER = `The ${NAME} authors <${NAME}@users.noreply.github.com>`;

/** The kinds of packages, and the names of their maintainer scripts: nfpm's, and those of files in .ci/packages. */
const SCRIPTS = {
  deb: { preinstall: "deb.preinst", postinstall: "deb.postinst", preremove: "deb.prerm", postremove: "deb.postrm" },
  rpm: { preinstall: "rpm.pre", postinstall: "rpm.post", preremove: "rpm.preun", postremove: "rpm.postun" },
} as const;
type Format = keyof typeof SCRIPTS;

/** nfpm's names of the architectures, which are those of Debian, by the names in ELF headers. */
const MACHINES: Readonly<Record<string, { readonly deb: string; readonly rpm: string }>> = {
  "Advanced Micro Devices X86-64": { deb: "amd64", rpm: "x86_64" },
  AArch64: { deb: "arm64", rpm: "aarch64" },
};

/** What {@linkcode makePackages} builds. */
export interface PackageOptions {
  /** The directory with `root` and `manifest`, as `deno task dist` makes it. */
  readonly dist: string;
  /** The directory in which the packages are created, or replaced. */
  readonly output: string;
  /** By default that of deno.json. */
  readonly version?: string;
  /** By default both. */
  readonly formats?: readonly Format[];
}

/**
 * @returns the paths of the .deb and the .rpm
 * @throws {Error} if the tree is missing, or its binary needs a library that no dependency provides
 */
export async function makePackages(
  { dist, output, version = config.version, formats = ["deb", "rpm"] }: PackageOptions,
): Promise<Readonly<Record<Format, string>>> {
  const { mtime } = await Deno.stat(`${dist}/manifest`).catch((cause) => {
    throw new Error(`Cannot package "${dist}": it has no manifest; create it by: deno task dist`, { cause });
  });
  const time = mtime ?? new Date(0);
  const needs = await needsOf(`${dist}/root${BINARY}`);
  const work = await Deno.makeTempDir({ prefix: "package-" });
  try {
    await Deno.mkdir(output, { recursive: true });
    await writeDocuments(work, { dist, version, time });
    const paths = {
      deb: `${output}/${NAME}_${version}_${needs.machine.deb}.deb`,
      rpm: `${output}/${NAME}-${version}.${needs.machine.rpm}.rpm`,
    };
    for (const format of formats) {
      const settings = { ...await settingsOf(format, { work, dist, time, needs }), version };
      await Deno.writeTextFile(`${work}/${format}.yaml`, JSON.stringify(settings)); // JSON is YAML too.
      const args = ["package", `--config=${work}/${format}.yaml`, `--packager=${format}`, `--target=${paths[format]}`];
      await executeOrThrow([await nfpm(), ...args], { SOURCE_DATE_EPOCH: String(time.getTime() / 1000) });
    }
    return paths;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** What a binary needs from the host. */
interface Needs {
  readonly machine: { readonly deb: string; readonly rpm: string };
  /** The newest version of glibc whose symbols it uses, such as "2.34". */
  readonly glibc: string;
}

/** The parts of glibc and of GCC's runtime library, one of which is on each host. */
const KNOWN_LIBRARIES = /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux-[\w-]+\.so\.\d|libgcc_s\.so\.1)$/;

async function needsOf(binary: string): Promise<Needs> {
  const text = await executeOrThrow(["readelf", "--wide", "--file-header", "--dynamic", "--version-info", binary]);
  const machine = MACHINES[/^ *Machine: +(.*)$/m.exec(text)?.[1] ?? ""];
  if (machine === undefined) throw new Error(`Cannot package "${binary}": it is not for x86_64 or aarch64`);
  for (const [, library = ""] of text.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
    if (!KNOWN_LIBRARIES.test(library)) throw new Error(`Cannot package "${binary}": it needs ${library}`);
  }
  const versions = [...text.matchAll(/Name: GLIBC_(\d+)\.(\d+)/g)].map((
    [, major, minor],
  ) => [+(major ?? 0), +(minor ?? 0)]);
  const newest = versions.sort(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d).at(-1);
  if (newest === undefined) throw new Error(`Cannot package "${binary}": it uses no versioned symbol of glibc`);
  return { machine, glibc: newest.join(".") };
}

interface Build {
  readonly work: string;
  readonly dist: string;
  readonly time: Date;
  readonly needs: Needs;
}

/** The configuration of nfpm, see https://nfpm.goreleaser.com/docs/configuration/. */
async function settingsOf(format: Format, { work, dist, time, needs }: Build) {
  const repository = Deno.env.get("GITHUB_REPOSITORY") ?? `OWNER/${NAME}`;
  const scripts: Record<string, string> = {};
  for (const [kind, name] of Object.entries(SCRIPTS[format])) {
    scripts[kind] = `${work}/${name}`;
    await Deno.writeTextFile(scripts[kind], await scriptText(name));
  }
  const listed = MANIFEST.filter((entry) => isPackaged(entry, format)).map((entry) => contentOf(entry, { work, dist }));
  return {
    name: NAME,
    arch: needs.machine.deb,
    platform: "linux",
    release: "1",
    section: "admin",
    priority: "optional",
    maintainer: MAINTAINER,
    description: "Notifies the administrator of SSH logins and logouts\n" +
      "A PAM hook records when SSH sessions open and close, and a service without\n" +
      "privileges sends the notifications to a chat, an alert system or by mail.",
    license: "MIT",
    homepage: `https://github.com/${repository}`,
    mtime: time.toISOString(),
    contents: [...listed, ...documentsOf(format, work)].map((content) => ({
      ...content,
      file_info: { ...content.file_info, mtime: time.toISOString() },
    })),
    scripts,
    depends: dependsOf(format, needs),
    ...format === "deb"
      // useradd, for the first maintainer script; then CAs, for services with https, and what most hosts use it with.
      ? { deb: { predepends: ["passwd"] }, recommends: ["ca-certificates", "openssh-server"] }
      : { rpm: { summary: "Notifies the administrator of SSH logins and logouts", buildhost: "localhost" } },
  };
}

/** pam_exec.so and pam_env.so, prlimit (util-linux, which is essential in Debian), and what starts `send`. */
function dependsOf(format: Format, { glibc }: Needs): string[] {
  return format === "deb" ? [`libc6 (>= ${glibc})`, "libgcc-s1", "libpam-modules", "systemd | cron | cron-daemon"] : [
    `libc.so.6(GLIBC_${glibc})(64bit)`,
    "libgcc_s.so.1()(64bit)",
    "pam",
    "systemd",
    "util-linux",
    "coreutils",
    "diffutils",
    "/usr/sbin/useradd",
  ];
}

/** A maintainer script, which has no access to other files of the package: with the functions in it. */
async function scriptText(name: string): Promise<string> {
  const run = MANIFEST.filter(({ flags }) => flags.includes("boot")).map(({ kind, mode, owner, group, path }) =>
    `  [ -e ${path} ] || install ${kind === "file" ? "" : "-d "}-o ${owner} -g ${group} -m ${octal(mode)} ` +
    `${kind === "file" ? "/dev/null " : ""}${path}`
  );
  const owned = MANIFEST.filter((entry) => isPackaged(entry, "deb") && entry.group !== "root").map((entry) =>
    `  own ${entry.owner} ${entry.group} ${octal(entry.mode)} ${entry.path}`
  );
  const functions = (await Deno.readTextFile(`${SOURCES}/functions.sh`)).replace(/^# shellcheck.*\n/, "");
  return (await Deno.readTextFile(`${SOURCES}/${name}`))
    .replace("@FUNCTIONS@\n", () => `${functions}\n`)
    .replace("@OWNERS@", () => owned.join("\n"))
    .replace("@RUN_FILES@", () => run.join("\n"));
}

function octal(mode: number | undefined): string {
  return (mode ?? 0).toString(8).padStart(4, "0");
}

/** Whether a package contains an entry: what is created on the host it does not. */
function isPackaged({ kind, flags, ...entry }: Entry, format: Format): boolean {
  const other = format === "deb" ? "rpm" : "deb";
  if (flags.includes(other) || flags.includes("boot") || flags.includes("state")) return false;
  // rpm never asks about a configuration file, so it can own this one; dpkg can ask, so a script creates it.
  return kind === "directory" || isInTree({ kind, flags, ...entry }) || (format === "rpm" && flags.includes("keep"));
}

interface Content {
  readonly src?: string;
  readonly dst: string;
  readonly type?: string;
  readonly file_info: { readonly mode: number; readonly owner: string; readonly group: string };
}

function contentOf(
  { kind, path, mode = 0o600, owner, group, flags }: Entry,
  { work, dist }: { readonly work: string; readonly dist: string },
): Content {
  const file_info = { mode, owner, group };
  if (kind === "directory") return { dst: path, type: "dir", file_info };
  if (path.includes("/man/")) return { src: `${work}${path}.gz`, dst: `${path}.gz`, file_info };
  const from = flags.find((flag) => flag.startsWith("from="))?.slice("from=".length) ?? path;
  const type = flags.includes("keep") ? "config|noreplace" : flags.includes("config") ? "config" : "";
  return { src: `${dist}/root${from}`, dst: path, type, file_info };
}

const PAM_PAGE = `/usr/share/man/man8/${NAME}-pam.8`;

/** What only packages have: the page of the command that edits PAM files, and what distributions require. */
function documentsOf(format: Format, work: string): Content[] {
  const file = (src: string, dst: string, mode = 0o644): Content => ({
    src,
    dst,
    file_info: { mode, owner: "root", group: "root" },
  });
  return [
    file(`${work}${PAM_PAGE}.gz`, `${PAM_PAGE}.gz`),
    ...format === "deb"
      ? [
        file(`${work}/copyright`, `/usr/share/doc/${NAME}/copyright`),
        file(`${SOURCES}/lintian-overrides`, `/usr/share/lintian/overrides/${NAME}`),
        file(`${work}/changelog.gz`, `/usr/share/doc/${NAME}/changelog.Debian.gz`),
      ]
      : [{ ...file(`${work}/copyright`, `/usr/share/licenses/${NAME}/LICENSE`), type: "license" }],
  ];
}

async function writeDocuments(
  work: string,
  { dist, version, time }: { readonly dist: string; readonly version: string; readonly time: Date },
): Promise<void> {
  const zip = async (path: string, text: string) => {
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, text);
    await executeOrThrow(["gzip", "-9", "--no-name", path]);
  };
  for (const { path } of MANIFEST.filter(({ path }) => path.includes("/man/"))) {
    await zip(work + path, await Deno.readTextFile(`${dist}/root${path}`));
  }
  await zip(work + PAM_PAGE, `.so man8/${NAME}.8\n`);
  const date = time.toUTCString().replace("GMT", "+0000");
  const entry = `${NAME} (${version.replace("-", "~")}-1) unstable; urgency=medium\n\n  * Release ${version}.`;
  await zip(`${work}/changelog`, `${entry}\n\n -- ${MAINTAINER}  ${date}\n`);
  const parts = [`${SOURCES}/runtime_licences.txt`, `${ROOT}/LICENSE`].map((path) => Deno.readTextFile(path));
  const [runtime, own] = await Promise.all(parts);
  await Deno.writeTextFile(
    `${work}/copyright`,
    `${NAME}\n\n${own}\nThe binary contains npm packages:\n\n${await bundledLicences()}\nand ${runtime}`,
  );
}

const OPTIONS = { binary: { type: "string" }, dist: { type: "string" }, output: { type: "string" } } as const;
const USAGE = "usage: deno task package [--dist=DIR | --binary=FILE] [--output=DIR]";

async function main(args: readonly string[]): Promise<string> {
  const { binary, dist = `${ROOT}/dist`, output = `${ROOT}/dist` } = parseFlags(args, {
    options: OPTIONS,
    usage: USAGE,
  });
  if (binary === undefined) return Object.values(await makePackages({ dist, output })).join("\n");
  const tree = await Deno.makeTempDir({ prefix: "package-dist-" });
  try {
    await makeDist({ binary, output: tree, time: await sourceTime() });
    return Object.values(await makePackages({ dist: tree, output })).join("\n");
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
}

if (import.meta.main) await runTask(main);
