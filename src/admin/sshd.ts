// Looks at sshd's own configuration: without PAM there is no hook.

import type { Findings } from "./finding.ts";
import { parseSshdConfig, type SshdFiles } from "./sshd_config.ts";

/** The main file; openSUSE has its default below /usr, for when the administrator has none. */
const MAIN_FILES = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/** Checks what sshd's configuration says about PAM. Without UsePAM, OpenSSH does not use it (sshd_config(5)). */
export function inspectSshd(files: SshdFiles, findings: Findings): void {
  const path = MAIN_FILES.find((path) => files.match(path)?.length);
  if (path === undefined) {
    findings.fault(
      "sshd.config-missing",
      `there is no ${MAIN_FILES[0]}: sshd is not set up`,
      "install and configure the OpenSSH server",
    );
    return;
  }
  const { usePam, services, unread } = parseSshdConfig(files.read(path) ?? "", files);
  for (const pattern of unread) {
    findings.warning(
      "sshd.include-unread",
      `sshd includes ${pattern}, which check may not read: a "UsePAM no" there would win`,
      "see that sshd -T | grep -i usepam prints yes",
    );
  }
  if (usePam === undefined && unread.length > 0) return;
  if (usePam !== "yes") {
    findings.fault(
      "sshd.use-pam",
      `${path} has ${usePam === undefined ? "no UsePAM" : `"UsePAM ${usePam}"`}: the hook never runs`,
      'set "UsePAM yes" and reload sshd',
    );
    return;
  }
  const others = services.filter((service) => service !== "sshd");
  for (const service of others) {
    findings.fault(
      "sshd.pam-service",
      `${path} has "PAMServiceName ${service}": sshd does not use /etc/pam.d/sshd`,
      `put the lines of ssh-session-notifier in /etc/pam.d/sshd into /etc/pam.d/${service} too`,
    );
  }
  if (others.length === 0) findings.pass("sshd.use-pam", "sshd uses PAM");
}
