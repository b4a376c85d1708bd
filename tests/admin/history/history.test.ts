// Runs `history` as a process, on a store that the real `queue` and `send` created.

import assert from "node:assert/strict";
import { countByHour } from "../../../src/store/history_hours.ts";
import { groupCells, groupJson } from "../../../src/admin/history/groups.ts";
import { historyCells, historyJson } from "../../../src/admin/history/history_rows.ts";
import { GROUPS, openHistory } from "../../../src/store/history.ts";
import { insertEvent } from "../../../src/hook/insert.ts";
import { jsonText } from "../../../src/text.ts";
import { ALICE_KEY, certificate, HOSTILE_TEXTS, sessionEvent } from "../../helpers/fixtures.ts";
import { Installation } from "../../helpers/program.ts";
import { takeIn } from "../../../src/store/take_in.ts";
import { openToWrite } from "../../../src/store/open.ts";

const CONFIG = `[host]\ntimezone = "Pacific/Auckland"\nname = "h"\n[notification]\nservice = "stdout"\n` +
  `[key_names]\n"${ALICE_KEY.fingerprint}" = "work laptop"\n[allowlist]\nips = ["10.0.0.2"]\n`;
const START_MS = Date.now() - 5 * 86_400_000;
const HOUR = 3_600_000;

/** alice with a key, logged out; bob over IPv6, logged in; backup, allowlisted; mallory, who forges; a lone logout. */
async function visited(): Promise<Installation> {
  const installation = await Installation.create();
  await installation.writeConfig(CONFIG);
  const database = `${installation.stateDir}/queue/db/session_events.db`;
  const record = (overrides: Parameters<typeof sessionEvent>[0]) =>
    insertEvent(database, sessionEvent({ uuid: crypto.randomUUID(), ...overrides }));
  const alice = { user: "alice", authInfo: `publickey ${ALICE_KEY.public}`, parentPid: 1 };
  const away = { remoteHost: "2001:db8::7", connection: "2001:db8::7 1 ::1 22" };
  record({ ...alice, occurredAtMs: START_MS });
  record({ ...alice, occurredAtMs: START_MS + 2 * HOUR, type: "close" });
  record({ user: "bob", authInfo: "password", parentPid: 2, occurredAtMs: START_MS + 24 * HOUR, ...away });
  const backup = { remoteHost: "10.0.0.2", connection: "10.0.0.2 1 10.0.0.1 22" };
  record({ user: "backup", authInfo: "password", parentPid: 3, occurredAtMs: START_MS + 48 * HOUR, ...backup });
  record({ ...alice, user: "mallory", parentPid: 4, occurredAtMs: START_MS + 72 * HOUR, tampered: ["SSH_CONNECTION"] });
  record({ user: "carol", parentPid: 5, occurredAtMs: START_MS + 96 * HOUR, type: "close", authInfo: "" });
  assert.equal((await installation.send()).code, 0);
  return installation;
}

/** The users in the output of `history`, in order. */
async function usersOf(installation: Installation, ...flags: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await installation.history("--json", ...flags);
  assert.deepEqual([code, stderr], [0, ""], flags.join(" "));
  return stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line).user);
}

Deno.test("history shows each session once, the newest last, with the state of its notifications", async () => {
  await using installation = await visited();
  const { code, stdout, stderr } = await installation.history();
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], [
    "WHEN",
    "USER",
    "FROM",
    "PLACE",
    "KEY",
    "CERTIFICATE",
    "LASTED",
    "NOTIFIED",
    "UNEXPECTED",
  ]);
  assert.deepEqual(rows.slice(1).map(([, ...cells]) => cells.toSpliced(2, 1).slice(0, 6)), [
    ["alice", "203.0.113.7", "work laptop", "-", "2 h", "yes"],
    ["bob", "2001:db8::7", "password", "-", "open?", "yes"],
    ["backup", "10.0.0.2", "password", "-", "open?", "allowed"],
    ["mallory", "203.0.113.7", "-", "-", "open?", "yes"],
    ["carol", "203.0.113.7", "-", "-", "logout", "yes"],
  ]);
  const zoned = Temporal.Instant.fromEpochMilliseconds(START_MS).toZonedDateTimeISO("Pacific/Auckland");
  const time = zoned.toPlainDateTime().toString({ smallestUnit: "second" }).replace("T", " ");
  assert.equal(rows[1]?.[0], `${time}${zoned.offset}`);
  assert.match(rows[1]?.[8] ?? "", /^first login of alice/);
  assert.match(rows[4]?.[8] ?? "", /^tampered with: SSH_CONNECTION/);
});

Deno.test("history shows exactly the entries that match its filters", async () => {
  await using installation = await visited();
  const all = ["alice", "bob", "backup", "mallory", "carol"];
  const iso = (hours: number) => new Date(START_MS + hours * HOUR).toISOString().slice(0, 19).replace("T", " ") + "Z";
  const table: [flags: string[], users: string[]][] = [
    [[], all],
    [["--user", "alice"], ["alice"]],
    [["--user", "ALICE"], []],
    [["--from", "203.0.113.0/24"], ["alice", "mallory", "carol"]],
    [["--from", "::ffff:10.0.0.2"], ["backup"]],
    [["--from", "2001:db8::/32"], ["bob"]],
    [["--from", "192.0.2.0/24"], []],
    [["--key", ALICE_KEY.fingerprint], ["alice"]],
    [["--key", "work laptop"], ["alice"]],
    [["--unexpected"], ["alice", "bob", "backup", "mallory"]],
    [["--since", iso(47)], ["backup", "mallory", "carol"]],
    [["--until", iso(47)], ["alice", "bob"]],
    [["--since", "60h"], ["mallory", "carol"]],
    [["--limit", "2"], ["mallory", "carol"]],
    [["--limit", "99"], all],
    [["--unexpected", "--limit", "1"], ["mallory"]],
    [["--user", "alice", "--from", "10.0.0.0/8"], []],
  ];
  for (const [flags, users] of table) assert.deepEqual(await usersOf(installation, ...flags), users, flags.join(" "));
  const cut = await installation.history("--limit", "2");
  assert.equal(cut.stderr, "warning: only the newest 2 entries are shown: --limit all shows all\n");
  assert.equal((await installation.history("--limit", "5")).stderr, "");
});

Deno.test("history rejects invalid filters, and says what is valid", async () => {
  await using installation = await visited();
  const table: [flags: string[], error: RegExp][] = [
    [["--from", "example.com"], /^error: --from "example\.com" /],
    [["--from", "10.0.0.1/8"], /--from "10\.0\.0\.1\/8" .*"10\.0\.0\.0\/8"/],
    [["--since", "last week"], /^error: --since .*"last week"/],
    [["--until", "\x1b[2J"], /--until .*"\\u\{1b\}\[2J"/],
    [["--key", "work lapto"], /--key .*\[key_names\].*"work laptop"/],
  ];
  for (const [flags, error] of table) {
    const { code, stdout, stderr } = await installation.history(...flags);
    assert.deepEqual([code, stdout], [64, ""], flags.join(" "));
    assert.match(stderr, error);
    assert.match(stderr, / \[usage\.wrong-value\]$/m);
  }
});

Deno.test("history --json prints everything that is known", async () => {
  await using installation = await visited();
  const { stdout } = await installation.history("--json", "--user", "alice");
  const { uuid, deliveries, reasons, ...rest } = JSON.parse(stdout);
  assert.match(uuid, /^[0-9a-f-]{36}$/);
  assert.deepEqual(deliveries.map(({ of, route, state }: Record<string, unknown>) => [of, route, state]), [
    ["login", "default", "delivered"],
    ["logout", "default", "delivered"],
  ]);
  assert.equal(reasons[0], "first login of alice");
  assert.deepEqual(rest, {
    type: "login",
    at: new Date(START_MS).toISOString(),
    user: "alice",
    address: "203.0.113.7",
    remote_host: "203.0.113.7",
    place: null,
    country_code: null,
    asn: null,
    service: "sshd",
    methods: ["publickey"],
    keys: [{ fingerprint: ALICE_KEY.fingerprint, name: "work laptop", certificate: null }],
    logged_out_at: new Date(START_MS + 2 * HOUR).toISOString(),
    may_be_open: false,
    duration_seconds: 7_200,
    verdict: "notify",
    unexpected: true,
    tampered: [],
  });
});

Deno.test("history shows the ID, the serial number and the CA of a certificate, but not of a tampered login", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(CONFIG);
  const { line, authority } = certificate({ id: 'alice" (serial 1)', serial: 2n ** 63n + 1n });
  const login = { authInfo: `publickey ${line}`, occurredAtMs: START_MS };
  const database = `${installation.stateDir}/queue/db/session_events.db`;
  insertEvent(database, sessionEvent({ ...login, uuid: crypto.randomUUID() }));
  insertEvent(database, sessionEvent({ ...login, uuid: crypto.randomUUID(), tampered: ["SSH_CONNECTION"] }));
  assert.equal((await installation.send()).code, 0);
  const { stdout } = await installation.history("--json");
  const [genuine, tampered] = stdout.split("\n", 2).map((line) => JSON.parse(line).keys);
  const key = { fingerprint: ALICE_KEY.fingerprint, name: "work laptop" };
  const ca = { type: "ED25519", fingerprint: authority, name: "work laptop" };
  assert.deepEqual(genuine, [{
    ...key,
    certificate: { id: 'alice" (serial 1)', serial: "9223372036854775809", ca },
  }]);
  assert.deepEqual(tampered, []);
  const rows = (await installation.history()).stdout.split("\n").map((line) => line.split(/ {2,}/)[5]);
  assert.deepEqual(rows.slice(0, 3), [
    "CERTIFICATE",
    '"alice” (serial 1)" (serial 9223372036854775809) CA ED25519 work laptop',
    "-",
  ]);
});

Deno.test("history --heatmap counts the logins that match the filters, and prints plain ASCII to a pipe", async () => {
  await using installation = await visited();
  const { code, stdout, stderr } = await installation.history("--heatmap");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^4 logins, by weekday and hour \(Pacific\/Auckland\)\n/);
  assert.match(stdout, /^[ -~\n]*$/);
  // Each login counts in its local hour.
  const zoned = Temporal.Instant.fromEpochMilliseconds(START_MS).toZonedDateTimeISO("Pacific/Auckland");
  const day = stdout.split("\n").slice(3, 10)[zoned.dayOfWeek - 1]?.slice(4).split(" ");
  assert.deepEqual(day?.flatMap((cell, hour) => cell === ".." ? [] : [hour]), [zoned.hour]);
  assert.match((await installation.history("--heatmap", "--user", "bob")).stdout, /^1 login, /);
  assert.deepEqual(await installation.history("--heatmap", "--user", "nobody"), { code: 0, stdout: "", stderr: "" });
});

Deno.test("history --by shows who comes from where, how often, and when first and last", async () => {
  await using installation = await visited();
  const again = sessionEvent({ user: "alice", uuid: crypto.randomUUID(), occurredAtMs: START_MS + 96 * HOUR });
  insertEvent(`${installation.stateDir}/queue/db/session_events.db`, { ...again, authInfo: "password" });
  assert.equal((await installation.send()).code, 0);
  const table = async (...flags: string[]) => {
    const { code, stdout, stderr } = await installation.history(...flags);
    assert.deepEqual([code, stderr], [0, ""], flags.join(" "));
    return stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  };
  const users = await table("--by", "user");
  assert.deepEqual(users[0], ["USER", "LOGINS", "UNEXPECTED", "FIRST", "LAST", "FROM", "KEY"]);
  const withoutTimes = (rows: string[][]) => rows.slice(1).map((row) => [...row.slice(0, 3), ...row.slice(5)]);
  assert.deepEqual(withoutTimes(users), [
    ["alice", "2", "1", "203.0.113.7", "work laptop"],
    ["backup", "1", "1", "10.0.0.2", "-"],
    ["bob", "1", "1", "2001:db8::7", "-"],
    ["mallory", "1", "1", "203.0.113.7", "-"],
  ]);
  assert.deepEqual(withoutTimes(await table("--by", "place", "--from", "203.0.113.0/24")), [
    ["203.0.113.7", "3", "2", "alice, mallory", "work laptop"],
  ]);
  assert.deepEqual(withoutTimes(await table("--by", "key")), [
    ["-", "4", "3", "alice, backup, bob and 1 more", "10.0.0.2, 2001:db8::7, 203.0.113.7"],
    ["work laptop", "1", "1", "alice", "203.0.113.7"],
  ]);
});

Deno.test("history --by --json prints every group with all that it has in common, for programs", async () => {
  await using installation = await visited();
  const { stdout } = await installation.history("--json", "--by", "key");
  const [without, withKey] = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([without.key, without.users], [[], ["backup", "bob", "mallory"]]);
  const at = new Date(START_MS).toISOString();
  assert.deepEqual(withKey, {
    key: [{ fingerprint: ALICE_KEY.fingerprint, name: "work laptop" }],
    logins: 1,
    unexpected: 1,
    first_at: at,
    last_at: at,
    users: ["alice"],
    places: ["203.0.113.7"],
    addresses: ["203.0.113.7"],
  });
  assert.match(
    (await installation.history("--heatmap", "--by", "key")).stdout,
    /\nwork laptop {2}#+ 1, 1 unexpected\n/,
  );
  assert.deepEqual(await installation.history("--by", "place", "--user", "nobody"), {
    code: 0,
    stdout: "",
    stderr: "",
  });
});

Deno.test("countByHour() counts each login in its local hour, on both sides of every change of the UTC offset", () => {
  const path = `${Deno.makeTempDirSync()}/deliveries.db`;
  try {
    for (const timezone of ["Etc/UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]) {
      const start = Temporal.ZonedDateTime.from(`2025-01-06T00:30[${timezone}]`);
      const times = [...Array(365).keys()].map((hours) => start.add({ hours: 25 * hours }));
      const database = openToWrite(path);
      const events = times.map(({ epochMilliseconds }) =>
        sessionEvent({ uuid: crypto.randomUUID(), user: timezone, occurredAtMs: epochMilliseconds })
      );
      takeIn(database, { events, position: { lastId: 1, lastUuid: "x" } });
      database.close();
      const expected: number[] = Array(168).fill(0);
      for (const { dayOfWeek, hour } of times) {
        const index = (dayOfWeek - 1) * 24 + hour;
        expected[index] = (expected[index] ?? 0) + 1;
      }
      using history = openHistory(path);
      assert.ok(history);
      assert.deepEqual(
        countByHour(history, { filter: { user: timezone, sinceMs: 0, untilMs: Date.now() }, timezone }),
        expected,
        timezone,
      );
    }
  } finally {
    Deno.removeSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
  }
});

Deno.test("history works without a configuration and before send has run, with a warning", async () => {
  await using installation = await visited();
  await installation.writeConfig("nonsense");
  const broken = await installation.history("--limit", "all");
  assert.equal(broken.code, 0);
  assert.match(broken.stderr, /^warning: times are in UTC and keys have no names: /);
  assert.equal(broken.stdout.trimEnd().split("\n").length, 6);
  await using fresh = await Installation.create();
  await fresh.writeConfig(CONFIG);
  assert.deepEqual(await fresh.history(), {
    code: 0,
    stdout: "",
    stderr: "warning: no history yet: send has not run, or not since an upgrade\n",
  });
});

Deno.test("history escapes text from an attacker, in a table and in JSON", () => {
  const path = `${Deno.makeTempDirSync()}/deliveries.db`;
  try {
    const database = openToWrite(path);
    const events = HOSTILE_TEXTS.map((text, index) =>
      sessionEvent({ uuid: `${index}`, user: text, remoteHost: text, authInfo: text, service: text, connection: text })
    );
    takeIn(database, { events, position: { lastId: 1, lastUuid: "x" } });
    database.close();
    using history = openHistory(path);
    const entries = [...history?.entries({}) ?? []];
    assert.equal(entries.length, HOSTILE_TEXTS.length);
    const options = { timezone: "Etc/UTC", keyNames: new Map() };
    for (const by of GROUPS) {
      for (const group of history?.loginGroups({}, by) ?? []) {
        for (const cell of groupCells(group, { ...options, by })) {
          assert.doesNotMatch(cell, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
        assert.doesNotMatch(jsonText(groupJson(group, { ...options, by })), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }
    }
    for (const entry of entries) {
      for (const cell of historyCells(entry, options)) assert.doesNotMatch(cell, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      assert.doesNotMatch(jsonText(historyJson(entry, options)), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  } finally {
    Deno.removeSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
  }
});
