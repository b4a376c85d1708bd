// Revokes the Deno permissions that a command does not need, before its module is loaded.
// deno.json has a permission set for each command, and `binary`, their union, with which the binary is compiled.

import config from "../deno.json" with { type: "json" };

/** A permission set of deno.json: for each kind, `true` for everything, or a list. */
export type PermissionSet =
  & { readonly [kind in "env" | "net"]?: boolean }
  & { readonly [kind in "read" | "write" | "sys" | "run"]?: readonly string[] };

const { binary = {}, ...commands }: Readonly<Record<string, PermissionSet>> = config.permissions;

/**
 * Determines which permissions to revoke.
 *
 * @param from what the process has
 * @param to what it keeps
 * @returns one descriptor for each path or name that is in `from` but not in `to`, or for all of `env`, `net` or `run`
 */
export function permissionsToRevoke(from: PermissionSet, to: PermissionSet): Deno.PermissionDescriptor[] {
  const revoked: Deno.PermissionDescriptor[] = [];
  for (const name of ["env", "net", "run"] as const) {
    if (from[name] && !to[name]) revoked.push({ name });
  }
  for (const name of ["read", "write"] as const) {
    for (const path of lacking(from[name], to[name])) revoked.push({ name, path });
  }
  for (const kind of lacking(from.sys, to.sys)) {
    revoked.push({ name: "sys", kind } as Deno.SysPermissionDescriptor);
  }
  for (const command of to.run ? lacking(from.run, to.run) : []) revoked.push({ name: "run", command });
  return revoked;
}

/**
 * Permanently reduces the permissions of this process to those of one command, or of `help` if it is unknown. They cannot
 * be requested again, because the binary is compiled with `--no-prompt`.
 */
export function enterSandbox(command: string | undefined): void {
  for (const descriptor of permissionsToRevoke(binary, setOf(command))) Deno.permissions.revokeSync(descriptor);
}

/** Whether a command may start this program again: see admin/without_groups.ts. */
export function mayRunItself(command: string | undefined): boolean {
  return setOf(command).run !== undefined;
}

function setOf(command: string = "help"): PermissionSet {
  return commands[Object.hasOwn(commands, command) ? command : "help"] ?? {};
}

function lacking(from: readonly string[] = [], to: readonly string[] = []): string[] {
  return from.filter((item) => !to.includes(item));
}
