// The versions of OpenSSH and PAM, for the text of a failed end-to-end test: their behaviour differs between releases.

/** The versions on this machine, in one line. */
export async function loginVersions(): Promise<string> {
  const script = `
    /usr/sbin/sshd -V
    dpkg-query --show --showformat='\${Package} \${Version}\\n' openssh-server libpam-modules ||
      rpm --query openssh-server pam`;
  const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const decoder = new TextDecoder();
  const lines = `${decoder.decode(stderr)}${decoder.decode(stdout)}`.split("\n");
  return lines.filter((line) => /^(OpenSSH_|openssh-server|libpam-modules|pam)/.test(line)).join(", ");
}

/** Runs a test; an error gets the versions. */
export async function namingVersions(test: () => Promise<void>): Promise<void> {
  try {
    await test();
  } catch (cause) {
    throw new Error(`failed with ${await loginVersions()}`, { cause });
  }
}
