// Looks at owners and modes of what install.sh makes. The two system users are told by what they own, not by name.

import { BINARY, CONFIG_FILE, STATE_DIR, type StatePaths } from "../paths.ts";
import type { Findings } from "./finding.ts";

/** What is known of a file, without following a link; undefined where there is none. */
export type Look = (path: string) => Deno.FileInfo | undefined;

/** What a file must be like. */
interface Expected {
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly uid: number;
  readonly gid: number;
  /** Undefined: any that lets its owner read and write. */
  readonly mode?: number;
  /** `user:group` for people. */
  readonly owner: string;
  /** What it means if it is missing; by default, a fault. */
  readonly missing?: "fine" | "warning";
}

const GROUP = "ssh-session-notifier";
const QUEUE_OWNER = "ssh-session-queue:ssh-session-queue";

/** Looks at all files, and says what is found. */
export function inspectFiles(paths: StatePaths, look: Look, findings: Findings): void {
  const sendDir = look(paths.sendDir);
  const queueDir = look(paths.queueDir);
  if (sendDir === undefined || queueDir === undefined) {
    const missing = sendDir === undefined ? paths.sendDir : paths.queueDir;
    findings.fault("files.missing", `there is no "${missing}"`, "run install.sh, which makes it");
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
      `"${paths.queueDir}" has the group of send: the hook could read the configuration, with all its secrets`,
      "run install.sh",
    );
  }
  if (send.uid === queueIds.uid) {
    findings.fault(
      "files.shared-user",
      "queue and send have the same user: a send that is taken over could stop logins",
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
    // Watched by the path unit, so that it is there from the beginning.
    { path: paths.spoolDir, kind: "directory", mode: 0o2750, ...queue },
    { path: paths.sendDir, kind: "directory", mode: 0o700, ...send, owner: sendOwner },
    // Without these, no run of send gets anywhere.
    ...[paths.sendLock, paths.deliveriesDatabase].map((path): Expected => (
      { path, kind: "file", missing: "fine", ...send, owner: sendOwner }
    )),
    ...["", "-wal"].map((suffix): Expected => (
      { path: `${paths.queueDatabase}${suffix}`, kind: "file", mode: 0o640, missing: "fine", ...queue }
    )),
    // Who can open it can lock it, and so hold up every login.
    { path: `${paths.queueDatabase}-shm`, kind: "file", mode: 0o600, missing: "fine", ...queue },
    // Without these, the rest works.
    { path: paths.runSpoolDir, kind: "directory", mode: 0o2750, missing: "warning", ...queue },
    { path: paths.unrecordedFile, kind: "file", mode: 0o640, missing: "warning", ...rootOfQueue },
  ];
  const before = findings.hasFault("files");
  for (const file of expected) inspectFile(file, look(file.path), findings);
  if (!before && !findings.hasFault("files")) {
    findings.pass("files.modes", "owners and modes are as install.sh sets them");
  }
}

function inspectFile(expected: Expected, info: Deno.FileInfo | undefined, findings: Findings): void {
  const { path, kind, uid, gid, owner } = expected;
  const mode = octal(expected.mode ?? 0o600);
  if (info === undefined) {
    if (expected.missing === "fine") return;
    if (expected.missing === undefined) {
      findings.fault("files.missing", `there is no "${path}"`, "run install.sh, which makes it");
    } else {
      findings.warning(
        "files.run-missing",
        `there is no "${path}", which keeps logins that the disk or the hook can't`,
        "run install.sh, which makes it, and see that systemd-tmpfiles or cron does so at each boot",
      );
    }
    return;
  }
  const isKind = kind === "file" ? info.isFile : info.isDirectory;
  if (!isKind) {
    findings.fault(
      "files.wrong-kind",
      `"${path}" is not a ${kind}`,
      "see who put it there, remove it, and run install.sh",
    );
    return;
  }
  if (info.uid !== uid || info.gid !== gid) {
    findings.fault(
      "files.wrong-owner",
      `"${path}" belongs to ${info.uid}:${info.gid} in place of ${owner}`,
      `chown ${owner} ${path} && chmod ${mode} ${path}`,
    );
  } else {
    const found = (info.mode ?? 0) & 0o7777;
    const isRight = expected.mode === undefined ? (found & 0o600) === 0o600 : found === expected.mode;
    if (isRight) return;
    findings.fault(
      "files.wrong-mode",
      `"${path}" has the mode ${octal(found)} in place of ${mode}`,
      `chmod ${mode} ${path}`,
    );
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Whether the hook can pass through the folder of all state. As it, this process is in no group of that by now. */
export function inspectPassage({ queueDir }: StatePaths, look: Look, findings: Findings): void {
  try {
    look(queueDir);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    findings.fault(
      "files.state-closed",
      `the hook can't reach "${queueDir}": "${STATE_DIR}" is closed to it`,
      `chmod 0751 ${STATE_DIR}`,
    );
  }
}

/** What setgid has done for this very process, which alone shows a `nosuid` mount. */
export interface SetgidEffect {
  /** The program that runs. */
  readonly program: string;
  readonly realGid: number;
  readonly effectiveGid: number;
}

/** Whether the setgid bit of the binary has its effect: without it, the loader does what a user's LD_PRELOAD says. */
export function inspectSetgid({ program, realGid, effectiveGid }: SetgidEffect, look: Look, findings: Findings): void {
  const binary = look(BINARY);
  if (binary === undefined || ((binary.mode ?? 0) & 0o2000) === 0) return; // A fault that the files show.
  if (program !== BINARY || realGid === binary.gid) {
    findings.warning(
      "binary.setgid-unknown",
      "whether its setgid bit has an effect can't be seen from here",
      `run ${BINARY} check as root`,
    );
  } else if (effectiveGid === binary.gid) {
    findings.pass("binary.setgid", "the loader ignores a user's LD_PRELOAD and the like");
  } else {
    findings.fault(
      "binary.setgid",
      `the setgid bit of "${BINARY}" has no effect: a user's LD_PRELOAD can run as root in the hook`,
      "mount its file system without nosuid",
    );
  }
}
