// The allowlist: which logins and logouts are recorded but not notified. Pure.
// A rule matches only if all its conditions hold. A condition on an unknown value does not hold.

import { type Address, contains, type Network } from "./address.ts";

/** One rule. An absent condition is not checked; a condition holds if any one of its values matches. */
export interface AllowRule {
  /** Its key path: `allowlist.ips`, `allowlist.rules.0`. */
  readonly place: string;
  /** Why the rule exists, for display. */
  readonly reason: string;
  readonly users?: readonly string[] | undefined;
  readonly networks?: readonly Network[] | undefined;
  readonly keyFingerprints?: readonly string[] | undefined;
  readonly services?: readonly string[] | undefined;
  /** When the rule stops matching, in milliseconds since the epoch. */
  readonly expiresAtMs?: number | undefined;
}

/** The facts of a login that rules are matched against; only verified ones. */
export interface Candidate {
  readonly user: string;
  readonly service: string;
  readonly address: Address | undefined;
  /** The fingerprints of the keys that the user logged in with. */
  readonly keyFingerprints: readonly string[];
}

/** A condition, named by its configuration key. */
export type Condition = "expires_at" | "users" | "ips" | "key_fingerprints" | "services";

/**
 * The conditions of a rule that do not hold; empty if the rule matches the login.
 *
 * @param options.atMs the latest possible time of the login, in milliseconds since the epoch
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

/** Whether a rule has expired. */
export function isExpired({ expiresAtMs }: AllowRule, atMs: number): boolean {
  return expiresAtMs !== undefined && atMs >= expiresAtMs;
}

/** A rule's name for display: `allowlist.rules.0 ("backup, OPS-12")`. */
export function ruleName({ place, reason }: AllowRule): string {
  return reason === "" ? place : `${place} (${JSON.stringify(reason)})`;
}
