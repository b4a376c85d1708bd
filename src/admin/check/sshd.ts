// Checks the configuration of sshd: without PAM, the hook does not run.

import type { Findings } from "./finding.ts";
import { parseSshdConfig, type SshdFiles } from "./sshd_config.ts";

/** The main file. openSUSE has a default in /usr, which sshd uses if the one in /etc does not exist. */
const MAIN_FILES = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/** Checks whether sshd uses PAM. OpenSSH does not unless UsePAM is set (sshd_config(5)). */
export function inspectSshd(files: SshdFiles, findings: Findings): void {
  const path = MAIN_FILES.find((path) => files.match(path)?.length);
  if (path === undefined) {
    findings.fault(
      "sshd.config-missing",
      `${MAIN_FILES[0]} does not exist: sshd is not configured`,
      "install and configure the OpenSSH server",
    );
    return;
  }
  const { usePam, services, unread } = parseSshdConfig(files.read(path) ?? "", files);
  for (const pattern of unread) {
    findings.warning(
      "sshd.include-unread",
      `sshd includes ${pattern}, which check may not read: a "UsePAM no" there would take effect`,
      "make sure that this prints yes: sshd -T | grep -i usepam",
    );
  }
  if (usePam === undefined && unread.length > 0) return;
  if (usePam !== "yes") {
    findings.fault(
      "sshd.use-pam",
      `${path} has ${usePam === undefined ? "no UsePAM" : `"UsePAM ${usePam}"`}, so the hook never runs`,
      'set "UsePAM yes" and reload sshd',
    );
    return;
  }
  const others = services.filter((service) => service !== "sshd");
  for (const service of others) {
    findings.fault(
      "sshd.pam-service",
      `${path} has "PAMServiceName ${service}", so sshd does not use /etc/pam.d/sshd`,
      `copy the ssh-session-notifier lines from /etc/pam.d/sshd to /etc/pam.d/${service}`,
    );
  }
  if (others.length === 0) findings.pass("sshd.use-pam", "sshd uses PAM");
}
