// The steps of a release, run for real on a repository of their own; what is not run is the upload. The commands that
// users verify a release with are those of the README and of the release text.

import assert from "node:assert/strict";
import { parse } from "npm:yaml@2.9.1";
import { execute, executeOrThrow, ROOT } from "../.ci/checkout.ts";
import { compiledBinary } from "../.ci/compile.ts";
import { makeDist, packDist } from "../.ci/dist.ts";
import { ARCHES, runtimeStub, STUB_SOURCES } from "../.ci/runtime_stub.ts";

const NAME = "ssh-session-notifier";

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
    await Deno.mkdir(`${directory}/.github/deno`, { recursive: true });
    const deno = ["deno/package.json", "deno/package-lock.json"];
    const names = ["deno.json", ".gitignore", ...["release.sh", ...deno].map((name) => `.github/${name}`)];
    for (const name of names) await Deno.copyFile(`${ROOT}/${name}`, `${directory}/${name}`);
    await Deno.writeTextFile(`${directory}/.github/allowed_signers`, "release ssh-ed25519 AAAA\n");
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

  /**
   * What the step `compile` leaves: an archive with `program` for each architecture, and the list of components.
   *
   * @param options.signers the keys in the archive; by default those of the checkout
   * @returns their directory
   */
  async built(name: string, program: string, { signers }: { readonly signers?: string } = {}): Promise<string> {
    const output = `${this.directory}/dist/${name}`;
    for (const arch of ARCHES) {
      const options = { output: `${output}/${arch}`, time: 1, arch };
      await makeDist({ binary: program, ...options });
      const archive = await packDist(options);
      if (signers === undefined) continue;
      await executeOrThrow(["tar", "-xzf", archive, "-C", `${output}/${arch}`]);
      const top = archive.replace(/.*\/(.*)\.tar\.gz$/, "$1");
      await Deno.writeTextFile(`${output}/${arch}/${top}/allowed_signers`, signers);
      await executeOrThrow(["tar", "-czf", archive, "-C", `${output}/${arch}`, top]);
    }
    await Deno.writeTextFile(`${output}/${NAME}-${this.version}.cdx.json`, "{}\n");
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

Deno.test("release.sh refuses a tag that is not the version, not checked out, not on main, changed since, or without a key", async () => {
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
  await Deno.writeTextFile(`${repository.directory}/.github/allowed_signers`, "# no key\n");
  await repository.commit("all: drop the key");
  await repository.git("tag", "--force", tag);
  await refused(tag, /^error: \.github\/allowed_signers has no key, so nobody could verify the release/);
  await repository.git("reset", "--quiet", "--hard", "HEAD~1");
  await repository.git("tag", "--force", tag);
  await refused("v99.0.0", /^error: the tag v99\.0\.0 is not the version in deno\.json, v/);
  await Deno.writeTextFile(`${repository.directory}/.gitignore`, "changed");
  await refused(tag, /^error: the checkout has changes: .*\.gitignore/);
  await repository.commit("all: change it");
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
    const output = await repository.built(String(index), program);
    assert.equal((await repository.release("pack", tag, output)).stderr, "");
    const { success, stderr } = await repository.release("try", output);
    assert.ok(!success);
    const expected = index === 0 ? /cannot release .*for testing only/ : /is not version .* on Deno/;
    assert.match(stderr, expected);
  }
});

Deno.test("release.sh does not use a Deno whose package has another hash", async () => {
  await using repository = await Repository.create();
  const lock = `${repository.directory}/.github/deno/package-lock.json`;
  const text = await Deno.readTextFile(lock);
  await Deno.writeTextFile(lock, text.replaceAll(/sha512-..../g, "sha512-AAAA"));
  const { success, stderr } = await execute([`${repository.directory}/.github/release.sh`, "compile", "/nonexistent"]);
  assert.ok(!success);
  assert.match(stderr, /EINTEGRITY/);
});

Deno.test("release.sh refuses a binary whose runtime is not listed with its sum, version and architecture", async () => {
  await using repository = await Repository.create();
  const [arch, { sha256 }] = [Deno.build.arch, STUB_SOURCES[Deno.build.arch]];
  const text = await Deno.readTextFile(`${ROOT}/.github/release.sh`);
  const version = /^DENO=([\d.]+)$/m.exec(text)?.[1];
  await Deno.symlink(`${ROOT}/.ci`, `${repository.directory}/.ci`);
  // The functions only: the step `compile` needs Deno's download site.
  const functions = text.replace(/^cd "\$\(dirname[^]*/m, "");
  const script = `${functions}\nrefuse_unknown_runtime "$@"`;
  const refuse = async (line: string) => {
    await Deno.writeTextFile(`${repository.directory}/.github/runtime.sha256`, `# a comment\n${line}\n`);
    const args = [Deno.execPath(), arch, await compiledBinary()];
    return await execute(["env", "-C", repository.directory, "bash", "-c", script, "release", ...args]);
  };
  const right = await refuse(`${sha256}  denort-${version}-${arch}`);
  assert.deepEqual([right.success, right.stderr], [true, ""]);
  for (
    const line of ["", `${sha256}  denort-1.0.0-${arch}`, `${sha256.replace(/^./, "0")}  denort-${version}-${arch}`]
  ) {
    const { success, stderr } = await refuse(line);
    assert.ok(!success, line);
    assert.match(stderr, new RegExp(`the runtime for ${arch} has the SHA-256 ${sha256}, which is not in`));
  }
});

/** A program that passes for a binary of the release. */
async function releasedBinary(repository: Repository): Promise<string> {
  const deno = /^DENO=([\d.]+)$/m.exec(await Deno.readTextFile(`${ROOT}/.github/release.sh`))?.[1];
  return await speaker(repository, `${NAME} ${repository.version} (Deno ${deno}, V8 14)`);
}

Deno.test("the sums are of all files, each archive installs, and a changed one is refused", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  const output = await repository.built("a", await releasedBinary(repository));
  await repository.git("tag", tag);
  assert.equal((await repository.release("pack", tag, output)).stderr, "");
  const name = `${NAME}-${repository.version}`;
  const files = [...ARCHES.toSorted().map((arch) => `${name}-${arch}.tar.gz`), `${name}.cdx.json`];
  const sums = await Deno.readTextFile(`${output}/SHA256SUMS`);
  assert.deepEqual(sums.trim().split("\n").map((line) => line.replace(/^[0-9a-f]{64} {2}/, "")), files);
  assert.deepEqual(
    [...Deno.readDirSync(output)].map(({ name }) => name).sort(),
    ["SHA256SUMS", "notes.md", ...files].sort(),
  );

  const tried = await repository.release("try", output);
  assert.ok(tried.success, tried.stderr);
  assert.match(tried.stdout, /\.tar\.gz: OK[^]*written: \/usr\/sbin\/ssh-session-notifier/);
  await Deno.writeTextFile(`${output}/${name}-${Deno.build.arch}.tar.gz`, "changed on the way");
  assert.ok(!(await repository.release("try", output)).success);
});

/** Creates a key pair; returns the path of the private key, and the line for `allowed_signers`. */
async function signingKey(path: string): Promise<{ readonly path: string; readonly signer: string }> {
  await executeOrThrow(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", path]);
  return { path, signer: `release namespaces="${NAME}" ${await Deno.readTextFile(`${path}.pub`)}` };
}

/** Runs the workflow's step that signs, in the directory above `release`. */
async function sign(directory: string, key: string) {
  const { jobs } = parse(await Deno.readTextFile(`${ROOT}/.github/workflows/release.yml`)) as {
    jobs: { publish: { steps: readonly { name?: string; run?: string }[] } };
  };
  const script = jobs.publish.steps.find(({ name }) => name === "Sign the checksums")?.run ?? "false";
  const runnerTemp = await Deno.makeTempDir({ dir: directory });
  // A secret has no newline at its end.
  const env = { SIGNING_KEY: (await Deno.readTextFile(key)).trimEnd(), RUNNER_TEMP: runnerTemp };
  const signed = await execute(["env", "-C", directory, "bash", "-e", "-c", script], env);
  assert.deepEqual([...Deno.readDirSync(runnerTemp)].filter(({ name }) => name === "key"), []);
  return signed;
}

Deno.test("the README's commands verify a release; a changed file, sum, signature or key is refused", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  await repository.git("tag", tag);
  const dist = `${repository.directory}/dist`;
  await Deno.mkdir(dist);
  const [key, other] = [await signingKey(`${dist}/key`), await signingKey(`${dist}/other`)];
  const output = await repository.built("release", await releasedBinary(repository), { signers: key.signer });
  assert.equal((await repository.release("pack", tag, output)).stderr, "");
  const refused = await sign(dist, other.path);
  assert.ok(!refused.success, "signed with a key that the archive does not list");
  await Deno.rename(`${dist}/notes.md`, `${output}/notes.md`);
  await Deno.remove(`${output}/SHA256SUMS.sig`);
  const signed = await sign(dist, key.path);
  assert.ok(signed.success, signed.stderr);

  const archive = `${NAME}-${repository.version}-${Deno.build.arch}.tar.gz`;
  let changed: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {};
  let signers = key.signer;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/o/r/raw/main/.github/allowed_signers") return new Response(signers);
    const name = new RegExp(`^/o/r/releases/download/${RegExp.escape(tag)}/([^/]+)$`).exec(pathname)?.[1] ?? "";
    const bytes = changed[name] ?? await Deno.readFile(`${output}/${name}`).catch(() => undefined);
    return new Response(bytes ?? null, { status: bytes === undefined ? 404 : 200 });
  });
  const readme = await Deno.readTextFile(`${ROOT}/README.md`);
  const commands = /^ {7}tag=[^]*?ssh-keygen -Y verify[^]*?\n\n/m.exec(readme)?.[0] ?? "";
  const url = `http://127.0.0.1:${server.addr.port}/o/r`;
  const unpack = /^ {7}tar .*\n/m.exec(readme)?.[0] ?? "";
  const script = `${commands.replace(/tag=\S+ url=\S+/, `tag=${tag} url=${url}`)}${unpack}./root/usr/sbin/${NAME}`;
  const verify = async () => {
    const directory = await Deno.makeTempDir({ dir: dist });
    const env = { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
    return await execute(["env", "-C", directory, "sh", "-c", script], env);
  };
  const good = await verify();
  assert.ok(good.success, good.stderr);
  assert.match(good.stdout, /^Good "ssh-session-notifier" signature for release with ED25519 key [^]*: OK\n/);

  const sums = await Deno.readTextFile(`${output}/SHA256SUMS`);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const tampered = new Uint8Array([...await Deno.readFile(`${output}/${archive}`), 0]);
  const otherSignature = async (namespace: string, { path }: { readonly path: string }) => {
    const file = await Deno.makeTempFile({ dir: dist });
    await Deno.writeTextFile(file, sums);
    await executeOrThrow(["ssh-keygen", "-Y", "sign", "-f", path, "-n", namespace, file]);
    return await Deno.readFile(`${file}.sig`);
  };
  const faults: Readonly<Record<string, Record<string, Uint8Array<ArrayBuffer>>>> = {
    "a changed archive": { [archive]: tampered },
    "a changed archive with its sum": {
      [archive]: tampered,
      SHA256SUMS: bytes(sums.replace(new RegExp(`^[0-9a-f]{64}(?=.*-${Deno.build.arch})`, "m"), "0".repeat(64))),
    },
    "sums without the archive": { SHA256SUMS: bytes("") },
    "no signature": { "SHA256SUMS.sig": bytes("") },
    "a signature by another key": { "SHA256SUMS.sig": await otherSignature(NAME, other) },
    "a signature of the same key for something else": { "SHA256SUMS.sig": await otherSignature("git", key) },
  };
  for (const [what, files] of Object.entries(faults)) {
    changed = files;
    const { success, stdout } = await verify();
    assert.ok(!success, what);
    assert.doesNotMatch(stdout, /Deno/, what);
  }
  changed = {};
  signers = other.signer;
  assert.ok(!(await verify()).success);
});

Deno.test("the release text has the tag's own words, what has changed since the last tag, and the sums", async () => {
  await using repository = await Repository.create();
  const tag = `v${repository.version}`;
  const notes = async (name: string) => {
    const output = await repository.built(name, await speaker(repository, ""));
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
  assert.ok(first.text.includes(`\n    name=${NAME}-${repository.version}-$(uname -m)\n`), first.text);
  assert.ok(
    first.text.includes(
      `    gh attestation verify "$name.tar.gz" --repo o/r \\\n` +
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
