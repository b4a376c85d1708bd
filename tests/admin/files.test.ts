import assert from "node:assert/strict";
import { inspectFiles, inspectSetgid, type Look } from "../../src/admin/files.ts";
import { Findings } from "../../src/admin/finding.ts";
import { statePaths } from "../../src/paths.ts";

const paths = statePaths();
const [QUEUE_UID, SEND_UID, GID, QUEUE_GID] = [998, 999, 997, 996];

interface Entry {
  readonly kind: "file" | "directory" | "link";
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly size?: number;
}

const GOOD: Readonly<Record<string, Entry>> = {
  "/usr/sbin/ssh-session-notifier": { kind: "file", uid: 0, gid: GID, mode: 0o2750 },
  "/etc/ssh-session-notifier": { kind: "directory", uid: 0, gid: GID, mode: 0o750 },
  "/etc/ssh-session-notifier/config.toml": { kind: "file", uid: 0, gid: GID, mode: 0o640 },
  [paths.queueDir]: { kind: "directory", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o2750 },
  [`${paths.queueDir}/spool`]: { kind: "directory", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o2750 },
  [paths.runSpoolDir]: { kind: "directory", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o2750 },
  [paths.unrecordedFile]: { kind: "file", uid: 0, gid: QUEUE_GID, mode: 0o640 },
  [paths.sendDir]: { kind: "directory", uid: SEND_UID, gid: GID, mode: 0o700 },
  [paths.sendLock]: { kind: "file", uid: SEND_UID, gid: GID, mode: 0o644 },
  [paths.deliveriesDatabase]: { kind: "file", uid: SEND_UID, gid: GID, mode: 0o600 },
  [paths.queueDatabase]: { kind: "file", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o640 },
};

function lookAt(files: Readonly<Record<string, Entry>>): Look {
  return (path) => {
    const entry = files[path];
    if (entry === undefined) return undefined;
    const { kind, uid, gid, mode, size = 0 } = entry;
    return { isFile: kind === "file", isDirectory: kind === "directory", uid, gid, mode, size } as Deno.FileInfo;
  };
}

function found(changes: Readonly<Record<string, Partial<Entry> | undefined>>): string[] {
  const files: Record<string, Entry> = { ...GOOD };
  for (const [path, change] of Object.entries(changes)) {
    const entry = files[path];
    if (change === undefined || entry === undefined) delete files[path];
    else files[path] = { ...entry, ...change };
  }
  const findings = new Findings();
  inspectFiles(paths, lookAt(files), findings);
  return findings.all.map(({ level, message }) => `${level}: ${message}`);
}

Deno.test("inspectFiles() passes what install.sh makes, before and after the first login", () => {
  const pass = ["pass: owners and modes are as install.sh sets them"];
  assert.deepEqual(found({}), pass);
  assert.deepEqual(found({ [paths.queueDatabase]: undefined }), pass);
});

Deno.test("inspectFiles() only warns where nothing is in /run, since the rest works", () => {
  const all = found({ [paths.runSpoolDir]: undefined, [paths.unrecordedFile]: undefined });
  assert.deepEqual(all.map((line) => line.replace(/^(\w+: there is no "[^"]*").*/, "$1")), [
    `warning: there is no "${paths.runSpoolDir}"`,
    `warning: there is no "${paths.unrecordedFile}"`,
    "pass: owners and modes are as install.sh sets them",
  ]);
});

const FAULTS: [name: string, changes: Parameters<typeof found>[0], expected: RegExp][] = [
  ["a lock that is a FIFO", { [paths.sendLock]: { kind: "link" } }, /send\.lock" is not a file/],
  ["a lock of root's", { [paths.sendLock]: { uid: 0 } }, /send\.lock" belongs to 0:997 in place of/],
  ["a store that send can't write", { [paths.deliveriesDatabase]: { mode: 0o444 } }, /0444 in place of 0600/],
  ["a lost setgid bit", { "/usr/sbin/ssh-session-notifier": { mode: 0o750 } }, /has the mode 0750 in place of 2750/],
  ["a binary for all", { "/usr/sbin/ssh-session-notifier": { mode: 0o2755 } }, /has the mode 2755 in place of 2750/],
  [
    "a binary of send's",
    { "/usr/sbin/ssh-session-notifier": { uid: SEND_UID } },
    /belongs to 999:997 in place of root:/,
  ],
  ["a configuration for all", { "/etc/ssh-session-notifier/config.toml": { mode: 0o644 } }, /has the mode 0644/],
  ["a configuration of send's", { "/etc/ssh-session-notifier/config.toml": { uid: SEND_UID } }, /belongs to 999:997/],
  ["no binary", { "/usr/sbin/ssh-session-notifier": undefined }, /there is no "\/usr\/sbin/],
  ["no queue/", { [paths.queueDir]: undefined }, /there is no ".*\/queue"/],
  ["no send/", { [paths.sendDir]: undefined }, /there is no ".*\/send"/],
  ["queue/ of root's", { [paths.queueDir]: { uid: 0 } }, /belongs to root/],
  ["queue/ of send's", { [paths.queueDir]: { uid: SEND_UID } }, /queue and send have the same user/],
  ["queue/ with the group of send", { [paths.queueDir]: { gid: GID } }, /has the group of send: the hook could read/],
  ["queue/ that the group can write", { [paths.queueDir]: { mode: 0o2770 } }, /has the mode 2770/],
  ["queue/ without setgid", { [paths.queueDir]: { mode: 0o750 } }, /has the mode 0750 in place of 2750/],
  ["no spool", { [`${paths.queueDir}/spool`]: undefined }, /there is no ".*\/queue\/spool"/],
  ["a spool of root's", { [`${paths.queueDir}/spool`]: { uid: 0 } }, /belongs to 0:996 in place of ssh-session-queue:/],
  ["send/ for all", { [paths.sendDir]: { mode: 0o755 } }, /has the mode 0755 in place of 0700/],
  ["a spool in /run of send's", { [paths.runSpoolDir]: { uid: SEND_UID } }, /"\/run\/.*\/spool" belongs to 999:996/],
  ["a last record for all", { [paths.unrecordedFile]: { mode: 0o644 } }, /"\/run\/.*\/unrecorded" has the mode 0644/],
  [
    "a last record of queue's",
    { [paths.unrecordedFile]: { uid: QUEUE_UID } },
    /belongs to 998:996 in place of root:ssh-s/,
  ],
  ["a link in place of the database", { [paths.queueDatabase]: { kind: "link" } }, /is not a file/],
  ["a database of root's", { [paths.queueDatabase]: { uid: 0 } }, /belongs to 0:996 in place of ssh-session-queue:/],
];

for (const [name, changes, expected] of FAULTS) {
  Deno.test(`inspectFiles() finds: ${name}`, () => {
    const all = found(changes);
    assert.ok(all.some((line) => line.startsWith("fault: ") && expected.test(line)), all.join("\n"));
    assert.ok(!all.some((line) => line.startsWith("pass")), all.join("\n"));
  });
}

Deno.test("inspectSetgid() sees by the group of this process whether the bit has an effect", () => {
  const program = "/usr/sbin/ssh-session-notifier";
  const table: [Parameters<typeof inspectSetgid>[0], string][] = [
    [{ program, realGid: 0, effectiveGid: GID }, "pass"],
    [{ program, realGid: 0, effectiveGid: 0 }, "fault"],
    // The group of who started it is the same.
    [{ program, realGid: GID, effectiveGid: GID }, "warning"],
    [{ program: "/tmp/ssh-session-notifier", realGid: 0, effectiveGid: 0 }, "warning"],
  ];
  for (const [effect, level] of table) {
    const findings = new Findings();
    inspectSetgid(effect, lookAt(GOOD), findings);
    assert.deepEqual(findings.all.map((finding) => finding.level), [level], JSON.stringify(effect));
  }
});
