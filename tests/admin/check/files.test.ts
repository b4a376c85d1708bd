import assert from "node:assert/strict";
import { inspectFiles, inspectSetgid, type Look } from "../../../src/admin/check/files.ts";
import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import { BINARY, statePaths } from "../../../src/paths.ts";
import { assertAllFound, assertFound, idsOf, type LevelAndId } from "../../helpers/findings.ts";

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
  "/etc/ssh-session-notifier/pam_env_last.conf": { kind: "file", uid: 0, gid: 0, mode: 0o644 },
  "/etc/ssh-session-notifier/pam_env_retry.conf": { kind: "file", uid: 0, gid: 0, mode: 0o644 },
  "/usr/lib/systemd/system/ssh-session-notifier.service": { kind: "file", uid: 0, gid: 0, mode: 0o644 },
  "/etc/cron.d/ssh-session-notifier": { kind: "file", uid: 0, gid: 0, mode: 0o644 },
  [paths.queueDir]: { kind: "directory", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o2750 },
  [paths.databaseDir]: { kind: "directory", uid: QUEUE_UID, gid: QUEUE_GID, mode: 0o2750 },
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

function found(changes: Readonly<Record<string, Partial<Entry> | undefined>>): readonly Finding[] {
  const files: Record<string, Entry> = { ...GOOD };
  for (const [path, change] of Object.entries(changes)) {
    const entry = files[path];
    if (change === undefined || entry === undefined) delete files[path];
    else files[path] = { ...entry, ...change };
  }
  const findings = new Findings();
  inspectFiles(paths, lookAt(files), findings);
  return findings.all;
}

Deno.test("inspectFiles() passes after install.sh, before and after the first login", () => {
  assert.deepEqual(idsOf(found({})), ["pass files.modes"]);
  assert.deepEqual(idsOf(found({ [paths.queueDatabase]: undefined })), ["pass files.modes"]);
});

Deno.test("inspectFiles() leaves it to inspectScheduler() whether units or a crontab are needed", () => {
  const neither = {
    "/usr/lib/systemd/system/ssh-session-notifier.service": undefined,
    "/etc/cron.d/ssh-session-notifier": undefined,
  };
  assert.deepEqual(idsOf(found(neither)), ["pass files.modes"]);
});

Deno.test("inspectFiles() only warns about missing files in /run", () => {
  assertAllFound(found({ [paths.runSpoolDir]: undefined, [paths.unrecordedFile]: undefined }), [
    ["warning files.run-missing", `"${paths.runSpoolDir}"`],
    ["warning files.run-missing", `"${paths.unrecordedFile}"`],
    ["pass files.modes"],
  ]);
});

const FAULTS: [name: string, changes: Parameters<typeof found>[0], expected: [LevelAndId, ...string[]]][] = [
  ["a lock that is a FIFO", { [paths.sendLock]: { kind: "link" } }, ["fault files.wrong-kind", 'send.lock"']],
  ["a lock that belongs to root", { [paths.sendLock]: { uid: 0 } }, [
    "fault files.wrong-owner",
    'send.lock"',
    " 0:997 ",
  ]],
  ["a store that send cannot write", { [paths.deliveriesDatabase]: { mode: 0o444 } }, [
    "fault files.wrong-mode",
    " 0444 ",
    " 0600",
  ]],
  ["a lost setgid bit", { "/usr/sbin/ssh-session-notifier": { mode: 0o750 } }, [
    "fault files.wrong-mode",
    `"${BINARY}"`,
    " 0750 ",
    " 2750",
  ]],
  ["a binary that all users can run", { "/usr/sbin/ssh-session-notifier": { mode: 0o2755 } }, [
    "fault files.wrong-mode",
    `"${BINARY}"`,
    " 2755 ",
    " 2750",
  ]],
  [
    "a binary that belongs to send",
    { "/usr/sbin/ssh-session-notifier": { uid: SEND_UID } },
    ["fault files.wrong-owner", `"${BINARY}"`, " 999:997 ", " root:"],
  ],
  ["a configuration that all users can read", { "/etc/ssh-session-notifier/config.toml": { mode: 0o644 } }, [
    "fault files.wrong-mode",
    'config.toml"',
    " 0644 ",
  ]],
  ["a configuration that belongs to send", { "/etc/ssh-session-notifier/config.toml": { uid: SEND_UID } }, [
    "fault files.wrong-owner",
    'config.toml"',
    " 999:997 ",
  ]],
  ["a unit that its group can change", { "/usr/lib/systemd/system/ssh-session-notifier.service": { mode: 0o664 } }, [
    "fault files.wrong-mode",
    'ssh-session-notifier.service"',
    " 0664 ",
    " 0644",
  ]],
  ["a crontab that belongs to send", { "/etc/cron.d/ssh-session-notifier": { uid: SEND_UID } }, [
    "fault files.wrong-owner",
    '"/etc/cron.d/ssh-session-notifier"',
    " 999:0 ",
    " root:root",
  ]],
  ["no list of harmful variables", { "/etc/ssh-session-notifier/pam_env_last.conf": undefined }, [
    "fault files.missing",
    'pam_env_last.conf"',
  ]],
  ["a link instead of that list", { "/etc/ssh-session-notifier/pam_env_last.conf": { kind: "link" } }, [
    "fault files.wrong-kind",
    'pam_env_last.conf"',
  ]],
  ["no binary", { "/usr/sbin/ssh-session-notifier": undefined }, ["fault files.missing", `"${BINARY}"`]],
  ["no queue/", { [paths.queueDir]: undefined }, ["fault files.missing", `"${paths.queueDir}"`]],
  ["no send/", { [paths.sendDir]: undefined }, ["fault files.missing", `"${paths.sendDir}"`]],
  ["queue/ that belongs to root", { [paths.queueDir]: { uid: 0 } }, ["fault files.root-owned", `"${paths.queueDir}"`]],
  ["queue/ that belongs to send", { [paths.queueDir]: { uid: SEND_UID } }, ["fault files.shared-user"]],
  ["queue/ with the group of send", { [paths.queueDir]: { gid: GID } }, [
    "fault files.shared-group",
    `"${paths.queueDir}"`,
  ]],
  ["queue/ that the group can write", { [paths.queueDir]: { mode: 0o2770 } }, [
    "fault files.wrong-mode",
    `"${paths.queueDir}"`,
    " 2770 ",
  ]],
  ["queue/ without setgid", { [paths.queueDir]: { mode: 0o750 } }, [
    "fault files.wrong-mode",
    `"${paths.queueDir}"`,
    " 0750 ",
    " 2750",
  ]],
  ["no spool", { [`${paths.queueDir}/spool`]: undefined }, ["fault files.missing", `"${paths.spoolDir}"`]],
  ["a spool that belongs to root", { [`${paths.queueDir}/spool`]: { uid: 0 } }, [
    "fault files.wrong-owner",
    `"${paths.spoolDir}"`,
    " 0:996 ",
    " ssh-session-queue:",
  ]],
  ["send/ that all users can read", { [paths.sendDir]: { mode: 0o755 } }, [
    "fault files.wrong-mode",
    `"${paths.sendDir}"`,
    " 0755 ",
    " 0700",
  ]],
  ["a spool in /run that belongs to send", { [paths.runSpoolDir]: { uid: SEND_UID } }, [
    "fault files.wrong-owner",
    `"${paths.runSpoolDir}"`,
    " 999:996 ",
  ]],
  ["a last-resort record that all users can read", { [paths.unrecordedFile]: { mode: 0o644 } }, [
    "fault files.wrong-mode",
    `"${paths.unrecordedFile}"`,
    " 0644 ",
  ]],
  [
    "a last-resort record that belongs to queue",
    { [paths.unrecordedFile]: { uid: QUEUE_UID } },
    ["fault files.wrong-owner", `"${paths.unrecordedFile}"`, " 998:996 ", " root:ssh-s"],
  ],
  ["a link instead of the database", { [paths.queueDatabase]: { kind: "link" } }, [
    "fault files.wrong-kind",
    `"${paths.queueDatabase}"`,
  ]],
  ["a database that belongs to root", { [paths.queueDatabase]: { uid: 0 } }, [
    "fault files.wrong-owner",
    `"${paths.queueDatabase}"`,
    " 0:996 ",
    " ssh-session-queue:",
  ]],
];

for (const [name, changes, expected] of FAULTS) {
  Deno.test(`inspectFiles() reports ${name}`, () => {
    const all = found(changes);
    assertFound(all, expected);
    assert.ok(!all.some(({ level }) => level === "pass"), JSON.stringify(all));
  });
}

Deno.test("inspectSetgid() tells from the group of this process whether the setgid bit has an effect", () => {
  const program = "/usr/sbin/ssh-session-notifier";
  const table: [Parameters<typeof inspectSetgid>[0], LevelAndId][] = [
    [{ program, realGid: 0, effectiveGid: GID }, "pass binary.setgid"],
    [{ program, realGid: 0, effectiveGid: 0 }, "fault binary.setgid"],
    // The process that started it has the same group, which proves nothing.
    [{ program, realGid: GID, effectiveGid: GID }, "warning binary.setgid-unknown"],
    [{ program: "/tmp/ssh-session-notifier", realGid: 0, effectiveGid: 0 }, "warning binary.setgid-unknown"],
  ];
  for (const [effect, id] of table) {
    const findings = new Findings();
    inspectSetgid(effect, lookAt(GOOD), findings);
    assert.deepEqual(idsOf(findings.all), [id], JSON.stringify(effect));
  }
});
