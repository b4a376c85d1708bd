// Classifies errors of the operating system, as Deno and Node report them: temporary, or for an administrator to fix.

import { messageOf } from "./failure.ts";

/** Errors that persist until someone changes an owner, a mode, a mount or a name. */
const REFUSED = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EEXIST", "ENOTEMPTY"];

/** Whether an error is from the operating system. Deno sets no code on some errors, but each has its number. */
export function isSystemError(error: unknown): boolean {
  return /^E[A-Z0-9]+$/.test(systemCode(error)) || / \(os error \d+\)/.test(messageOf(error));
}

/** Whether an error is temporary: it passes without action, or once the disk has room. */
export function isPassingSystemError(error: unknown): boolean {
  return isSystemError(error) && !REFUSED.includes(systemCode(error));
}

/** The name from errno(3), such as `ENOSPC`; empty if the error has none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
