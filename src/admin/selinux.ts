// Whether SELinux lets the login programs record sessions. The kernel's own answer, below /sys, is out of reach for a
// sandboxed program, so this reads what the next boot takes: the mode, and the labels of the policy that is built.

import type { Findings } from "./finding.ts";

const AREA = "selinux";
const CONFIG = "/etc/selinux/config";

/**
 * Inspects SELinux. Says nothing where it does not enforce: logins are recorded there.
 *
 * @param read gives the text of a file; undefined where it does not exist
 */
export function inspectSelinux(read: (path: string) => string | undefined, findings: Findings): void {
  const config = read(CONFIG) ?? "";
  // As libselinux reads it: the last line counts, its case does not.
  const setting = (name: string) =>
    config.matchAll(new RegExp(`^[ \\t]*${name}=[ \\t]*(\\S+)`, "gim")).toArray().at(-1)?.[1];
  if (setting("SELINUX")?.toLowerCase() !== "enforcing") return;
  const type = setting("SELINUXTYPE") ?? "targeted";
  const contexts = `/etc/selinux/${type}/contexts/files/file_contexts`;
  if (!/^[a-z0-9_-]+$/i.test(type)) {
    return findings.fault(
      AREA,
      `${CONFIG} names a policy "${type}" that cannot exist`,
      `correct SELINUXTYPE in ${CONFIG}`,
    );
  }
  if (read(contexts)?.includes(":ssh_session_queue_t:")) {
    findings.pass(AREA, `the policy "${type}" has the module that lets login programs record sessions`);
  } else {
    findings.fault(
      AREA,
      `SELinux enforces the policy "${type}", which does not let login programs record sessions: the module is missing`,
      "run install.sh again",
    );
  }
}
