// The steps of a release, run for real on a repository of their own; what is not run is the upload.

import assert from "node:assert/strict";
import { execute, executeOrThrow, ROOT } from "../.ci/checkout.ts";
import { compiledBinary } from "../.ci/compile.ts";
import { makeDist } from "../.ci/dist.ts";
import { ARCHES, runtimeStub, STUB_SOURCES } from "../.ci/runtime_stub.ts";

/** A repository with what a release is made of, a remote's `main`, and one commit. */
class Repository implements AsyncDisposable {
  readonly directory: string;
  readonly version: string;

  private constructor(directory: string, version: string) {
    this.directory = directory;
    this.version = version;
  }

  static async create(): Promise<Repository> {
    const directory = await Deno.makeTempDir({ prefix: "release-" });
    const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as { version: string };
    await Deno.mkdir(`${directory}/.github`);
    for (const name of ["deno.json", "install.sh", "README.md", "LICENSE", ".gitignore", ".github/release.sh"]) {
      await Deno.copyFile(`${ROOT}/${name}`, `${directory}/${name}`);
    }
    const repository = new Repository(directory, version);
    await repository.git("init", "--quiet", "--initial-branch=main");
    await repository.commit("all: begin");
    return repository;
  }

  /** Runs git as one who has no configuration. */
  async git(...args: string[]): Promise<string> {
    const identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    return (await executeOrThrow(["git", "-C", this.directory, ...identity, ...args])).trim();
  }

  /** A commit of all that is there, which `main` of the remote has too. */
  async commit(message: string): Promise<void> {
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", message);
    await this.git("update-ref", "refs/remotes/origin/main", "HEAD");
  }

  async release(step: string, ...args: string[]) {
    return await execute([`${this.directory}/.github/release.sh`, step, ...args], { GITHUB_REPOSITORY: "o/r" });
  }

  /** Trees as the step `compile` leaves them; the one that can't run here is none. */
  async binaries(name: string, program: string): Promise<string> {
    const output = `${this.directory}/dist/${name}`;
    for (const arch of ARCHES) {
      const other = `${this.directory}/dist/other`;
      await Deno.mkdir(output, { recursive: true });
      await Deno.writeTextFile(other, `for ${arch}`);
      const binary = arch === Deno.build.arch ? program : other;
      await makeDist({ binary, output: `${output}/${arch}`, time: 1_700_000_000 });
    }
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** A program that says of itself what it is told to, in place of a binary. */
async function speaker(repository: Repository, said: string): Promise<string> {
  const path = `${repository.directory}/dist/${crypto.randomUUID()}`;
  await Deno.mkdir(`${repository.directory}/dist`, { recursive: true });
  await Deno.writeTextFile(path, `#!/bin/sh\necho '${said}'\n`, { mode: 0o755 });
  return path;
}

Deno.test("release.sh refuses a tag that is not the version, not checked out, not on main, or changed since", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  await repository.git("tag", tag);
  assert.equal((await repository.release("verify", tag)).stderr, "");

  await repository.git("tag", "v99.0.0");
  const refused = async (name: string, pattern: RegExp) => {
    const { success, stderr } = await repository.release("verify", name);
    assert.ok(!success);
    assert.match(stderr, pattern);
  };
  await refused("v99.0.0", /^error: the tag v99\.0\.0 is not the version in deno\.json, v/);
  await Deno.writeTextFile(`${repository.directory}/README.md`, "changed");
  await refused(tag, /^error: the checkout has changes: .*README\.md/);
  await repository.commit("readme: change it");
  await refused(tag, /^error: the checkout is not at v/);
  await repository.git("tag", "--force", tag);
  await repository.git("update-ref", "refs/remotes/origin/main", "HEAD~1");
  await refused(tag, /^error: v.* is not on main/);
});

Deno.test("release.sh compiles nothing where DENORT_BIN is set, be it empty", async () => {
  await using repository = await Repository.create();
  for (const value of ["/tmp/stub", ""]) {
    const { success, stderr } = await execute([
      "env",
      `DENORT_BIN=${value}`,
      `${repository.directory}/.github/release.sh`,
      "compile",
      `${repository.directory}/dist/release`,
    ]);
    assert.ok(!success);
    assert.equal(stderr, "error: DENORT_BIN is set: a release must use the runtime from Deno's own site\n");
  }
  assert.deepEqual([...Deno.readDirSync(repository.directory)].filter(({ name }) => name === "dist"), []);
});

Deno.test("release.sh refuses a binary for testing, and one of another version or runtime", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  await repository.git("tag", tag);
  const others = [
    `ssh-session-notifier ${repository.version} (Deno 2.7.11, V8 14)`,
    "ssh-session-notifier 99.0.0 (Deno 2.9.6, V8 14)",
    "",
  ];
  const programs = await Promise.all(others.map((said) => speaker(repository, said)));
  for (const [index, program] of [await compiledBinary(), ...programs].entries()) {
    const output = await repository.binaries(String(index), program);
    assert.equal((await repository.release("pack", tag, output)).stderr, "");
    const { success, stderr } = await repository.release("try", output);
    assert.ok(!success);
    const expected = index === 0 ? /cannot release .*for testing only/ : /is not version .* on Deno/;
    assert.match(stderr, expected);
  }
});

Deno.test("an archive holds the tree, install.sh and the texts, has its sum, installs, and is the same each time", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  const deno = /^DENO=([\d.]+)$/m.exec(await Deno.readTextFile(`${ROOT}/.github/release.sh`))?.[1];
  const program = await speaker(repository, `ssh-session-notifier ${repository.version} (Deno ${deno}, V8 14)`);
  await repository.git("tag", tag);
  const [first, second] = [await repository.binaries("a", program), await repository.binaries("b", program)];
  for (const output of [first, second]) assert.equal((await repository.release("pack", tag, output)).stderr, "");
  const sums = await Deno.readTextFile(`${first}/SHA256SUMS`);
  assert.equal(await Deno.readTextFile(`${second}/SHA256SUMS`), sums);
  assert.match(
    sums,
    new RegExp(ARCHES.toSorted().map((arch) => `[0-9a-f]{64}  .*-${tag}-linux-${arch}\\.tar\\.gz\n`).join("")),
  );

  const top = `ssh-session-notifier-${tag}-linux-${Deno.build.arch}`;
  const list = await executeOrThrow(["tar", "-tzvf", `${first}/${top}.tar.gz`]);
  assert.deepEqual(
    list.trim().split("\n").map((line) => line.replace(/ +\d+ \S+ \S+ /, " "))
      .filter((line) => !line.includes("/root/") || line.endsWith("/root/")),
    [
      `drwxr-xr-x 0/0 ${top}/`,
      `-rw-r--r-- 0/0 ${top}/LICENSE`,
      `-rw-r--r-- 0/0 ${top}/README.md`,
      `-rwxr-xr-x 0/0 ${top}/install.sh`,
      `-rw-r--r-- 0/0 ${top}/manifest`,
      `drwxr-xr-x 0/0 ${top}/root/`,
    ],
  );
  assert.match(list, new RegExp(`^-rwxr-xr-x 0/0 .* ${top}/root/usr/sbin/ssh-session-notifier$`, "m"));

  const tried = await repository.release("try", first);
  assert.ok(tried.success, tried.stderr);
  assert.match(tried.stdout, /\.tar\.gz: OK[^]*written: \/usr\/sbin\/ssh-session-notifier/);

  await Deno.writeTextFile(`${second}/${top}.tar.gz`, "changed on the way");
  assert.ok(!(await repository.release("try", second)).success);
});

Deno.test("the release text has the tag's own words, what has changed since the last tag, and the sums", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  const notes = async (name: string) => {
    const output = await repository.binaries(name, await speaker(repository, ""));
    assert.equal((await repository.release("pack", tag, output)).stderr, "");
    return {
      text: await Deno.readTextFile(`${output}/notes.md`),
      sums: await Deno.readTextFile(`${output}/SHA256SUMS`),
    };
  };
  await repository.git("tag", tag);
  const first = await notes("first");
  assert.match(first.text, /^\n## Verify and install\n/);
  for (const sum of first.sums.trim().split("\n")) assert.ok(first.text.includes(`    ${sum}\n`), first.text);
  assert.ok(
    first.text.includes(
      `    gh attestation verify ssh-session-notifier-${tag}-linux-$(uname -m).tar.gz --repo o/r \\\n` +
        `      --signer-workflow o/r/.github/workflows/release.yml --source-ref refs/tags/${tag}\n`,
    ),
  );

  await repository.git("tag", "--delete", tag);
  await repository.git("tag", "v0.0.1");
  await repository.commit("hook: do it\n\nSince it was not done.");
  await repository.commit("send: do `that` too");
  await repository.git("tag", "--annotate", "--message", "The first that can be trusted.\n\nUpgrade.", tag);
  const { text } = await notes("second");
  assert.ok(
    text.startsWith(
      "The first that can be trusted.\n\nUpgrade.\n\n## Changes since v0.0.1\n\n- hook: do it\n- send: do `that` too\n\n## Verify",
    ),
    text,
  );
});

Deno.test("a binary whose runtime DENORT_BIN named says that it is for testing", async () => {
  const { denoVersion, ...source } = STUB_SOURCES[Deno.build.arch];
  const output = `${await Deno.makeTempDir({ prefix: "release-" })}/binary`;
  try {
    const deno = Deno.version.deno === denoVersion ? [Deno.execPath()] : ["npx", "-y", `deno@${denoVersion}`];
    const script = `${ROOT}/.ci/compile.ts`;
    const made = await execute([...deno, "run", "-A", script, `--output=${output}`], {
      DENORT_BIN: await runtimeStub({ denoVersion, ...source }),
    });
    assert.ok(made.success, made.stderr);
    assert.match(
      await executeOrThrow([output, "--version"]),
      /; for testing only: its runtime stub is from DENORT_BIN\n$/,
    );
  } finally {
    await Deno.remove(output.replace(/\/binary$/, ""), { recursive: true });
  }
});
