// `deno task package`: the contents of the .deb and the .rpm. tests/e2e/packages.test.ts installs them.

import assert from "node:assert/strict";
import { evaluate, execute, executeOrThrow, ROOT } from "../.ci/checkout.ts";
import { makeDist } from "../.ci/dist.ts";
import { makePackages } from "../.ci/package.ts";
import { MANIFEST } from "../src/admin/check/manifest.ts";

const TIME = 1_700_000_000;
const NAME = "ssh-session-notifier";

/** Makes packages of a tree with a small program. */
async function withPackages(
  test: (paths: { deb: string; rpm: string; directory: string }) => Promise<void>,
  program = "/bin/true",
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "package-test-" });
  try {
    await makeDist({ binary: program, output: `${directory}/dist`, time: TIME });
    await test({ ...await makePackages({ dist: `${directory}/dist`, output: directory }), directory });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** `MODE OWNER GROUP PATH` of all that the manifest lists for a kind of package, without what scripts create. */
function expected(format: "deb" | "rpm"): string[] {
  const other = format === "deb" ? "rpm" : "deb";
  return MANIFEST
    .filter(({ flags }) => ![other, "boot", "state", "cron"].some((flag) => flags.includes(flag)))
    // dpkg would ask about it; the script creates it.
    .filter(({ flags }) => format === "rpm" || !flags.includes("keep"))
    .map(({ mode = 0, owner, group, path }) =>
      `${mode.toString(8).padStart(4, "0")} ${owner} ${group} ${path}${path.includes("/man/") ? ".gz" : ""}`
    ).sort();
}

/** Queries a .rpm. Without --dbpath, rpm creates a database in the home directory. */
async function query(directory: string, ...args: readonly string[]): Promise<string> {
  return await executeOrThrow(["rpm", `--dbpath=${directory}/rpm`, "--query", "--package", ...args]);
}

/** What only packages contain. */
const OWN = /-pam\.8\.gz$|\/usr\/share\/(doc|licenses|lintian)\//;

Deno.test("the .deb and the .rpm have the files, owners and modes of the manifest", async () => {
  await withPackages(async ({ deb, rpm, directory }) => {
    const listed = (await executeOrThrow(["dpkg-deb", "--contents", deb])).trim().split("\n").map((line) => {
      const [, mode = "", owner = "", group = "", path = ""] = /^(\S+) (\S+)\/(\S+)\s.*? \.(\/\S*)$/.exec(line) ?? [];
      return `${octal(mode)} ${owner} ${group} ${path.replace(/(.)\/$/, "$1")}`;
    });
    const known = new Set(expected("deb"));
    // Directories of the system, such as /usr, have no entry in the manifest.
    const files = listed.filter((line) => known.has(line) || !/^0755 root root \/(etc|usr|var)/.test(line));
    assert.deepEqual(files.filter((line) => !OWN.test(line)).sort(), expected("deb"));

    const format = "[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]";
    const rpmFiles = (await query(directory, "--queryformat", format, rpm)).trim();
    const lines = rpmFiles.split("\n").map((line) => line.replace(/^\d+?(\d{4}) /, "$1 "));
    assert.deepEqual(lines.filter((line) => !OWN.test(line)).sort(), expected("rpm"));
  });
});

/** The mode of `ls -l`, in octal. */
function octal(text: string): string {
  const special = text[6] === "s" ? "2" : "0";
  const digits = [1, 4, 7].map((at) =>
    [...text.slice(at, at + 3)].reduce((sum, letter, index) => sum + (letter === "-" ? 0 : 4 >> index), 0)
  );
  return special + digits.join("");
}

Deno.test("dependencies, configuration files and scripts are those of the distribution", async () => {
  await withPackages(async ({ deb, rpm, directory }) => {
    const field = (name: string) => executeOrThrow(["dpkg-deb", "--field", deb, name]);
    assert.match(
      await field("Depends"),
      /^libc6 \(>= 2\.\d+\), libgcc-s1, libpam-modules, systemd \| cron \| cron-daemon\n$/,
    );
    assert.equal(await field("Pre-Depends"), "passwd\n");
    await executeOrThrow(["dpkg-deb", "--control", deb, `${directory}/control`]);
    const conffiles = await Deno.readTextFile(`${directory}/control/conffiles`);
    assert.deepEqual(conffiles.trim().split("\n"), [
      `/etc/${NAME}/pam_env_last.conf`,
      `/etc/${NAME}/pam_env_retry.conf`,
    ]);
    const scripts = ["preinst", "postinst", "prerm", "postrm"].map((name) => `${directory}/control/${name}`);
    await executeOrThrow(["shellcheck", "--shell=sh", ...scripts]);

    const requires = await query(directory, "--requires", rpm);
    assert.match(
      requires,
      /^libc\.so\.6\(GLIBC_2\.\d+\)\(64bit\)\nlibgcc_s\.so\.1\(\)\(64bit\)\npam\nsystemd\nutil-linux\n/,
    );
    const all = await query(directory, "--scripts", rpm);
    const names = [...all.matchAll(/^(\w+) scriptlet \(using \/bin\/sh\):$/gm)].map(([, name]) => name);
    assert.deepEqual(names, ["preinstall", "postinstall", "preuninstall", "postuninstall"]);
    for (const [index, text] of all.split(/^\w+ scriptlet .*\n/m).slice(1).entries()) {
      await Deno.writeTextFile(`${directory}/${index}`, text);
      await executeOrThrow(["shellcheck", "--shell=sh", `${directory}/${index}`]);
    }
    assert.doesNotMatch(all, /@[A-Z_]+@/);
  });
});

Deno.test("the same tree gives the same bytes, in another directory, time zone and umask", async () => {
  await withPackages(async ({ deb, rpm, directory }) => {
    const options = { dist: `${directory}/dist`, output: `${directory}/again` };
    const code = `
      import { makePackages } from ${JSON.stringify(`file://${ROOT}/.ci/package.ts`)};
      Deno.umask(0o077);
      console.log(JSON.stringify(await makePackages(${JSON.stringify(options)})));`;
    const again = JSON.parse(await evaluate(code, { TZ: "Pacific/Auckland", LANG: "C.UTF-8" }));
    await executeOrThrow(["cmp", deb, again.deb]);
    await executeOrThrow(["cmp", rpm, again.rpm]);
  });
});

Deno.test("task package makes them of a binary too, and names what it made", async () => {
  const directory = await Deno.makeTempDir({ prefix: "package-test-" });
  try {
    const task = [Deno.execPath(), "run", "-A", `${ROOT}/.ci/package.ts`];
    const made = await executeOrThrow([...task, "--binary=/bin/true", `--output=${directory}`]);
    const paths = made.trim().split("\n");
    assert.match(paths.join(), /\/ssh-session-notifier_[\d.]+_\w+\.deb,.*\/ssh-session-notifier-[\d.]+\.\w+\.rpm$/);
    for (const path of paths) await Deno.stat(path);
    assert.match((await execute([...task, "--arch=x"])).stderr, /Unknown option '--arch'[^]*usage: deno task package/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a binary for aarch64 gives packages for aarch64", async () => {
  const program = Deno.build.arch === "aarch64" ? "/bin/true" : "/lib/aarch64-linux-gnu/libm.so.6";
  await withPackages(async ({ deb, rpm, directory }) => {
    assert.equal(await executeOrThrow(["dpkg-deb", "--field", deb, "Architecture"]), "arm64\n");
    assert.equal(await query(directory, "--queryformat", "%{ARCH}", rpm), "aarch64");
    assert.match(deb, /_arm64\.deb$/);
    assert.match(rpm, /\.aarch64\.rpm$/);
  }, program);
});

Deno.test("a tree is refused if it is missing, or if its binary needs a library that no dependency provides", async () => {
  const directory = await Deno.makeTempDir({ prefix: "package-test-" });
  try {
    const options = { dist: directory, output: `${directory}/out` };
    await assert.rejects(makePackages(options), /it has no manifest; create it by: deno task dist/);
    await makeDist({ binary: "/bin/ls", output: directory, time: TIME });
    await assert.rejects(makePackages(options), /Cannot package ".*": it needs libselinux\.so\.1/);
    await makeDist({ binary: `${ROOT}/install.sh`, output: directory, time: TIME });
    await assert.rejects(makePackages(options), /Cannot package ".*": it is not for x86_64 or aarch64|readelf/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
