// The entry point. `queue` starts as root at every login, so it is handled here and loads nothing that it does not
// need; so does `send`, which starts every minute, if nothing is to be done. command.ts runs everything else.
// The hook is imported statically: as a file of its own in the binary, it would cost each login 0.2 ms more.

import { queue } from "./hook/queue.ts";

/**
 * Permissions of the binary that the hook revokes first. Repeats deno.json, because reading that file would be the slowest
 * step of each login; a test compares the two lists.
 */
export const NOT_FOR_QUEUE = {
  net: true,
  run: true,
  // deno-fmt-ignore: a line for each would hide the code; splitting one text takes 0.1 ms.
  read: [
    "/etc/ssh-session-notifier", "/usr/share/GeoIP", "/var/lib/GeoIP", "/var/lib/ssh-session-notifier/send",
    "/run/ssh-session-notifier/unrecorded", "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/pam.d", "/usr/lib/pam.d", "/etc/security", "/etc/selinux", "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d", "/usr/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config.d",
    "/etc/crypto-policies/back-ends", "/usr/share/crypto-policies", "/etc/passwd", "/etc/group",
    "/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system", "/etc/cron.d", "/usr/sbin",
  ],
  write: ["/var/lib/ssh-session-notifier/send"],
  sys: ["hostname", "getegid", "statfs"],
};

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const queueOptions = name === "queue" ? parseQueueArguments(rest) : undefined;
  if (queueOptions !== undefined) {
    giveUp(NOT_FOR_QUEUE);
    return await queue(queueOptions);
  }
  if (name === "send") {
    const { runIdle } = await import("./send/idle.ts");
    const exitCode = runIdle(rest);
    if (exitCode !== undefined) return exitCode;
  }
  const { command } = await import("./command.ts");
  return command(args);
}

/** Permanently reduces the permissions to the set `queue` in deno.json. */
function giveUp({ read, write, sys }: typeof NOT_FOR_QUEUE): void {
  const { permissions } = Deno;
  permissions.revokeSync({ name: "net" });
  permissions.revokeSync({ name: "run" });
  for (const path of read) permissions.revokeSync({ name: "read", path });
  for (const path of write) permissions.revokeSync({ name: "write", path });
  for (const kind of sys) permissions.revokeSync({ name: "sys", kind } as Deno.SysPermissionDescriptor);
}

/** Parses the arguments of the hook; undefined if they are not valid, which command_line.ts reports. */
function parseQueueArguments(args: readonly string[]): { stateDir?: string } | undefined {
  const [flag, stateDir] = args;
  if (args.length === 0) return {};
  return flag === "--state-dir" && stateDir !== undefined && args.length === 2 ? { stateDir } : undefined;
}
