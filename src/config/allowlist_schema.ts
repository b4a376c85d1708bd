// What `[allowlist]` may say, and the rules that come of it.

import { TomlDate } from "smol-toml";
import * as v from "valibot";
import { MAX_NAME_LENGTH } from "../event.ts";
import { parseNetwork } from "./address.ts";
import type { AllowRule } from "./allowlist.ts";
import { FINGERPRINT_FORM, isFingerprint } from "./fingerprint.ts";
import { line, table } from "./schema_parts.ts";

const network = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseNetwork(dataset.value);
    } catch (error) {
      addIssue({ message: error instanceof SyntaxError ? error.message : "is no address" });
      return NEVER;
    }
  }),
);

/** Shorter than what an event may have been cut to, so that no cut name can match. */
const name = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(MAX_NAME_LENGTH - 1, `must have at most ${MAX_NAME_LENGTH - 1} characters`),
);

const fingerprint = v.pipe(v.string(), v.check(isFingerprint, `must be ${FINGERPRINT_FORM}`));

// A local time would need a time zone to be an instant, and "the machine's" and "the one of [host]" are both likely.
const instant = v.pipe(
  v.unknown(),
  v.check(
    (value) => value instanceof TomlDate && value.isDateTime() && !value.isLocal() && !Number.isNaN(value.getTime()),
    "must be a date and time with an offset, without quotes: 2027-01-01T00:00:00Z or 2027-01-01T00:00:00+13:00",
  ),
  v.transform((value) => value instanceof Date ? value.getTime() : NaN),
);

/** An empty list would be a condition that nothing can fulfil. */
function list<Item extends v.GenericSchema>(item: Item) {
  return v.optional(v.pipe(v.array(item), v.minLength(1, "must not be empty; leave it out if any will do")));
}

/** The keys of a rule, each described for the README's table. */
export const RULE = {
  reason: v.pipe(line(200), v.description("why the rule is there; `explain` and the verbose log show it")),
  users: v.pipe(list(name), v.description("accounts, by their exact names")),
  ips: v.pipe(list(network), v.description("addresses and networks")),
  key_fingerprints: v.pipe(
    list(fingerprint),
    v.description("keys, one of which was used to log in, as `ssh-keygen -lf` shows them"),
  ),
  services: v.pipe(list(name), v.description('PAM services, such as `"sshd"`')),
  expires_at: v.pipe(
    v.optional(instant),
    v.description(
      "from then on the rule allows nothing, and `check` warns; a date and time with an offset: `2027-01-01T00:00:00Z`",
    ),
  ),
};

const rule = v.pipe(
  table(RULE),
  v.check(
    ({ users, ips, key_fingerprints, services }) =>
      [users, ips, key_fingerprints, services].some((condition) => condition !== undefined),
    "has no condition, so it would allow every login: it needs users, ips, key_fingerprints or services",
  ),
);

/** The keys of the section. */
export const ALLOWLIST = {
  ips: v.pipe(
    v.optional(v.array(network), []),
    v.description("addresses and networks whose logins and logouts are recorded, not notified; IPv4 and IPv6"),
  ),
  rules: v.optional(v.array(rule), []),
};

/** The section as rules, in the order in which they are tried: `ips` first, which is a rule too. */
export function allowRules(
  { ips, rules }: { ips: v.InferOutput<typeof ALLOWLIST.ips>; rules: v.InferOutput<typeof ALLOWLIST.rules> },
): AllowRule[] {
  return [
    ...(ips.length === 0 ? [] : [{ place: "allowlist.ips", reason: "", networks: ips }]),
    ...rules.map(({ reason, users, ips, key_fingerprints, services, expires_at }, index) => ({
      place: `allowlist.rules.${index}`,
      reason,
      ...(users === undefined ? {} : { users }),
      ...(ips === undefined ? {} : { networks: ips }),
      ...(key_fingerprints === undefined ? {} : { keyFingerprints: key_fingerprints }),
      ...(services === undefined ? {} : { services }),
      ...(expires_at === undefined ? {} : { expiresAtMs: expires_at }),
    })),
  ];
}
