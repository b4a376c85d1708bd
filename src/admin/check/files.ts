// Compares the owners and modes of the installed files with the manifest. Identifies the two system users by what they
// own, not by name.

import { BINARY, RUN_DIR, STATE_DIR, type StatePaths } from "../../paths.ts";
import type { Findings } from "./finding.ts";
import { type Entry, MANIFEST, QUEUE_USER, SEND_USER } from "./manifest.ts";

/** Looks up a file without following links; undefined if it does not exist. */
export type Look = (path: string) => Deno.FileInfo | undefined;

/** The sandbox lets no command look at these, because most of what the first two contain is not for every command. */
const UNSEEN = [STATE_DIR, RUN_DIR, `${STATE_DIR}/root`];

/** Flags of files that a complete installation may lack; scheduler.ts judges those of systemd and cron. */
const MAY_BE_MISSING = ["state", "systemd", "cron"];

/** Checks all files, and reports the findings. */
export function inspectFiles(paths: StatePaths, look: Look, findings: Findings): void {
  const sendDir = look(paths.sendDir);
  const queueDir = look(paths.queueDir);
  if (sendDir === undefined || queueDir === undefined) {
    const missing = sendDir === undefined ? paths.sendDir : paths.queueDir;
    findings.fault("files.missing", `"${missing}" does not exist`, "run install.sh, or reinstall the package");
    return;
  }
  // Reinstalling a package does not change the owner of a directory.
  const own = `chown ${QUEUE_USER}: ${paths.queueDir} && chown ${SEND_USER}: ${paths.sendDir}`;
  const send = { uid: sendDir.uid ?? 0, gid: sendDir.gid ?? 0 };
  const queue = { uid: queueDir.uid ?? 0, gid: queueDir.gid ?? 0 };
  if ([...Object.values(send), ...Object.values(queue)].includes(0)) {
    findings.fault(
      "files.root-owned",
      `"${paths.queueDir}" or "${paths.sendDir}" belongs to root`,
      own,
    );
    return;
  }
  if (send.gid === queue.gid) {
    findings.fault(
      "files.shared-group",
      `"${paths.queueDir}" has the group of send, so the hook could read the configuration and its secrets`,
      own,
    );
  }
  if (send.uid === queue.uid) {
    findings.fault(
      "files.shared-user",
      "queue and send have the same user, so an attacker who controls send could block logins",
      own,
    );
  }
  const before = findings.hasFault("files");
  const ids: Ids = { root: { uid: 0, gid: 0 }, [QUEUE_USER]: queue, [SEND_USER]: send };
  for (const entry of MANIFEST) {
    if (entry.flags.includes("optional") || UNSEEN.includes(entry.path)) continue;
    inspectFile(entry, { ids, info: look(entry.path) }, findings);
  }
  if (!before && !findings.hasFault("files")) {
    findings.pass("files.modes", "all files have the owners and modes that they were installed with");
  }
}

/** The ids of the manifest's users and groups. */
type Ids = Readonly<Record<string, { readonly uid: number; readonly gid: number }>>;

function inspectFile(
  entry: Entry,
  { ids, info }: { readonly ids: Ids; readonly info: Deno.FileInfo | undefined },
  findings: Findings,
): void {
  const { path, kind } = entry;
  const owner = `${entry.owner}:${entry.group}`;
  const mode = octal(entry.mode ?? 0o600);
  const found = (info?.mode ?? 0) & 0o7777;
  if (info === undefined) inspectMissing(entry, findings);
  else if (!(kind === "file" ? info.isFile : info.isDirectory)) {
    const hint = "find out who created it, remove it, and run install.sh, or reinstall the package";
    findings.fault("files.wrong-kind", `"${path}" is not a ${kind}`, hint);
  } else if (info.uid !== ids[entry.owner]?.uid || info.gid !== ids[entry.group]?.gid) {
    findings.fault(
      "files.wrong-owner",
      `"${path}" belongs to ${info.uid}:${info.gid} instead of ${owner}`,
      `chown ${owner} ${path} && chmod ${mode} ${path}`,
    );
  } else if (entry.mode === undefined ? (found & 0o600) !== 0o600 : found !== entry.mode) {
    const message = `"${path}" has mode ${octal(found)} instead of ${mode}`;
    findings.fault("files.wrong-mode", message, `chmod ${mode} ${path}`);
  }
}

function inspectMissing({ path, flags }: Entry, findings: Findings): void {
  if (flags.includes("boot")) {
    // Everything else works without these.
    findings.warning(
      "files.run-missing",
      `"${path}" does not exist: a login is lost if the disk is full or the hook cannot start`,
      "run install.sh, or reinstall the package; systemd-tmpfiles or cron must create it at each boot",
    );
  } else if (!flags.some((flag) => MAY_BE_MISSING.includes(flag))) {
    findings.fault("files.missing", `"${path}" does not exist`, "run install.sh, or reinstall the package");
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
