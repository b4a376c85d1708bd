// The versions of OpenSSH and PAM, for the text of a failed end-to-end test: their behaviour differs between releases.

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command. */
type Run = (command: readonly string[]) => Promise<Output>;

/**
 * The versions, in one line.
 *
 * @param run where they are asked for; by default on this machine
 */
export async function loginVersions(run: Run = runHere): Promise<string> {
  const script = `
    /usr/sbin/sshd -V
    dpkg-query --show --showformat='\${Package} \${Version}\\n' openssh-server libpam-modules ||
      rpm --query openssh-server pam`;
  const { stdout, stderr } = await run(["sh", "-c", script]);
  const lines = `${stderr}${stdout}`.split("\n");
  return lines.filter((line) => /^(OpenSSH_|openssh-server|libpam-modules|pam)/.test(line)).join(", ");
}

async function runHere([program = "", ...args]: readonly string[]): Promise<Output> {
  const { stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a test; an error gets the versions, see {@linkcode loginVersions}. */
export async function namingVersions(test: () => Promise<void>, run: Run = runHere): Promise<void> {
  try {
    await test();
  } catch (cause) {
    throw new Error(`failed with ${await loginVersions(run)}`, { cause });
  }
}
