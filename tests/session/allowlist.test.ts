import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type Address, parseAddress, parseNetwork } from "../../src/session/address.ts";
import { type AllowRule, failingConditions, ruleName } from "../../src/session/allowlist.ts";
import { parseConfig } from "../../src/config/config.ts";
import { isFingerprint } from "../../src/session/fingerprint.ts";
import type { Login } from "../../src/session/login.ts";
import { faultsIn } from "../helpers/config_faults.ts";
import { ALICE_KEY } from "../helpers/fixtures.ts";

const KEY = ALICE_KEY.fingerprint;
const SERVICE = `[notification]\nservice = "stdout"\n`;

function rulesOf(toml: string): readonly AllowRule[] {
  return parseConfig(`${toml}\n${SERVICE}`, { hostName: () => "h" }).allowlist;
}

/** The faults, one per line: see {@link faultsIn}. */
function faultsOf(toml: string): string[] {
  return faultsIn(() => rulesOf(toml));
}

const rule = (lines: string) => `[[allowlist.rules]]\nreason = "r"\n${lines}`;

Deno.test("parseConfig() reads allowlist rules with all conditions, `ips` first", () => {
  const rules = rulesOf(`
[allowlist]
ips = ["10.0.0.2"]
[[allowlist.rules]]
reason = " backup, OPS-12 "
users = ["backup", "restore"]
ips = ["198.51.100.0/24", "::ffff:192.0.2.1"]
key_fingerprints = ["${KEY}"]
services = ["sshd"]
expires_at = 2027-01-01T13:00:00+13:00
[[allowlist.rules]]
reason = "cron"
services = ["cron"]
`);
  assert.deepEqual(rules.map(ruleName), [
    "allowlist.ips",
    'allowlist.rules.0 ("backup, OPS-12")',
    'allowlist.rules.1 ("cron")',
  ]);
  const [, backup] = rules;
  assert.deepEqual({ ...backup, networks: backup?.networks?.length }, {
    place: "allowlist.rules.0",
    reason: "backup, OPS-12",
    users: ["backup", "restore"],
    networks: 2,
    keyFingerprints: [KEY],
    services: ["sshd"],
    expiresAtMs: Date.UTC(2027, 0),
  });
});

Deno.test("parseConfig() rejects an incomplete or invalid rule and reports the fault", () => {
  const offset = /^config\.wrong-value allowlist\.rules\.0\.expires_at/;
  const form = "config.wrong-value allowlist.rules.0.key_fingerprints.0 43";
  const table: [toml: string, fault: string | RegExp][] = [
    [
      rule(""),
      "config.wrong-value allowlist.rules.0",
    ],
    [rule("expires_at = 2027-01-01T00:00:00Z"), "config.wrong-value allowlist.rules.0"],
    [`[[allowlist.rules]]\nusers = ["a"]`, "config.missing-key allowlist.rules.0.reason"],
    [`[[allowlist.rules]]\nreason = " "\nusers = ["a"]`, "config.wrong-value allowlist.rules.0.reason"],
    [`[[allowlist.rules]]\nreason = "a\\nb"\nusers = ["a"]`, "config.wrong-value allowlist.rules.0.reason"],
    [rule("users = []"), "config.wrong-value allowlist.rules.0.users"],
    [rule("ips = []"), "config.wrong-value allowlist.rules.0.ips"],
    [rule("key_fingerprints = []"), "config.wrong-value allowlist.rules.0.key_fingerprints"],
    [rule('users = [""]'), "config.wrong-value allowlist.rules.0.users.0"],
    [rule('users = "alice"'), "config.wrong-type allowlist.rules.0.users"],
    [rule("users = [1]"), "config.wrong-type allowlist.rules.0.users.0"],
    [rule('ips = ["10.0.0.1/8"]'), /^config\.wrong-value allowlist\.rules\.0\.ips\.0 .*"10\.0\.0\.0\/8"$/],
    [rule('ips = ["10.0.0.1", "example.com"]'), /^config\.wrong-value allowlist\.rules\.0\.ips\.1 "example\.com"/],
    [rule('key_fingerprints = ["MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"]'), form],
    [rule(`key_fingerprints = ["${KEY}="]`), form],
    [rule(`key_fingerprints = ["${KEY.slice(0, -1)}"]`), form],
    [rule(`key_fingerprints = ["${KEY.slice(0, -1)}B"]`), form],
    [rule(`key_fingerprints = ["${KEY.replace("SHA256", "sha256")}"]`), form],
    [rule(`key_fingerprints = ["${ALICE_KEY.public}"]`), form],
    [rule('users = ["a"]\nexpires_at = 2027-01-01T00:00:00'), offset],
    [rule('users = ["a"]\nexpires_at = 2027-01-01'), offset],
    [rule('users = ["a"]\nexpires_at = 12:00:00'), offset],
    [rule('users = ["a"]\nexpires_at = "2027-01-01T00:00:00Z"'), offset],
    [rule('users = ["a"]\nexpires_at = 1830297600'), offset],
    [
      rule('user = ["a"]\nips = ["10.0.0.1"]'),
      'config.unknown-key allowlist.rules.0.user "users"',
    ],
    [
      rule('key_fingerprint = ["a"]\nips = ["10.0.0.1"]'),
      'config.unknown-key allowlist.rules.0.key_fingerprint "key_fingerprints"',
    ],
    [`[allowlist]\nrule = []`, 'config.unknown-key allowlist.rule "rules"'],
    [`[allowlist.rules]\nreason = "r"\nusers = ["a"]`, "config.wrong-type allowlist.rules"],
    [`[allowlist]\nrules = [1]`, "config.wrong-type allowlist.rules.0"],
    [`[allowlist]\nrules = [[]]`, "config.wrong-type allowlist.rules.0"],
    [`[allowlist]\nrules = [2026-01-01]`, "config.wrong-type allowlist.rules.0"],
  ];
  for (const [toml, expected] of table) {
    const faults = faultsOf(toml);
    assert.equal(faults.length, 1, `${toml}: ${faults.join("\n")}`);
    if (typeof expected === "string") assert.equal(faults[0], expected);
    else assert.match(faults[0] ?? "", expected, toml);
  }
});

Deno.test("parseConfig() reads key names by fingerprint and rejects other forms of keys", () => {
  const config = parseConfig(`${SERVICE}[key_names]\n"${KEY}" = " work laptop "`, { hostName: () => "h" });
  assert.deepEqual([...config.host.keyNames], [[KEY, "work laptop"]]);
  const table: [toml: string, fault: RegExp][] = [
    [`"${KEY}" = ""`, /^config\.wrong-value key_names\.SHA256:\S+$/],
    [`"${KEY}" = 1`, /^config\.wrong-value key_names\.SHA256:\S+$/],
    [`"${KEY}" = "a\\nb"`, /^config\.wrong-value key_names\.SHA256:\S+$/],
    [`"${KEY}" = "${"x".repeat(65)}"`, /^config\.wrong-value key_names\.SHA256:\S+ 64$/],
    [`"${KEY}=" = "x"`, /^config\.wrong-value key_names\.SHA256:\S+=(?: |$)/],
    [`laptop = "${KEY}"`, /^config\.wrong-value key_names\.laptop(?: |$)/],
    [`toString = "x"`, /^config\.wrong-value key_names\.toString(?: |$)/],
    [`__proto__ = "x"`, /^config\.wrong-value key_names\.__proto__(?: |$)/],
    [`constructor = "x"`, /^config\.wrong-value key_names\.constructor(?: |$)/],
  ];
  for (const [line, expected] of table) {
    const faults = faultsOf(`[key_names]\n${line}`);
    assert.equal(faults.length, 1, line);
    assert.match(faults[0] ?? "", expected, line);
  }
  assert.deepEqual(faultsOf("key_names = 1"), ["config.wrong-type key_names"]);
  assert.deepEqual(faultsOf("key_names = []"), ["config.wrong-type key_names"]);
  assert.deepEqual(faultsOf("key_name = {}"), ['config.unknown-key key_name "key_names"']);
});

Deno.test("parseConfig() accepts 0 and fractions as learning_days", () => {
  const days = (value: string) =>
    parseConfig(`${SERVICE}[unexpected]\nlearning_days = ${value}`, { hostName: () => "h" }).learningMs / 86_400_000;
  assert.deepEqual(["0", "0.5", "30"].map(days), [0, 0.5, 30]);
  assert.deepEqual(faultsOf("[unexpected]\nlearning_days = -1"), [
    "config.wrong-value unexpected.learning_days 0 365",
  ]);
  assert.deepEqual(faultsOf("[unexpected]\nlearning_day = 1"), [
    'config.unknown-key unexpected.learning_day "learning_days"',
  ]);
});

const ADDRESSES = ["203.0.113.7", "203.0.113.8", "2001:db8::1", "::ffff:203.0.113.7", "fe80::1%eth0", "fe80::1%eth1"];
const candidate = fc.record({
  user: fc.constantFrom("alice", "Alice", "bob", ""),
  service: fc.constantFrom("sshd", "login"),
  address: fc.option(fc.constantFrom(...ADDRESSES).map((text) => parseAddress(text)), { nil: undefined }),
  keyFingerprints: fc.subarray(["SHA256:a", "SHA256:b", "SHA256:c"]),
});

/** The facts that rules are matched against. */
interface Candidate {
  readonly user: string;
  readonly service: string;
  readonly address: Address | undefined;
  readonly keyFingerprints: readonly string[];
}

function loginOf({ keyFingerprints, ...facts }: Candidate): Login {
  return {
    type: "open",
    occurredAtMs: 0,
    remoteHost: "",
    tampered: [],
    durationMs: undefined,
    ...facts,
    keys: { fingerprints: keyFingerprints, hasUnreadable: false },
  };
}

function holds(overrides: Partial<AllowRule>, candidate: Candidate): boolean {
  const login = loginOf(candidate);
  return failingConditions({ place: "p", reason: "r", ...overrides }, { login, nowMs: 0 }).length === 0;
}

/** Each condition with more than one value, and whether a candidate meets it, written out instead of computed. */
const ANY_VALUE: readonly [overrides: Partial<AllowRule>, candidate: Partial<Candidate>, holds: boolean][] = [
  [{ users: ["bob", "alice"] }, { user: "alice" }, true],
  [{ users: ["bob", "alice"] }, { user: "bob" }, true],
  [{ users: ["bob", "alice"] }, { user: "Alice" }, false],
  [{ users: ["bob", "alice"] }, { user: "" }, false],
  [{ services: ["login", "sshd"] }, { service: "sshd" }, true],
  [{ services: ["login", "sshd"] }, { service: "login" }, true],
  [{ services: ["login", "sshd"] }, { service: "cron" }, false],
  [{ networks: ["2001:db8::/32", "203.0.113.7"].map(parseNetwork) }, { address: parseAddress("203.0.113.7") }, true],
  [{ networks: ["2001:db8::/32", "203.0.113.7"].map(parseNetwork) }, { address: parseAddress("2001:db8::1") }, true],
  [{ networks: ["2001:db8::/32", "203.0.113.7"].map(parseNetwork) }, { address: parseAddress("203.0.113.8") }, false],
  [{ networks: ["2001:db8::/32", "0.0.0.0/0"].map(parseNetwork) }, { address: undefined }, false],
  [{ keyFingerprints: ["SHA256:a", "SHA256:b"] }, { keyFingerprints: ["SHA256:a"] }, true],
  [{ keyFingerprints: ["SHA256:a", "SHA256:b"] }, { keyFingerprints: ["SHA256:b"] }, true],
  [{ keyFingerprints: ["SHA256:a", "SHA256:b"] }, { keyFingerprints: ["SHA256:c", "SHA256:b"] }, true],
  [{ keyFingerprints: ["SHA256:a", "SHA256:b"] }, { keyFingerprints: ["SHA256:c"] }, false],
  [{ keyFingerprints: ["SHA256:a", "SHA256:b"] }, { keyFingerprints: [] }, false],
  [{ expiresAtMs: 1 }, {}, true],
  [{ expiresAtMs: 0 }, {}, false],
  [{ expiresAtMs: -1 }, {}, false],
];

Deno.test("failingConditions() accepts any one of the values of a condition, and no other value", () => {
  const nobody: Candidate = { user: "", service: "", address: undefined, keyFingerprints: [] };
  for (const [overrides, candidate, expected] of ANY_VALUE) {
    const what = JSON.stringify([Object.keys(overrides), candidate]);
    assert.equal(holds(overrides, { ...nobody, ...candidate }), expected, what);
  }
});

Deno.test("failingConditions() requires all conditions of a rule to hold", () => {
  const conditions = fc.record({
    users: fc.constantFrom(["alice"], ["bob", "alice"]),
    networks: fc.constantFrom(["203.0.113.7"], ["2001:db8::/32", "fe80::%eth0/64"]).map((list) =>
      list.map(parseNetwork)
    ),
    keyFingerprints: fc.constantFrom(["SHA256:a"], ["SHA256:b", "SHA256:c"]),
    services: fc.constantFrom(["sshd"], ["login", "sshd"]),
    expiresAtMs: fc.constantFrom(-1, 0, 1),
  }, { requiredKeys: [] });
  fc.assert(fc.property(conditions, candidate, (conditions, candidate) => {
    const each = Object.entries(conditions).map(([key, value]) => holds({ [key]: value }, candidate));
    assert.equal(holds(conditions, candidate), each.every((one) => one));
  }));
});

Deno.test("failingConditions() returns the keys of the conditions that fail", () => {
  const rule: AllowRule = {
    place: "p",
    reason: "r",
    users: ["bob"],
    networks: [parseNetwork("198.51.100.0/24")],
    keyFingerprints: ["SHA256:b"],
    services: ["login"],
    expiresAtMs: 10,
  };
  const nobody: Candidate = { user: "alice", service: "sshd", address: undefined, keyFingerprints: ["SHA256:a"] };
  assert.deepEqual(
    failingConditions(rule, { login: loginOf(nobody), nowMs: 10 }),
    ["expires_at", "users", "ips", "key_fingerprints", "services"],
  );
  const somebody = {
    user: "bob",
    service: "login",
    address: parseAddress("::ffff:198.51.100.4"),
    keyFingerprints: ["SHA256:a", "SHA256:b"],
  };
  assert.deepEqual(failingConditions(rule, { login: loginOf(somebody), nowMs: 9 }), []);
});

Deno.test("failingConditions() treats a mapped address as IPv4, and compares the zone of a link-local address", () => {
  const from = (address: string): Candidate => ({
    user: "",
    service: "",
    address: parseAddress(address),
    keyFingerprints: [],
  });
  const within = (network: string, address: string) => holds({ networks: [parseNetwork(network)] }, from(address));
  assert.ok(within("203.0.113.0/24", "::ffff:203.0.113.7"));
  assert.ok(within("::ffff:203.0.113.7", "203.0.113.7"));
  assert.ok(within("fe80::/10", "fe80::1%eth0"));
  assert.ok(within("fe80::1%eth0", "fe80::1%eth0"));
  assert.ok(!within("fe80::1%eth0", "fe80::1%eth1"));
  assert.ok(!within("0.0.0.0/0", "2001:db8::1"));
  assert.ok(!holds({ networks: [parseNetwork("0.0.0.0/0"), parseNetwork("::/0")] }, from("client.example")));
});

Deno.test("isFingerprint() accepts every SHA-256 fingerprint, and nothing longer or shorter", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
    const text = `SHA256:${new Uint8Array(bytes).toBase64({ omitPadding: true })}`;
    assert.ok(isFingerprint(text));
    assert.ok(!isFingerprint(`${text} `) && !isFingerprint(`${text}\n`) && !isFingerprint(text.slice(1)));
  }));
});
