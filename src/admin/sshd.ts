// Looks at sshd's own configuration: without PAM there is no hook.

import type { Findings } from "./finding.ts";

/**
 * Looks at what sshd is told of PAM. The first value counts; without any, OpenSSH uses no PAM (sshd_config(5)).
 *
 * @param text sshd's configuration: the files of `sshd_config.d`, then `sshd_config`
 */
export function inspectSshd(text: string, findings: Findings): void {
  const usePam = /^[ \t]*UsePAM[ \t=]+"?(\w+)/im.exec(text)?.[1]?.toLowerCase();
  const service = /^[ \t]*PAMServiceName[ \t=]+"?([^\s"]+)/im.exec(text)?.[1];
  if (usePam !== "yes") {
    findings.fault(
      "sshd",
      `sshd_config has ${usePam === undefined ? "no UsePAM" : `"UsePAM ${usePam}"`}: the hook never runs`,
      'set "UsePAM yes" and reload sshd',
    );
  } else if (service !== undefined && service !== "sshd") {
    findings.fault(
      "sshd",
      `sshd_config has "PAMServiceName ${service}": sshd does not use /etc/pam.d/sshd`,
      `put the lines of /etc/pam.d/sshd that include ssh-session-notifier into /etc/pam.d/${service}`,
    );
  } else findings.pass("sshd", "sshd uses PAM");
}
