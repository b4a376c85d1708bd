// `queue` goes first and by a path of its own: it starts as root, and loads nothing that it does not need. All else is
// the work of command.ts.

/**
 * What the binary may for other commands, and the hook gives up before its code is loaded. Spelled out, since reading
 * deno.json at each login would cost more than anything else here; a test holds the two together.
 */
export const NOT_FOR_QUEUE = {
  net: true,
  read: `
    /etc/ssh-session-notifier /var/lib/ssh-session-notifier/send /run/ssh-session-notifier/unrecorded
    /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem
    /etc/pam.d /usr/lib/pam.d /etc/security /etc/selinux /etc/ssh/sshd_config /etc/ssh/sshd_config.d
    /usr/etc/ssh/sshd_config /usr/etc/ssh/sshd_config.d /etc/crypto-policies/back-ends /usr/share/crypto-policies
    /etc/passwd /etc/group /etc/systemd/system /run/systemd/system /etc/cron.d /usr/sbin/cron /usr/sbin/crond
    /usr/sbin/ssh-session-notifier`.trim().split(/\s+/),
  write: ["/var/lib/ssh-session-notifier/send"],
  sys: ["hostname", "getegid", "statfs"],
  run: ["/usr/sbin/ssh-session-notifier", "/usr/sbin/restorecon", "/usr/sbin/getenforce"],
};

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const queueOptions = name === "queue" ? parseQueueArguments(rest) : undefined;
  if (queueOptions !== undefined) {
    giveUp(NOT_FOR_QUEUE);
    const { queue } = await import("./hook/queue.ts");
    return queue(queueOptions);
  }
  const { command } = await import("./command.ts");
  return command(args);
}

/** Leaves this process with what the set `queue` of deno.json has, for good. */
function giveUp({ read, write, sys, run }: typeof NOT_FOR_QUEUE): void {
  const { permissions } = Deno;
  permissions.revokeSync({ name: "net" });
  for (const command of run) permissions.revokeSync({ name: "run", command });
  for (const path of read) permissions.revokeSync({ name: "read", path });
  for (const path of write) permissions.revokeSync({ name: "write", path });
  for (const kind of sys) permissions.revokeSync({ name: "sys", kind } as Deno.SysPermissionDescriptor);
}

/** The hook's own arguments, or undefined if the command line has something to say about them. */
function parseQueueArguments(args: readonly string[]): { stateDir?: string } | undefined {
  const [flag, stateDir] = args;
  if (args.length === 0) return {};
  return flag === "--state-dir" && stateDir !== undefined && args.length === 2 ? { stateDir } : undefined;
}
