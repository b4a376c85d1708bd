// What is known about earlier logins. Pure; store/seen.ts looks it up.

/** The parts of a login that may have been seen before. */
export interface SeenLogin {
  readonly user: string;
  /** In its canonical form; empty if unknown. */
  readonly address: string;
  /** Used if the address is unknown; empty for a login on the machine itself. */
  readonly remoteHost: string;
  /** Of all keys used, sorted and separated by spaces; empty if no key was used. */
  readonly keyFingerprint: string;
}

/** What is known about a login. */
export interface Known {
  /** Whether the user has logged in before. */
  readonly user: boolean;
  /** Whether the user has logged in from there. */
  readonly place: boolean;
  /** Whether the user has logged in with the same keys; true if no key was used. */
  readonly key: boolean;
  /** Time of the first event of this host, in milliseconds since the epoch; undefined before the first event. */
  readonly firstEventAtMs: number | undefined;
}

/** The value for an unknown user on a host without events. */
export const NOTHING_KNOWN: Known = { user: false, place: false, key: false, firstEventAtMs: undefined };
