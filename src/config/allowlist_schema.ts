// The schema of `[allowlist]`, and its conversion to rules.

import { TomlDate } from "smol-toml";
import * as v from "valibot";
import { MAX_NAME_LENGTH } from "../event.ts";
import { parseNetwork } from "../session/address.ts";
import type { AllowRule } from "../session/allowlist.ts";
import { FINGERPRINT_FORM, isFingerprint } from "../session/fingerprint.ts";
import { line, table } from "./schema_parts.ts";

const network = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseNetwork(dataset.value);
    } catch (error) {
      addIssue({ message: error instanceof SyntaxError ? error.message : "is not an address" });
      return NEVER;
    }
  }),
);

/** Shorter than the length to which an event's names are cut, so that a cut name cannot match. */
export const name = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(MAX_NAME_LENGTH - 1, `must have at most ${MAX_NAME_LENGTH - 1} characters`),
);

const fingerprint = v.pipe(v.string(), v.check(isFingerprint, `must be ${FINGERPRINT_FORM}`));

// A local time is ambiguous: it could be in the machine's time zone or in the one of [host].
const instant = v.pipe(
  v.unknown(),
  v.check(
    (value) => value instanceof TomlDate && value.isDateTime() && !value.isLocal() && !Number.isNaN(value.getTime()),
    "must be a date and time with an offset, without quotes: 2027-01-01T00:00:00Z or 2027-01-01T00:00:00+13:00",
  ),
  v.transform((value) => value instanceof Date ? value.getTime() : NaN),
);

/** A list that must not be empty: an empty one could never match. */
function list<Item extends v.GenericSchema>(item: Item) {
  return v.optional(v.pipe(v.array(item), v.minLength(1, "must not be empty; to match any value, remove this key")));
}

/** The keys of a rule. ssh-session-notifier.toml(5) shows the descriptions. */
export const RULE = {
  reason: v.pipe(line(200), v.description("why the rule exists; shown by `explain` and in the verbose log")),
  users: v.pipe(list(name), v.description("account names, matched exactly")),
  ips: v.pipe(list(network), v.description("client addresses and networks, IPv4 and IPv6")),
  key_fingerprints: v.pipe(
    list(fingerprint),
    v.description("fingerprints of the SSH keys used to log in, as shown by `ssh-keygen -lf`"),
  ),
  services: v.pipe(list(name), v.description('PAM services, such as `"sshd"`')),
  expires_at: v.pipe(
    v.optional(instant),
    v.description(
      "when the rule stops matching and `check` starts to warn; a date and time with an offset: `2027-01-01T00:00:00Z`",
    ),
  ),
};

const rule = v.pipe(
  table(RULE),
  v.check(
    ({ users, ips, key_fingerprints, services }) =>
      [users, ips, key_fingerprints, services].some((condition) => condition !== undefined),
    "has no condition and would match every login; add users, ips, key_fingerprints or services",
  ),
);

/** The keys of the section that a shared file has too. */
export const ALLOW_KEYS = {
  ips: v.pipe(
    v.optional(v.array(network), []),
    v.description("addresses and networks, IPv4 and IPv6, whose logins and logouts are recorded but not notified"),
  ),
  rules: v.optional(v.array(rule), []),
};

/** More than anyone needs: one for each of the groups to which a host belongs. */
const MAX_FILES = 16;

/** The keys of the section. */
export const ALLOWLIST = {
  ...ALLOW_KEYS,
  files: v.pipe(
    v.optional(v.pipe(v.array(v.string()), v.maxLength(MAX_FILES, `must have at most ${MAX_FILES} paths`)), []),
    v.description(
      "files with more addresses and rules, for example the same on many hosts; paths below the directory of this file",
    ),
  ),
};

/**
 * Converts the keys to rules, in the order in which they are tried; `ips` becomes the first rule.
 *
 * @param options.section what the names of the rules begin with
 */
export function allowRules(
  { ips, rules }: { ips: v.InferOutput<typeof ALLOW_KEYS.ips>; rules: v.InferOutput<typeof ALLOW_KEYS.rules> },
  { section }: { readonly section: string } = { section: "allowlist." },
): AllowRule[] {
  return [
    ...(ips.length === 0 ? [] : [{ place: `${section}ips`, reason: "", networks: ips }]),
    ...rules.map(({ ips: networks, key_fingerprints: keyFingerprints, expires_at: expiresAtMs, ...same }, index) => ({
      place: `${section}rules.${index}`,
      networks,
      keyFingerprints,
      expiresAtMs,
      ...same,
    })),
  ];
}
