import assert from "node:assert/strict";
import { ROOT } from "../../../.ci/checkout.ts";
import config from "../../../deno.json" with { type: "json" };
import { MANIFEST, parseManifest } from "../../../src/admin/check/manifest.ts";
import { BINARY, CONFIG_FILE, RUN_DIR, STATE_DIR, statePaths } from "../../../src/paths.ts";

const FLAGS = ["boot", "state", "keep", "config", "systemd", "cron", "deb", "rpm", "optional"];

Deno.test("parseManifest() returns the fields of each line, and quotes a line that it does not understand", () => {
  assert.deepEqual(parseManifest("# a comment\n\nf 2750 root  adm /usr/a -\nd\t-\troot\troot\t/b\tkeep,from=/c\n"), [
    { kind: "file", mode: 0o2750, owner: "root", group: "adm", path: "/usr/a", flags: [] },
    { kind: "directory", mode: undefined, owner: "root", group: "root", path: "/b", flags: ["keep", "from=/c"] },
  ]);
  for (
    const line of [
      "l 0644 root root /a -",
      "f 644 root root /a -",
      "f 0648 root root /a -",
      "f 0644 root /a -",
      "f 0644 root root a -",
      "f 0644 root root /a",
      "f 0644 root root /a - -",
      " f 0644 root root /a -",
    ]
  ) {
    assert.throws(() => parseManifest(`${line}\n`), { message: `Cannot parse the manifest: "${line}"` });
  }
});

Deno.test("the manifest has known users and flags only, each path once, and directories before their files", () => {
  const seen: string[] = [];
  for (const { path, owner, group, flags } of MANIFEST) {
    for (const name of [owner, group]) {
      assert.ok(["root", "ssh-session-queue", "ssh-session-notifier"].includes(name), path);
    }
    assert.ok(path.includes("ssh-session-notifier") && !/\/\.|\/$|\/\//.test(path), path);
    assert.ok(!seen.some((earlier) => earlier === path || earlier.startsWith(`${path}/`)), path);
    for (const [index, flag] of flags.entries()) {
      const [, source] = /^from=(.*)$/.exec(flag) ?? [];
      assert.ok(
        source === undefined ? FLAGS.includes(flag) : seen.includes(source) && index === flags.length - 1,
        `${path}: ${flag}`,
      );
    }
    seen.push(path);
  }
});

Deno.test("the manifest has every fixed path of the program, except what send alone uses in its directory", () => {
  const { sendDir, ...paths } = statePaths();
  const others = Object.values(paths).filter((path) => !path.startsWith(`${sendDir}/`));
  const listed = MANIFEST.map(({ path }) => path);
  for (const path of [BINARY, CONFIG_FILE, STATE_DIR, RUN_DIR, sendDir, ...others]) {
    assert.ok(listed.includes(path), path);
  }
});

Deno.test("check may look at each path of the manifest that it examines", () => {
  const unseen = MANIFEST.filter(({ path, flags }) =>
    !flags.includes("optional") && !config.permissions.check.read.some((read) => `${path}/`.startsWith(`${read}/`))
  );
  // Looking at these would need the permission to read all that is in them.
  assert.deepEqual(unseen.map(({ path }) => path), [STATE_DIR, `${STATE_DIR}/root`, RUN_DIR]);
});

Deno.test("ssh-session-notifier(8) gives the owner and mode of each file as the manifest does", async () => {
  const page = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`);
  const files = page.slice(page.indexOf(".Sh FILES")).matchAll(/^\.It Pa (\/\S+)\n(\S+:\S+) (\d{4})\./gm).toArray();
  assert.ok(files.length >= 15);
  for (const [, name = "", owner, mode] of files) {
    const path = name.replaceAll("\\-", "-");
    const entry = MANIFEST.find((entry) => entry.path === path) ?? assert.fail(path);
    assert.equal(`${entry.owner}:${entry.group}`, owner, path);
    assert.equal(entry.mode, parseInt(mode ?? "", 8), path);
  }
});
