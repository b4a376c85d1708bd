// The session event: the immutable record that the hook writes and that everything else uses. Imports nothing.

/** Whether pam_exec reports that a session opened or closed. */
export type SessionEventType = "open" | "close";

/** One SSH session opening or closing. Texts are cut to a maximum length, but otherwise raw and untrusted. */
export interface SessionEvent {
  /** Unique, permanent ID, used to drop duplicates. */
  readonly uuid: string;
  /** When the hook ran, in milliseconds since the epoch. */
  readonly occurredAtMs: number;
  /** Uptime of the host in whole seconds, a clock that nobody can set. Older hooks did not record it. */
  readonly uptimeSeconds?: number;
  readonly type: SessionEventType;
  /** `PAM_USER`: the account logged in to. */
  readonly user: string;
  /** `PAM_RHOST`: the client's address, or its name with `UseDNS yes`; empty for a console. */
  readonly remoteHost: string;
  /** `PAM_TTY`: always `ssh` with sshd. */
  readonly terminal: string;
  /** `PAM_SERVICE`: the name of the PAM service, `sshd`. */
  readonly service: string;
  /** `SSH_CONNECTION`: client address, client port, server address and server port, separated by spaces. */
  readonly connection: string;
  /** `SSH_AUTH_INFO_0`: one completed authentication method per line. */
  readonly authInfo: string;
  /** The process that ran the hook. sshd opens and closes a session from the same process. */
  readonly parentPid: number;
  /** Variables set by someone other than pam_exec; empty for a genuine event. */
  readonly tampered: readonly string[];
}

/** Maximum length of a user, host or other name in an event, in UTF-16 code units. */
export const MAX_NAME_LENGTH = 256;

/** Maximum lengths of the authentication info and of one line of it, which any key fits into: see session/auth_key.ts. */
export const MAX_AUTH_INFO_LENGTH = 12 * 1024;
const MAX_AUTH_LINE_LENGTH = 8 * 1024;

/** Cuts a text to a length in UTF-16 code units, and marks the cut with `…`. Never splits a surrogate pair. */
export function cap(text: string, maxLength = MAX_NAME_LENGTH): string {
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${cut.replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/**
 * Cuts authentication info that is too long. Cuts each line first, so that a long line does not displace the next. sshd
 * writes only ASCII; all else but the mark of a cut becomes `?`, because JSON writes a control character as six bytes.
 */
export function capAuthInfo(authInfo: string): string {
  const lines = authInfo.replace(/[^\n\x20-\x7e\u2026]/g, "?").split("\n");
  return cap(lines.map((line) => cap(line, MAX_AUTH_LINE_LENGTH)).join("\n"), MAX_AUTH_INFO_LENGTH);
}
