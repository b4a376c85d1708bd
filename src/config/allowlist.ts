// The allowlist: which logins are recorded and not notified. Pure.
// The rule: a condition that can't be told does not hold, and all conditions of a rule must hold.

import { type Address, contains, type Network } from "./address.ts";

/** One rule. A condition that is absent asks nothing; one that is there holds by any one of its values. */
export interface AllowRule {
  /** Where it stands: `allowlist.ips`, `allowlist.rules.0`. */
  readonly place: string;
  /** Why it is there, for people. */
  readonly reason: string;
  readonly users?: readonly string[];
  readonly networks?: readonly Network[];
  readonly keyFingerprints?: readonly string[];
  readonly services?: readonly string[];
  /** From then on it allows nothing; milliseconds since the epoch. */
  readonly expiresAtMs?: number;
}

/** What a rule is held against: of a login, only what is known for sure. */
export interface Candidate {
  readonly user: string;
  readonly service: string;
  readonly address: Address | undefined;
  /** Of the keys that the user came with. */
  readonly keyFingerprints: readonly string[];
}

/** A condition, by its key in the configuration. */
export type Condition = "expires_at" | "users" | "ips" | "key_fingerprints" | "services";

/**
 * The conditions of a rule that do not hold; none if it allows the login.
 *
 * @param options.atMs the latest that it may be, since the epoch
 */
export function failingConditions(
  rule: AllowRule,
  { candidate, atMs }: { candidate: Candidate; atMs: number },
): Condition[] {
  const { users, networks, keyFingerprints, services } = rule;
  const { user, service, address, keyFingerprints: keys } = candidate;
  const failing: Condition[] = [];
  if (isExpired(rule, atMs)) failing.push("expires_at");
  if (users !== undefined && !users.includes(user)) failing.push("users");
  if (networks !== undefined && !(address !== undefined && networks.some((network) => contains(network, address)))) {
    failing.push("ips");
  }
  if (keyFingerprints !== undefined && !keyFingerprints.some((key) => keys.includes(key))) {
    failing.push("key_fingerprints");
  }
  if (services !== undefined && !services.includes(service)) failing.push("services");
  return failing;
}

/** Whether a rule allows nothing any more. */
export function isExpired({ expiresAtMs }: AllowRule, atMs: number): boolean {
  return expiresAtMs !== undefined && atMs >= expiresAtMs;
}

/** A rule, for people: `allowlist.rules.0 ("backup, OPS-12")`. */
export function ruleName({ place, reason }: AllowRule): string {
  return reason === "" ? place : `${place} (${JSON.stringify(reason)})`;
}
