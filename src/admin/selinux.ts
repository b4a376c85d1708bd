// Checks whether SELinux lets login programs record sessions. The sandbox does not allow reading the kernel's state in
// /sys, so this reads the configuration for the next boot and runs two SELinux tools.

import { BINARY, CONFIG_FILE, RUN_DIR, STATE_DIR } from "../paths.ts";
import { plural } from "../plural.ts";
import type { Findings } from "./finding.ts";

const CONFIG = "/etc/selinux/config";
const RESTORECON = "/usr/sbin/restorecon";
const LABELLED = [BINARY, CONFIG_FILE.replace(/\/[^/]+$/, ""), STATE_DIR, RUN_DIR];

/** Access to the host; a parameter for the tests. */
export interface SelinuxHost {
  /** The text of a file; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** The output of a program; undefined if the program is missing or fails. It must not change anything. */
  readonly run: (program: string, args: readonly string[]) => string | undefined;
}

/** Checks SELinux. Reports nothing if it enforces neither now nor at the next boot, because it blocks nothing then. */
export function inspectSelinux({ read, run }: SelinuxHost, findings: Findings): void {
  const config = read(CONFIG) ?? "";
  // Like libselinux: the last line counts, and case is ignored.
  const setting = (name: string) =>
    config.matchAll(new RegExp(`^[ \\t]*${name}=[ \\t]*(\\S+)`, "gim")).toArray().at(-1)?.[1];
  const current = run("/usr/sbin/getenforce", [])?.trim();
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
      "run install.sh again",
    );
  }
  findings.pass("selinux.module", `the policy "${type}" has the module that lets login programs record sessions`);
  // If SELinux is disabled, restorecon checks nothing.
  if (current !== "Disabled") inspectLabels(run, findings);
}

/** Checks the labels: the module lets login programs write only to files with its own label. */
function inspectLabels(run: SelinuxHost["run"], findings: Findings): void {
  // -n: change nothing; -i: ignore missing paths, which other areas report.
  const output = run(RESTORECON, ["-i", "-R", "-n", "-v", ...LABELLED]);
  if (output === undefined) {
    return findings.warning(
      "selinux.labels-unknown",
      `${RESTORECON} does not run, so the labels of the files are unknown`,
      "install policycoreutils",
    );
  }
  const wrong = output.split("\n").filter((line) => line !== "");
  if (wrong.length === 0) return findings.pass("selinux.labels", "all files have the labels of the policy");
  findings.fault(
    "selinux.labels",
    `${plural(wrong.length, "wrong label")}, so logins may not be recorded: ${wrong[0]}`,
    `restorecon -R ${LABELLED.join(" ")}`,
  );
}
