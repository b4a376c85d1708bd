// Checks the owners and modes of the files that install.sh creates. Identifies the two system users by what they own,
// not by name.

import { BINARY, CONFIG_FILE, STATE_DIR, type StatePaths } from "../../paths.ts";
import type { Findings } from "./finding.ts";

/** Looks up a file without following links; undefined if it does not exist. */
export type Look = (path: string) => Deno.FileInfo | undefined;

/** The required state of a file. */
interface Expected {
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly uid: number;
  readonly gid: number;
  /** Undefined: any mode that lets the owner read and write. */
  readonly mode?: number;
  /** `user:group` for people. */
  readonly owner: string;
  /** How to report a missing file; a fault by default. */
  readonly missing?: "fine" | "warning";
}

const GROUP = "ssh-session-notifier";
const QUEUE_OWNER = "ssh-session-queue:ssh-session-queue";

/** Checks all files, and reports the findings. */
export function inspectFiles(paths: StatePaths, look: Look, findings: Findings): void {
  const sendDir = look(paths.sendDir);
  const queueDir = look(paths.queueDir);
  if (sendDir === undefined || queueDir === undefined) {
    const missing = sendDir === undefined ? paths.sendDir : paths.queueDir;
    findings.fault("files.missing", `"${missing}" does not exist`, "run install.sh, which creates it");
    return;
  }
  const send = { uid: sendDir.uid ?? 0, gid: sendDir.gid ?? 0 };
  const queueIds = { uid: queueDir.uid ?? 0, gid: queueDir.gid ?? 0 };
  if ([...Object.values(send), ...Object.values(queueIds)].includes(0)) {
    findings.fault("files.root-owned", `"${paths.queueDir}" or "${paths.sendDir}" belongs to root`, "run install.sh");
    return;
  }
  if (send.gid === queueIds.gid) {
    findings.fault(
      "files.shared-group",
      `"${paths.queueDir}" has the group of send, so the hook could read the configuration and its secrets`,
      "run install.sh",
    );
  }
  if (send.uid === queueIds.uid) {
    findings.fault(
      "files.shared-user",
      "queue and send have the same user, so an attacker who controls send could block logins",
      "run install.sh",
    );
  }
  const root = { uid: 0, gid: send.gid, owner: `root:${GROUP}` };
  const queue = { ...queueIds, owner: QUEUE_OWNER };
  const rootOfQueue = { uid: 0, gid: queueIds.gid, owner: "root:ssh-session-queue" };
  const sendOwner = `${GROUP}:${GROUP}`;
  const expected: Expected[] = [
    { path: BINARY, kind: "file", mode: 0o2750, ...root },
    { path: CONFIG_FILE.replace(/\/[^/]*$/, ""), kind: "directory", mode: 0o750, ...root },
    { path: CONFIG_FILE, kind: "file", mode: 0o640, ...root },
    { path: paths.queueDir, kind: "directory", mode: 0o2750, ...queue },
    { path: paths.databaseDir, kind: "directory", mode: 0o2750, ...queue },
    // install.sh creates it because the path unit watches it.
    { path: paths.spoolDir, kind: "directory", mode: 0o2750, ...queue },
    { path: paths.sendDir, kind: "directory", mode: 0o700, ...send, owner: sendOwner },
    // These may be missing, but send fails if they exist and it cannot use them.
    ...[paths.sendLock, paths.deliveriesDatabase].map((path): Expected => (
      { path, kind: "file", missing: "fine", ...send, owner: sendOwner }
    )),
    ...["", "-wal"].map((suffix): Expected => (
      { path: `${paths.queueDatabase}${suffix}`, kind: "file", mode: 0o640, missing: "fine", ...queue }
    )),
    // Any process that can open it can lock it, and so delay every login.
    { path: `${paths.queueDatabase}-shm`, kind: "file", mode: 0o600, missing: "fine", ...queue },
    // Everything else works without these, so a missing one is only a warning.
    { path: paths.runSpoolDir, kind: "directory", mode: 0o2750, missing: "warning", ...queue },
    { path: paths.unrecordedFile, kind: "file", mode: 0o640, missing: "warning", ...rootOfQueue },
  ];
  const before = findings.hasFault("files");
  for (const file of expected) inspectFile(file, look(file.path), findings);
  if (!before && !findings.hasFault("files")) {
    findings.pass("files.modes", "all files have the owners and modes that install.sh sets");
  }
}

function inspectFile(
  { path, kind, uid, gid, owner, ...expected }: Expected,
  info: Deno.FileInfo | undefined,
  findings: Findings,
): void {
  const mode = octal(expected.mode ?? 0o600);
  const found = (info?.mode ?? 0) & 0o7777;
  if (info === undefined) {
    if (expected.missing === undefined) {
      findings.fault("files.missing", `"${path}" does not exist`, "run install.sh, which creates it");
    } else if (expected.missing === "warning") {
      findings.warning(
        "files.run-missing",
        `"${path}" does not exist: a login is lost if the disk is full or the hook cannot start`,
        "run install.sh, and make sure that systemd-tmpfiles or cron creates it at each boot",
      );
    }
  } else if (!(kind === "file" ? info.isFile : info.isDirectory)) {
    const hint = "find out who created it, remove it, and run install.sh";
    findings.fault("files.wrong-kind", `"${path}" is not a ${kind}`, hint);
  } else if (info.uid !== uid || info.gid !== gid) {
    findings.fault(
      "files.wrong-owner",
      `"${path}" belongs to ${info.uid}:${info.gid} instead of ${owner}`,
      `chown ${owner} ${path} && chmod ${mode} ${path}`,
    );
  } else if (expected.mode === undefined ? (found & 0o600) !== 0o600 : found !== expected.mode) {
    const message = `"${path}" has mode ${octal(found)} instead of ${mode}`;
    findings.fault("files.wrong-mode", message, `chmod ${mode} ${path}`);
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Checks whether the hook can enter the state directory. Like the hook, this process is no longer in its group. */
export function inspectPassage({ queueDir }: StatePaths, look: Look, findings: Findings): void {
  try {
    look(queueDir);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    findings.fault(
      "files.state-closed",
      `the hook cannot reach "${queueDir}": the mode of "${STATE_DIR}" does not let it in`,
      `chmod 0751 ${STATE_DIR}`,
    );
  }
}

/**
 * Checks whether the setgid bit of the binary works: without it, the loader obeys a user's LD_PRELOAD. The groups of this
 * process are the only way to see whether the mount is `nosuid`.
 *
 * @param program the path of the running program
 */
export function inspectSetgid(
  { program, realGid, effectiveGid }: { program: string; realGid: number; effectiveGid: number },
  look: Look,
  findings: Findings,
): void {
  const binary = look(BINARY);
  if (binary === undefined || ((binary.mode ?? 0) & 0o2000) === 0) return; // inspectFiles() reports this.
  if (program !== BINARY || realGid === binary.gid) {
    findings.warning(
      "binary.setgid-unknown",
      "this process cannot tell whether the setgid bit of the binary has an effect",
      `run ${BINARY} check as root`,
    );
  } else if (effectiveGid === binary.gid) {
    findings.pass("binary.setgid", "the loader ignores LD_PRELOAD and similar variables that a user sets");
  } else {
    findings.fault(
      "binary.setgid",
      `the setgid bit of "${BINARY}" has no effect: a library from a user's LD_PRELOAD can run as root in the hook`,
      "mount its file system without nosuid",
    );
  }
}
