// The allowlist: which logins and logouts are recorded but not notified. Pure.
// A rule matches only if all its conditions hold. A condition on an unknown value does not hold.

import { contains, type Network } from "./address.ts";
import type { Login } from "./login.ts";

/** One rule. An absent condition is not checked; a condition holds if any one of its values matches. */
export interface AllowRule {
  /** Its key path: `allowlist.ips`, `allowlist.rules.0`; in a shared file, its path and `rules.0`. */
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

/** A condition, named by its configuration key. */
export type Condition = "expires_at" | "users" | "ips" | "key_fingerprints" | "services";

/** The conditions of a rule that do not hold; empty if the rule matches the login. Does not check for tampering. */
export function failingConditions(
  rule: AllowRule,
  { login, nowMs }: { login: Login; nowMs: number },
): Condition[] {
  const { users, networks, keyFingerprints, services } = rule;
  const { user, service, address, keys: { fingerprints } } = login;
  const failing: Condition[] = [];
  // The later of both, so a clock that is set back does not reactivate an expired rule.
  if (isExpired(rule, Math.max(login.occurredAtMs, nowMs))) failing.push("expires_at");
  if (users !== undefined && !users.includes(user)) failing.push("users");
  if (networks !== undefined && !(address !== undefined && networks.some((network) => contains(network, address)))) {
    failing.push("ips");
  }
  if (keyFingerprints !== undefined && !keyFingerprints.some((key) => fingerprints.includes(key))) {
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
