// Revokes the Deno permissions that a command does not need, before its module is loaded.
// deno.json has a permission set for each command, and `binary`, their union, with which the binary is compiled.

import config from "../deno.json" with { type: "json" };

const SETS: Readonly<Record<string, PermissionSet>> = config.permissions;

/** A permission set of deno.json: for each kind, `true` for everything, or a list. */
export type PermissionSet =
  & { readonly [kind in "env" | "net"]?: boolean }
  & { readonly [kind in "read" | "write" | "sys" | "run"]?: readonly string[] };

/** A command that has its own permission set. */
export type SandboxedCommand = Exclude<keyof typeof config.permissions, "binary">;

/**
 * Determines which permissions to revoke.
 *
 * @param from what the process has
 * @param to what it keeps
 * @returns one descriptor for each kind, path or name that is in `from` but not in `to`
 */
export function permissionsToRevoke(from: PermissionSet, to: PermissionSet): Deno.PermissionDescriptor[] {
  const revoked: Deno.PermissionDescriptor[] = [];
  for (const name of ["env", "net"] as const) {
    if (from[name] && !to[name]) revoked.push({ name });
  }
  for (const name of ["read", "write"] as const) {
    for (const path of lacking(from[name], to[name])) revoked.push({ name, path });
  }
  for (const kind of lacking(from.sys, to.sys)) {
    revoked.push({ name: "sys", kind } as Deno.SysPermissionDescriptor);
  }
  for (const command of lacking(from.run, to.run)) revoked.push({ name: "run", command });
  return revoked;
}

/**
 * Permanently reduces the permissions of this process to those of one command. They cannot be requested again, because
 * the binary is compiled with `--no-prompt`.
 */
export function enterSandbox(command: SandboxedCommand): void {
  const { binary = {}, [command]: own = {} } = SETS;
  for (const descriptor of permissionsToRevoke(binary, own)) Deno.permissions.revokeSync(descriptor);
}

/** Whether a command has its own permission set. */
export function hasSandbox(command: string | undefined): command is SandboxedCommand {
  return command !== undefined && command !== "binary" && Object.hasOwn(SETS, command);
}

/** Whether a command may start this program again: see admin/without_groups.ts. */
export function mayRunItself(command: string | undefined): boolean {
  return hasSandbox(command) && SETS[command]?.run !== undefined;
}

function lacking(from: readonly string[] = [], to: readonly string[] = []): string[] {
  return from.filter((item) => !to.includes(item));
}
