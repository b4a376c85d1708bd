// install.sh with fake roots, killed before commands that change a file.

import assert from "node:assert/strict";
import { sampleOf, sweep } from "../helpers/kill_points.ts";
import {
  backups,
  BEGIN,
  BINARY,
  FakeRoot,
  FIRST,
  LAST,
  ok,
  OLD_FILES,
  OLD_FIRST,
  OLD_LAST,
  PROGRAM,
  SSHD,
  STATE,
  stock,
  SYSTEMD,
} from "../helpers/fake_root.ts";

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

/** Kills a run before some of its commands, with several roots in parallel; see kill_points.ts. */
async function killedAnywhere(
  name: string,
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
  const all = Array.from({ length: commands }, (_, index) => index + 1);
  const points = sampleOf(all, { name: `install ${name}` }).values();
  const work = async () => {
    for (const nth of points) {
      await using root = await FakeRoot.create(INTERRUPTED);
      await prepare(root);
      await root.installKilledAt(nth, ...flags);
      await check(root, `killed at ${nth} of ${commands}`);
    }
  };
  await sweep(() => Promise.all(Array.from({ length: 8 }, work)));
}

Deno.test("install.sh can be killed anywhere: logins still work, and the next run completes it", async () => {
  const flags = ["--pam=sshd,login,su", "--fix-pam-env"];
  await using whole = await FakeRoot.create(INTERRUPTED);
  await ok(whole.install("--pam"));
  const hooked = await whole.read(SSHD);
  await ok(whole.install(...flags));
  const states = [stock("debian"), hooked, await whole.read(SSHD)];
  const expected = essence(await whole.tree());

  await killedAnywhere("install", { flags, prepare: async () => {} }, async (root, what) => {
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

  await killedAnywhere("purge", { flags: ["--purge"], prepare }, async (root, what) => {
    await assertLoginsWork(root, states, what);
    await ok(root.install("--purge"));
    assert.deepEqual(essence(await root.tree()), expected, what);
  });
});

/** Makes a root as an earlier release left it, with the two includes, and the units in /etc. */
async function makeOld(root: FakeRoot, ...flags: string[]): Promise<void> {
  await ok(root.install("--pam", ...flags));
  await root.write(SSHD, (await root.read(SSHD)).replace(FIRST, OLD_FIRST).replace(LAST, OLD_LAST));
  for (const [path, text] of Object.entries(OLD_FILES)) await root.write(path, text);
  for (const path of Object.keys(await root.tree())) {
    if (!/^\/usr\/lib\/(systemd\/system|tmpfiles\.d)\/ssh-session/.test(path)) continue;
    await root.write(path.replace("/usr/lib", "/etc"), `${await root.read(path)}# an older text\n`);
    await Deno.remove(root.path(path));
  }
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

  await killedAnywhere("pam", { flags: ["--pam"], prepare: makeOld }, async (root, what) => {
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
  assert.match(shown, /^would remove: \/etc\/pam\.d\/ssh-session-notifier-last$/m);
});
