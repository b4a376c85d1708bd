// The session event: the immutable fact that the hook records and everything else works from.
// This file imports nothing.

/** What pam_exec reports: a session opened or closed. */
export type SessionEventType = "open" | "close";

/** A fact about one SSH session, as the hook saw it. Text is as it came: capped, but otherwise raw and hostile. */
export interface SessionEvent {
  /** Names the event for ever; what is read twice is told by it. */
  readonly uuid: string;
  /** The instant at which the hook ran, in milliseconds since the epoch. */
  readonly occurredAtMs: number;
  /** How long the host had been up, in whole seconds: a clock that nobody can set. Older hooks did not record it. */
  readonly uptimeSeconds?: number;
  readonly type: SessionEventType;
  /** `PAM_USER`: the account logged in to. */
  readonly user: string;
  /** `PAM_RHOST`: the client's address, or its name under `UseDNS yes`; empty for a console. */
  readonly remoteHost: string;
  /** `PAM_TTY`: always `ssh` under sshd. */
  readonly terminal: string;
  /** `PAM_SERVICE`: the name of the PAM service, `sshd`. */
  readonly service: string;
  /** `SSH_CONNECTION`: client address, client port, server address, server port, with a space between. */
  readonly connection: string;
  /** `SSH_AUTH_INFO_0`: one completed authentication method a line. */
  readonly authInfo: string;
  /** The process that ran the hook. sshd opens and closes a session from the same one. */
  readonly parentPid: number;
  /** The variables that somebody other than pam_exec had a hand in; empty for an honest event. */
  readonly tampered: readonly string[];
}

/** The longest user, host or other name that an event keeps, in UTF-16 code units. */
export const MAX_NAME_LENGTH = 256;

/** The longest authentication info that an event keeps, in UTF-16 code units. */
export const MAX_AUTH_INFO_LENGTH = 16 * 1024;

/**
 * Cuts a text that is too long, and marks the cut with `…`. Never halves a surrogate pair.
 *
 * @param text any text
 * @param maxLength the longest result, in UTF-16 code units
 */
export function cap(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${cut.replace(/[\uD800-\uDBFF]$/, "")}…`;
}
