// What is known about earlier logins. Pure; store/seen.ts looks it up.

import type { Address } from "./address.ts";
import type { Place } from "./place.ts";

/** The parts of a login that may have been seen before. */
export interface SeenLogin {
  readonly user: string;
  /** Undefined if unknown. */
  readonly address: Address | undefined;
  /** Used if the address is unknown; empty for a login on the machine itself. */
  readonly remoteHost: string;
  /** What the place databases say about the address. */
  readonly place: Pick<Place, "asn" | "countryCode">;
  /** Of all keys used, sorted and separated by spaces; empty if no key was used. */
  readonly keyFingerprint: string;
}

/** What is known about a login. */
export interface Known {
  /** Whether the user has logged in before. */
  readonly user: boolean;
  /** Whether the user has logged in from this IPv4 address, IPv6 /64 or host name; see site.ts. */
  readonly place: boolean;
  /** Whether the user has logged in from its network. */
  readonly network: boolean;
  /** Whether the user has logged in through its operator; undefined if that of the login or of all others is unknown. */
  readonly operator: boolean | undefined;
  /** Whether the user has logged in from its country; undefined if that of the login or of all others is unknown. */
  readonly country: boolean | undefined;
  /** Whether the user has logged in with the same keys; true if no key was used. */
  readonly key: boolean;
  /** Time of the first event of this host, in milliseconds since the epoch; undefined before the first event. */
  readonly firstEventAtMs: number | undefined;
}

/** The value for an unknown user on a host without events. */
export const NOTHING_KNOWN: Known = {
  user: false,
  place: false,
  network: false,
  operator: undefined,
  country: undefined,
  key: false,
  firstEventAtMs: undefined,
};
