// Checks whether SELinux lets login programs record sessions. The sandbox does not allow reading the kernel's state in
// /sys, so this reads the configuration for the next boot and runs two SELinux tools.

import { BINARY, statePaths } from "../../paths.ts";
import { plural } from "../../text.ts";
import { RUN_DIR, STATE_DIR } from "../../queue_paths.ts";
import type { Findings } from "./finding.ts";

const CONFIG = "/etc/selinux/config";
const RESTORECON = "/usr/sbin/restorecon";

/** What a login program executes and writes. Fixed names: root walks no directory that other users fill. */
const LABELLED = labelled();

/** The result of a program that has ended. */
export interface ToolResult {
  readonly code: number;
  readonly stdout: string;
}

/** Access to the host; a parameter for the tests. */
export interface SelinuxHost {
  /** The text of a file; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** Runs a program that must not change anything; undefined if it is not installed. */
  readonly run: (program: string, args: readonly string[]) => ToolResult | undefined;
}

/** Checks SELinux. Reports nothing if it enforces neither now nor at the next boot, because it blocks nothing then. */
export function inspectSelinux({ read, run }: SelinuxHost, findings: Findings): void {
  const config = read(CONFIG) ?? "";
  // Like libselinux: the last line counts, and case is ignored.
  const setting = (name: string) =>
    config.matchAll(new RegExp(`^[ \\t]*${name}=[ \\t]*(\\S+)`, "gim")).toArray().at(-1)?.[1];
  const current = run("/usr/sbin/getenforce", [])?.stdout.trim();
  if (setting("SELINUX")?.toLowerCase() !== "enforcing" && current !== "Enforcing") return;
  const type = setting("SELINUXTYPE") ?? "targeted";
  if (!/^[a-z0-9_-]+$/i.test(type)) {
    return findings.fault(
      "selinux.policy-name",
      `${CONFIG} has an invalid policy name: "${type}"`,
      `correct SELINUXTYPE in ${CONFIG}`,
    );
  }
  if (!read(`/etc/selinux/${type}/contexts/files/file_contexts`)?.includes(":ssh_session_queue_t:")) {
    return findings.fault(
      "selinux.module-missing",
      `SELinux may keep login programs from recording sessions: the policy "${type}" lacks the module`,
      "run install.sh, or reinstall the package",
    );
  }
  findings.pass("selinux.module", `the policy "${type}" has the module that lets login programs record sessions`);
  // If SELinux is disabled, restorecon checks nothing.
  if (current !== "Disabled") inspectLabels(run, findings);
}

/** Checks the labels: the module lets login programs write only to files with its own label. */
function inspectLabels(run: SelinuxHost["run"], findings: Findings): void {
  // -n: change nothing; -i: ignore missing paths, which other areas report.
  const result = run(RESTORECON, ["-i", "-n", "-v", ...LABELLED]);
  if (result === undefined || (result.code !== 0 && result.stdout === "")) {
    return findings.warning(
      "selinux.labels-unknown",
      `cannot check labels: ${RESTORECON} ${result === undefined ? "is not installed" : `exits with ${result.code}`}`,
      result === undefined ? "install policycoreutils" : `see what it says: ${RESTORECON} -n -v ${STATE_DIR}`,
    );
  }
  // Nothing else is shown, because a path can lead through a symbolic link with a hostile name.
  const wrong = result.stdout.match(/^Would relabel [\w./-]+ from [\w.:,-]+ to [\w.:,-]+$/gm) ?? [];
  const count = result.stdout.trimEnd().split("\n").length;
  if (result.stdout === "") {
    return findings.pass("selinux.labels", "the files of the hook have the labels of the policy");
  }
  findings.fault(
    "selinux.labels",
    `${plural(count, "wrong label")}, so logins may not be recorded${wrong[0] === undefined ? "" : `: ${wrong[0]}`}`,
    `restorecon ${LABELLED.join(" ")}`,
  );
}

function labelled(): string[] {
  const { queueDir, databaseDir, queueDatabase, spoolDir, runSpoolDir, unrecordedFile } = statePaths();
  const database = ["", "-wal", "-shm"].map((suffix) => `${queueDatabase}${suffix}`);
  return [BINARY, STATE_DIR, queueDir, databaseDir, ...database, spoolDir, RUN_DIR, runSpoolDir, unrecordedFile];
}
