// Whether SELinux lets the login programs record sessions. The kernel's own answer, below /sys, is out of reach for a
// sandboxed program, so this reads what the next boot takes, and asks two tools of SELinux about the rest.

import { BINARY, CONFIG_FILE, RUN_DIR, STATE_DIR } from "../paths.ts";
import { plural } from "../plural.ts";
import type { Findings } from "./finding.ts";

const CONFIG = "/etc/selinux/config";
const RESTORECON = "/usr/sbin/restorecon";
const LABELLED = [BINARY, CONFIG_FILE.replace(/\/[^/]+$/, ""), STATE_DIR, RUN_DIR];

/** Where to look; a parameter, for the tests. */
export interface SelinuxHost {
  /** The text of a file; undefined where it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** What a program prints, without permission to change anything; undefined where it is missing or fails. */
  readonly run: (program: string, args: readonly string[]) => string | undefined;
}

/** Inspects SELinux. Says nothing where it enforces neither now nor at the next boot: logins are recorded there. */
export function inspectSelinux({ read, run }: SelinuxHost, findings: Findings): void {
  const config = read(CONFIG) ?? "";
  // As libselinux reads it: the last line counts, its case does not.
  const setting = (name: string) =>
    config.matchAll(new RegExp(`^[ \\t]*${name}=[ \\t]*(\\S+)`, "gim")).toArray().at(-1)?.[1];
  const current = run("/usr/sbin/getenforce", [])?.trim();
  if (setting("SELINUX")?.toLowerCase() !== "enforcing" && current !== "Enforcing") return;
  const type = setting("SELINUXTYPE") ?? "targeted";
  if (!/^[a-z0-9_-]+$/i.test(type)) {
    return findings.fault(
      "selinux.policy-name",
      `${CONFIG} names a policy "${type}" that cannot exist`,
      `correct SELINUXTYPE in ${CONFIG}`,
    );
  }
  if (!read(`/etc/selinux/${type}/contexts/files/file_contexts`)?.includes(":ssh_session_queue_t:")) {
    return findings.fault(
      "selinux.module-missing",
      `SELinux enforces the policy "${type}", which does not let login programs record sessions: the module is missing`,
      "run install.sh again",
    );
  }
  findings.pass("selinux.module", `the policy "${type}" has the module that lets login programs record sessions`);
  // Else restorecon looks at nothing.
  if (current !== "Disabled") inspectLabels(run, findings);
}

/** Whether a relabelling would change anything: a login program may write no file that has another label. */
function inspectLabels(run: SelinuxHost["run"], findings: Findings): void {
  // -n: changes nothing; -i: a path may be missing, which other areas report.
  const output = run(RESTORECON, ["-i", "-R", "-n", "-v", ...LABELLED]);
  if (output === undefined) {
    return findings.warning(
      "selinux.labels-unknown",
      `${RESTORECON} does not run, so that the labels of the files are not known`,
      "install policycoreutils",
    );
  }
  const wrong = output.split("\n").filter((line) => line !== "");
  if (wrong.length === 0) return findings.pass("selinux.labels", "each file has the label that the policy wants");
  findings.fault(
    "selinux.labels",
    `${plural(wrong.length, "wrong label")}, so that logins may not be recorded: ${wrong[0]}`,
    `restorecon -R ${LABELLED.join(" ")}`,
  );
}
