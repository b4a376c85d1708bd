// install.sh with fake roots: a second run, a full disk or a power cut leaves no unfinished file under the name of a whole
// one.

import assert from "node:assert/strict";
import { BINARY, CONFIG, FakeRoot, HOOKED, ok, PROGRAM, SSHD, STACK } from "../helpers/fake_root.ts";

const PATH = Deno.env.get("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Writes programs that run instead of others in one run of install.sh.
 *
 * @param scripts what each does before it runs the real one, by name
 * @returns the environment of the run
 */
async function shims(root: FakeRoot, scripts: Readonly<Record<string, string>>): Promise<{ PATH: string }> {
  const directory = root.beside(`shims-${Object.keys(scripts).join("-")}`);
  await Deno.mkdir(directory);
  for (const [name, script] of Object.entries(scripts)) {
    const text = `#!/bin/sh\nPATH='${PATH}'\n${script}\nexec ${name} "$@"\n`;
    await Deno.writeTextFile(`${directory}/${name}`, text, { mode: 0o755 });
  }
  return { PATH: `${directory}:${PATH}` };
}

const SECOND_RUNS: readonly { readonly path: string; readonly killed: Record<string, string> }[] = [
  // Just before it writes the edited text into the temporary file.
  { path: SSHD, killed: { cat: "case $1 in */pam/sshd) kill -KILL 0 ;; esac" } },
  { path: BINARY, killed: { cp: `case $1 in *${BINARY}) head -c 9 "$1" >"$2"; kill -KILL 0 ;; esac` } },
];

for (const { path, killed } of SECOND_RUNS) {
  Deno.test(`install.sh --pam never puts a cut file at ${path} if a second run is killed while both write it`, async () => {
    await using root = await FakeRoot.create({ [SSHD]: STACK });
    const second = await shims(root, killed);
    const first = await shims(root, {
      mv: `case "$*" in *.new*${path})
        PATH='${second.PATH}' setsid --wait sh '${root.beside("install.sh")}' --pam >/dev/null 2>&1 ;;
      esac`,
    });
    await root.installWith(first, "--pam");
    const states: Record<string, readonly (string | undefined)[]> = {
      [SSHD]: [STACK, HOOKED],
      [BINARY]: [undefined, PROGRAM],
    };
    const text = await root.read(path).catch(() => undefined);
    assert.ok(states[path]?.includes(text), `it is ${JSON.stringify(text)}`);
    await ok(root.install("--pam"));
    assert.equal(await root.read(SSHD), HOOKED);
    assert.deepEqual(Object.keys(await root.tree()).filter((path) => path.endsWith(".new")), []);
  });
}

Deno.test("install.sh --pam leaves no cut backup that looks like a whole one if the disk is full", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK });
  await ok(root.install());
  const full = await shims(root, { cp: `case $3 in */backup/*) head -c 9 "$2" >"$3"; exit 1 ;; esac` });
  assert.equal((await root.installWith(full, "--pam")).code, 1);
  assert.equal(await root.read(SSHD), STACK);
  const left = () => [...Deno.readDirSync(root.path(`${CONFIG}/backup`))].map(({ name }) => name);
  assert.deepEqual(left().filter((name) => !name.endsWith(".new")), []);
  await ok(root.install("--pam"));
  assert.match(left().join(" "), /^sshd\.\d{14}$/, "the unfinished backup is removed");
});

Deno.test("install.sh --pam writes each file to the disk before it gives it its name", async () => {
  await using root = await FakeRoot.create({ [SSHD]: STACK });
  const log = root.beside("log");
  await Deno.writeTextFile(log, "");
  const logged = (name: string) => `echo ${name} "$@" >>'${log}'`;
  await ok(root.installWith(await shims(root, { mv: logged("mv"), sync: logged("sync") }), "--pam"));
  const synced = new Set<string>();
  let renamed = 0;
  for (const line of (await Deno.readTextFile(log)).trim().split("\n")) {
    const [name, ...paths] = line.split(" ");
    if (name === "sync") { for (const path of paths) synced.add(path); }
    else {
      renamed++;
      assert.ok(synced.has(paths[1] ?? ""), line);
    }
  }
  assert.ok(renamed > 10, `${renamed} files`);
});
