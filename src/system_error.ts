// Errors of the operating system, as Deno and Node say them: which pass by themselves, and which are for a person.

import { messageOf } from "./failure.ts";

/** What the system refuses until a person has changed something: an owner, a mode, a mount, a name. */
const REFUSED = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EEXIST", "ENOTEMPTY"];

/** Whether the system has refused something. Deno has no code for some of its errors, but the number of each. */
export function isSystemError(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(systemCode(error)) || / \(os error \d+\)/.test(messageOf(error));
}

/** Whether it passes by itself, or with room on the disk. */
export function isPassingSystemError(error: unknown): boolean {
  return isSystemError(error) && !REFUSED.includes(systemCode(error));
}

/** The name of errno(3), `ENOSPC`; empty where there is none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
