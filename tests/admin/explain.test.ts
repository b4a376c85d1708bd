// `explain` predicts what `send` does with a login, and why.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { explanation, loginFor } from "../../src/admin/explain.ts";
import { parseConfig } from "../../src/config/config.ts";
import { ExitCode, Failure } from "../../src/failure.ts";
import { judge } from "../../src/session/judge.ts";
import { loginOf } from "../../src/session/login.ts";
import { NO_PLACE } from "../../src/session/place.ts";
import { type Known, NOTHING_KNOWN } from "../../src/session/seen.ts";
import { ALICE_KEY, parsedEvent } from "../helpers/fixtures.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { asnRecord, cityRecord, mmdb } from "../helpers/mmdb.ts";

const KEY = ALICE_KEY.fingerprint;
const NOW = Date.UTC(2026, 10, 23);

const CONFIG = `[host]
timezone = "Pacific/Auckland"
[notification]
service = "stdout"
[allowlist]
ips = ["10.0.0.2", "192.0.2.0/24"]
[[allowlist.rules]]
reason = "backup, OPS-12"
users = ["backup"]
ips = ["198.51.100.0/24"]
key_fingerprints = ["${KEY}"]
[[allowlist.rules]]
reason = "audit"
services = ["login"]
expires_at = 2026-11-01T00:00:00Z
[key_names]
"${KEY}" = "work laptop"
`;

const config = parseConfig(CONFIG, { hostName: () => "h" });
const ALL_KNOWN: Known = { ...NOTHING_KNOWN, user: true, place: true, key: true, firstEventAtMs: 0 };

function explained(login: Parameters<typeof loginFor>[0], known: Partial<Known> = {}): string[] {
  return explanation(loginFor(login, NOW), { config, known: () => ({ ...ALL_KNOWN, ...known }), nowMs: NOW });
}

Deno.test("explanation() says for each rule why it does not allow the login", () => {
  assert.deepEqual(explained({ user: "alice", ip: "203.0.113.7", service: "sshd" }), [
    'login: "alice" from 203.0.113.7 by sshd, without a key',
    "allowlist.ips: does not allow it: ips does not include 203.0.113.7",
    'allowlist.rules.0 ("backup, OPS-12"): does not allow it: users does not include "alice"; ips does not include ' +
    "203.0.113.7; key_fingerprints requires a key (--key)",
    'allowlist.rules.1 ("audit"): does not allow it: it expired at 2026-11-01 13:00:00+13:00; services does not ' +
    'include "sshd"',
    "decision: no allowlist rule allows it, so it is notified",
    "unexpected: no",
    "urgency: normal",
    "routes: default (stdout)",
  ]);
});

Deno.test("explanation() names the first rule that allows the login", () => {
  const backup = explained({ user: "backup", ip: "::ffff:198.51.100.4", key: KEY, service: "sshd" });
  assert.equal(backup[0], `login: "backup" from 198.51.100.4 by sshd, with the key ${KEY} (work laptop)`);
  assert.equal(backup[2], 'allowlist.rules.0 ("backup, OPS-12"): allows it');
  assert.equal(
    backup[4],
    'decision: allowlist.rules.0 ("backup, OPS-12") allows it, so it is recorded but not notified',
  );
  assert.equal(backup.at(-1), "routes: none");
});

Deno.test("explanation() says whether the login is unexpected, and its urgency", () => {
  const ends = (login: Parameters<typeof loginFor>[0], known: Partial<Known>) => explained(login, known).slice(-3, -1);
  const alice = { user: "alice", ip: "203.0.113.7", service: "sshd" };
  assert.deepEqual(ends(alice, { place: false, key: false }), [
    "unexpected: yes: first login of alice from 203.0.113.7; first use of this key by alice",
    "urgency: urgent",
  ]);
  assert.deepEqual(ends({ user: "root", service: "login" }, {}), ["unexpected: no", "urgency: urgent"]);
  assert.deepEqual(ends(alice, { ...NOTHING_KNOWN }), [
    "unexpected: yes: first login of alice; this host is still learning what is usual",
    "urgency: normal",
  ]);
});

Deno.test("explanation() shows what [services] says about the service", () => {
  const text = `${CONFIG}[services]\nsu = "none"\nlogin = "unexpected"\nsshd = "urgent"\n`;
  const config = parseConfig(text, { hostName: () => "h" });
  const lines = (service: string, known: Partial<Known> = {}) =>
    explanation(loginFor({ user: "alice", service }, NOW), {
      config,
      known: () => ({ ...ALL_KNOWN, ...known }),
      nowMs: NOW,
    }).filter((line) => /^(\[|decision|urgency|routes)/.test(line));
  assert.deepEqual(lines("su", { place: false }), [
    '[services] su = "none": its sessions are not notified',
    'decision: [services] su = "none", so it is recorded but not notified',
    "urgency: urgent",
    "routes: none",
  ]);
  assert.deepEqual(lines("login"), [
    '[services] login = "unexpected": only its unexpected logins are notified',
    'decision: [services] login = "unexpected", so it is recorded but not notified',
    "urgency: normal",
    "routes: none",
  ]);
  assert.deepEqual(lines("login", { place: false }).slice(1), [
    "decision: no allowlist rule allows it, so it is notified",
    "urgency: urgent",
    "routes: default (stdout)",
  ]);
  assert.deepEqual(lines("sshd"), [
    '[services] sshd = "urgent": its sessions are notified, each as urgent',
    "decision: no allowlist rule allows it, so it is notified",
    "urgency: urgent",
    "routes: default (stdout)",
  ]);
  assert.ok(lines("cockpit").every((line) => !line.startsWith("[services]")));
});

Deno.test("loginFor() returns the same login that send reads from a genuine event", () => {
  const event = parsedEvent({ occurredAtMs: NOW });
  assert.deepEqual(
    loginFor({ user: "alice", ip: "203.0.113.7", key: KEY, service: "sshd" }, NOW),
    loginOf(event),
  );
  const atConsole = parsedEvent({ occurredAtMs: NOW, remoteHost: "", connection: "", authInfo: "", service: "login" });
  assert.deepEqual(loginFor({ user: "alice", service: "login" }, NOW), loginOf(atConsole));
});

Deno.test("explanation() names the rule that judge() applies, for any login", () => {
  const login = fc.record({
    user: fc.constantFrom("alice", "backup", "root"),
    ip: fc.constantFrom(undefined, "10.0.0.2", "198.51.100.4", "2001:db8::1"),
    key: fc.constantFrom(undefined, KEY),
    service: fc.constantFrom("sshd", "login"),
  });
  fc.assert(fc.property(login, (login) => {
    const { rule } = judge(loginFor(login, NOW), { ...config, known: () => ALL_KNOWN, place: NO_PLACE, nowMs: NOW });
    const lines = explained(login);
    const allowing = lines.filter((line) => line.endsWith(": allows it"));
    assert.equal(allowing.length > 0, rule !== undefined);
    if (rule !== undefined) assert.ok(lines.some((line) => line.startsWith(`decision: ${rule.place}`)));
  }));
});

Deno.test("loginFor() rejects invalid options", () => {
  const refused: [Parameters<typeof loginFor>[0], ...values: string[]][] = [
    [{ user: "", service: "sshd" }, "--user "],
    [{ user: "a", ip: "example.com", service: "sshd" }, "--ip ", '"example.com"'],
    [{ user: "a", ip: "", service: "sshd" }, "--ip ", '""'],
    [{ user: "a", ip: "10.0.0.0/8", service: "sshd" }, "--ip ", '"10.0.0.0/8"'],
  ];
  for (const [login, ...values] of refused) {
    assert.throws(
      () => loginFor(login, NOW),
      (error) =>
        error instanceof Failure && error.exitCode === ExitCode.usage && error.code === "usage.wrong-value" &&
        values.every((value) => error.message.includes(value)),
    );
  }
});

Deno.test("explain predicts what send does, and changes nothing", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(CONFIG);
  const login = ["--user", "alice", "--ip", "203.0.113.7", "--key", KEY];
  const before = await installation.explain(...login);
  assert.deepEqual([before.code, before.stderr], [0, ""]);
  assert.match(before.stdout, /^unexpected: yes: first login of alice; this host is still learning what is usual$/m);
  assert.match(before.stdout, /^history: send has not run yet, or not since an upgrade; every user is new$/m);
  assert.deepEqual([...Deno.readDirSync(`${installation.stateDir}/send`)], []);

  const queued = await installation.queue({
    PAM_TYPE: "open_session",
    PAM_USER: "alice",
    PAM_RHOST: "203.0.113.7",
    PAM_TTY: "ssh",
    PAM_SERVICE: "sshd",
    SSH_CONNECTION: "203.0.113.7 50022 198.51.100.1 22",
    SSH_AUTH_INFO_0: `publickey ${ALICE_KEY.public}\n`,
  });
  assert.equal(queued.code, 0, queued.stderr);
  const sent = await installation.send();
  assert.match(
    sent.stdout,
    new RegExp(
      String.raw`^'alice' \(203\.0\.113\.7\) logged in to .* \[first login of alice; this host is still learning ` +
        String.raw`what is usual; publickey ED25519 ${KEY.replace("+", "\\+")} \(work laptop\)\]\n$`,
    ),
  );

  const after = await installation.explain(...login);
  assert.match(after.stdout, /^unexpected: no$/m);
  assert.doesNotMatch(after.stdout, /^history/m);
  const elsewhere = await installation.explain("--user", "alice", "--ip", "2001:DB8::1");
  assert.match(elsewhere.stdout, /^unexpected: yes: first login of alice from 2001:db8::\/64; this host is still /m);
  assert.deepEqual((await installation.send()).stdout, "");
});

Deno.test("explain takes a key by its name in the configuration, and rejects any other text", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(CONFIG);
  const login = ["--user", "backup", "--ip", "198.51.100.4", "--key"];
  assert.deepEqual(await installation.explain(...login, "work laptop"), await installation.explain(...login, KEY));
  for (const key of ["work lapto", ALICE_KEY.public, KEY.slice(0, -1), ""]) {
    const { code, stdout, stderr } = await installation.explain(...login, key);
    assert.deepEqual([code, stdout], [64, ""], key);
    assert.match(stderr, /^error: --key .*\[key_names\].* \[usage\.wrong-value\]\nhint: .* explain --help$/m);
  }
  assert.match((await installation.explain(...login, "work lapto")).stderr, /"work laptop"/);
});

Deno.test("explain reports a damaged store, and leaves it to the next send", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(CONFIG);
  Deno.writeFileSync(`${installation.stateDir}/send/deliveries.db`, crypto.getRandomValues(new Uint8Array(8_192)));
  const { code, stderr } = await installation.explain("--user", "alice", "--ip", "203.0.113.7");
  assert.equal(code, ExitCode.tempFail, stderr);
  assert.match(stderr, /^error: .*"\S+\/deliveries\.db".* \[store\.damaged\]\nhint: /);
});

Deno.test("explain reports an invalid command line or configuration", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "stdout"\n[[allowlist.rules]]\nreason = "all"`);
  const noUser = await installation.explain("--ip", "203.0.113.7");
  assert.deepEqual([noUser.code, noUser.stdout], [64, ""]);
  const badIp = await installation.explain("--user", "a", "--ip", "x\x1b[2J");
  assert.equal(badIp.code, 64);
  assert.match(badIp.stderr, /--ip .*"x\\u\{1b\}\[2J" \[usage\.wrong-value\]$/m);
  const badRule = await installation.explain("--user", "a", "--ip", "203.0.113.7");
  assert.equal(badRule.code, 78);
  assert.match(badRule.stderr, /: allowlist\.rules\.0: .* \[config\.wrong-value\]$/m);
});

Deno.test("explain, send and history show the place of a login, from a known and from a new country", async () => {
  await using installation = await Installation.create();
  const etc = installation.configFile.replace(/\/[^/]+$/, "");
  const databases = ["city", "asn", "missing"].map((name) => `${etc}/${name}.mmdb`);
  Deno.writeFileSync(
    databases[0] ?? "",
    mmdb({
      "203.0.113.0/24": cityRecord("Auckland", "New Zealand", "NZ"),
      "198.51.100.0/24": cityRecord("Suva\x1b[2J", "Fiji", "FJ"),
    }),
    { mode: 0o644 },
  );
  const network = { "203.0.113.0/24": asnRecord(64_500, "Example Net") };
  Deno.writeFileSync(databases[1] ?? "", mmdb(network, { ipVersion: 4 }), { mode: 0o644 });
  await installation.writeConfig(
    `unexpected = { place = "country", learning_days = 0 }\nplace.databases = ${JSON.stringify(databases)}\n${CONFIG}`,
  );
  const missing = /^warning: the place database "\S+\/missing\.mmdb" does not exist; .*\[place\.database-missing\]\n$/;

  await installation.queue({ ...LOGIN, PAM_TTY: "ssh", SSH_CONNECTION: "203.0.113.7 50022 198.51.100.1 22" });
  const sent = await installation.send();
  assert.match(sent.stdout, /^'alice' \(203\.0\.113\.7, Auckland, New Zealand; AS64500 Example Net\) logged in to /);
  assert.match(sent.stderr, missing);

  const known = await installation.explain("--user", "alice", "--ip", "203.0.113.200");
  assert.match(known.stdout, /^place: Auckland, New Zealand; AS64500 Example Net\n/m);
  assert.match(known.stdout, /^unexpected: no$/m);
  assert.match(known.stderr, missing);
  const other = await installation.explain("--user", "alice", "--ip", "198.51.100.7");
  assert.match(other.stdout, /^place: Suva\\u\{1b\}\[2J, Fiji\n/m);
  assert.match(other.stdout, /^unexpected: yes: first login of alice from Fiji$/m);
  const nowhere = await installation.explain("--user", "alice", "--ip", "2001:db8::1");
  assert.match(nowhere.stdout, /^place: unknown to the databases\n/m);
  assert.match(nowhere.stdout, /^unexpected: yes: first login of alice from 2001:db8::\/64$/m);
  const local = await installation.explain("--user", "alice");
  assert.deepEqual([/^place/m.test(local.stdout), local.stderr], [false, ""]);

  Deno.removeSync(databases[0] ?? "");
  const history = await installation.history();
  assert.match(history.stdout, /203\.0\.113\.7 +Auckland, New Zealand; AS64500 Example Net /);
  const { place, country_code, asn } = JSON.parse((await installation.history("--json")).stdout);
  assert.deepEqual([place, country_code, asn], ["Auckland, New Zealand; AS64500 Example Net", "NZ", 64_500]);
  const group = JSON.parse((await installation.history("--by", "place", "--json")).stdout);
  assert.deepEqual([group.place, group.logins, group.addresses], [place, 1, ["203.0.113.7"]]);
});
