import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseAddress, parseNetwork } from "../../src/session/address.ts";
import type { AllowRule } from "../../src/session/allowlist.ts";
import type { SessionEvent } from "../../src/event.ts";
import { NOT_UTF8 } from "../../src/hook/environment.ts";
import { judge, type JudgeOptions, LEARNING, type Verdict } from "../../src/session/judge.ts";
import { type Login, loginOf } from "../../src/session/login.ts";
import { NO_PLACE } from "../../src/session/place.ts";
import { type Known, NOTHING_KNOWN } from "../../src/session/seen.ts";
import { ALICE_KEY, HOSTILE_TEXTS, parsedEvent, sshString } from "../helpers/fixtures.ts";

const DAY = 24 * 60 * 60 * 1000;

const ALLOWLIST: readonly AllowRule[] = [{
  place: "allowlist.ips",
  reason: "",
  networks: ["203.0.113.0/24", "2001:db8::/32", "fe80::/10"].map(parseNetwork),
}];

/** A host after its learning period, to which nothing is new unless the test says so. */
function options(overrides: Partial<JudgeOptions> = {}, known: Partial<Known> = {}): JudgeOptions {
  const { occurredAtMs } = parsedEvent();
  return {
    allowlist: [],
    services: new Map(),
    known: () => ({
      ...NOTHING_KNOWN,
      user: true,
      place: true,
      key: true,
      firstEventAtMs: occurredAtMs - 100 * DAY,
      ...known,
    }),
    place: NO_PLACE,
    placeSize: "address",
    learningMs: 7 * DAY,
    nowMs: occurredAtMs,
    ...overrides,
  };
}

interface Case {
  readonly title: string;
  readonly event: Partial<SessionEvent>;
  /** The open event of the session; `same` is the event itself, except for its type. */
  readonly opened?: Partial<SessionEvent> | "same";
  readonly expected: Partial<Verdict & { isAllowed: boolean }>;
}

const UNTOUCHED = { tampered: [], urgent: false } as const;
const NAME = { remoteHost: "client.example" };

const CASES: readonly Case[] = [
  {
    title: "allowlists an untampered open from an allowlisted network",
    event: {},
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "notifies an open from elsewhere",
    event: { remoteHost: "198.51.100.9", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", isAllowed: false },
  },
  {
    title: "treats an IPv4-mapped address as its IPv4 address, in either variable",
    event: { remoteHost: "::ffff:203.0.113.7" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "treats two notations of an IPv6 address as equal",
    event: { remoteHost: "2001:db8::1", connection: "2001:DB8:0:0::1 1 ::1 22" },
    expected: { ...UNTOUCHED, address: "2001:db8::1", isAllowed: true },
  },
  {
    title: "compares the zone of a link-local address",
    event: { remoteHost: "fe80::1%eth0", connection: "fe80::1%eth0 1 fe80::2%eth0 22" },
    expected: { ...UNTOUCHED, address: "fe80::1%eth0", isAllowed: true },
  },
  {
    title: "does not need SSH_CONNECTION if PAM_RHOST is an address",
    event: { connection: "" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "prefers PAM_RHOST to an allowlisted SSH_CONNECTION, and reports tampering",
    event: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "198.51.100.9", isAllowed: false },
  },
  {
    title: "does not allowlist an address that differs from SSH_CONNECTION",
    event: { connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "203.0.113.7", isAllowed: false },
  },
  {
    title: "reports an SSH_CONNECTION without an address as tampered",
    event: { connection: NOT_UTF8 },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, isAllowed: false },
  },
  {
    title: "does not allowlist an event that the hook found tampered, and keeps the names",
    event: { tampered: ["PAM_USER"] },
    expected: { tampered: ["PAM_USER"], urgent: true, address: "203.0.113.7", isAllowed: false },
  },
  {
    title: "names a variable once if both hook and judge found it tampered",
    event: { remoteHost: "198.51.100.9", tampered: ["SSH_CONNECTION"] },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true },
  },
  {
    title: "takes the address from SSH_CONNECTION at open if PAM_RHOST is a name",
    event: NAME,
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "treats an address in octal as a name",
    event: { remoteHost: "0203.0.113.7", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", isAllowed: false },
  },
  {
    title: "has no address if PAM_RHOST is a name and SSH_CONNECTION contains none",
    event: { ...NAME, connection: "nonsense 203.0.113.7" },
    expected: { address: "", isAllowed: false },
  },
  {
    title: "has no address on a console, whatever SSH_CONNECTION contains",
    event: { remoteHost: "" },
    expected: { ...UNTOUCHED, address: "", isAllowed: false },
  },
  {
    title: "has no address if PAM_RHOST could not be read, and allowlists nothing",
    event: { remoteHost: NOT_UTF8, tampered: ["PAM_RHOST"] },
    expected: { urgent: true, isAllowed: false },
  },
  {
    title: "allowlists a close that matches its open",
    event: { type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "allowlists a close by PAM_RHOST if its open is unknown",
    event: { type: "close" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "does not trust the SSH_CONNECTION of a close without an open",
    event: { ...NAME, type: "close" },
    expected: { ...UNTOUCHED, address: "", isAllowed: false },
  },
  {
    title: "trusts the SSH_CONNECTION of a close if it equals that of the open",
    event: { ...NAME, type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", isAllowed: true },
  },
  {
    title: "does not trust an SSH_CONNECTION that was replaced since the open",
    event: { ...NAME, type: "close" },
    opened: { ...NAME, connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "", isAllowed: false },
  },
  {
    title: "reports a close as tampered if its auth info differs from that of its open",
    event: { type: "close" },
    opened: { authInfo: "password" },
    expected: { tampered: ["SSH_AUTH_INFO_0"], urgent: true, isAllowed: false },
  },
  {
    title: "calls a close tampered whose host differs from its open's",
    event: { type: "close" },
    opened: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["PAM_RHOST"], urgent: true, isAllowed: false },
  },
];

for (const { title, event: overrides, opened, expected } of CASES) {
  Deno.test(`judge() ${title}`, () => {
    const event = parsedEvent(overrides);
    const open = opened === "same" ? { ...event, type: "open" as const } : opened && parsedEvent(opened);
    const verdict = judge(loginOf(event, open), options({ allowlist: ALLOWLIST }));
    const found = { ...verdict, isAllowed: verdict.rule !== undefined };
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(new Map(Object.entries(found)).get(name), value, name);
    }
  });
}

Deno.test("judge() allowlists nothing if the allowlist is empty", () => {
  assert.equal(judge(loginOf(parsedEvent()), options()).rule, undefined);
});

const OPEN = parsedEvent();
const TAMPERED = parsedEvent({ tampered: ["PAM_USER"] });
const CLOSE = parsedEvent({ type: "close" });

Deno.test("judge() explains why an open is unexpected; for a new user, with one reason", () => {
  const table: [known: Partial<Known>, reasons: string[]][] = [
    [{}, []],
    [{ user: false, place: false, key: false }, ["first login of alice"]],
    [{ place: false }, ["first login of alice from 203.0.113.7"]],
    [{ key: false }, ["first use of this key by alice"]],
    [{ place: false, key: false }, ["first login of alice from 203.0.113.7", "first use of this key by alice"]],
  ];
  for (const [known, reasons] of table) {
    const meaning = judge(loginOf(OPEN), options({}, known));
    assert.deepEqual(meaning.reasons, reasons);
    assert.deepEqual([meaning.unexpected, meaning.urgent], [reasons.length > 0, reasons.length > 0]);
  }
});

Deno.test("judge() names the place by address, else by host name", () => {
  const reasonAt = (overrides: Partial<SessionEvent>) =>
    judge(loginOf(parsedEvent(overrides)), options({}, { place: false })).reasons.join();
  assert.equal(reasonAt({ remoteHost: "", connection: "" }), "first login of alice without an address");
  assert.equal(reasonAt({ remoteHost: "client.example", connection: "" }), "first login of alice from client.example");
  assert.equal(reasonAt({ remoteHost: "::ffff:203.0.113.7" }), "first login of alice from 203.0.113.7");
  const long = reasonAt({ user: "u".repeat(256), remoteHost: "h".repeat(256), connection: "" });
  assert.ok(long.length <= 128, "render.ts shows it whole");
});

Deno.test("judge() treats an open with an unreadable key as unexpected, even from a known place", () => {
  for (const authInfo of ["publickey", "publickey ssh-ed25519 AAAA", `publickey ${ALICE_KEY.public.slice(0, -9)}…`]) {
    const meaning = judge(loginOf(parsedEvent({ authInfo })), options());
    assert.deepEqual([meaning.reasons, meaning.urgent, meaning.keyFingerprint], [["the key can't be read"], true, ""]);
  }
});

Deno.test("judge() looks up the canonical address and the key, but no key of a tampered event", () => {
  const asked: unknown[] = [];
  const known = (login: unknown) => {
    asked.push(login);
    return NOTHING_KNOWN;
  };
  const event = { remoteHost: "::ffff:203.0.113.7", connection: "" };
  judge(loginOf(parsedEvent(event)), options({ known }));
  judge(loginOf(parsedEvent({ ...event, tampered: ["SSH_AUTH_INFO_0"] })), options({ known }));
  judge(loginOf(CLOSE), options({ known }));
  const address = parseAddress("203.0.113.7");
  const login = { user: "alice", address, remoteHost: "::ffff:203.0.113.7", place: NO_PLACE };
  assert.deepEqual(asked, [
    { ...login, keyFingerprint: ALICE_KEY.fingerprint },
    { ...login, keyFingerprint: "" },
  ]);
});

Deno.test("judge() looks up the same keys in any order, because the client chooses the order of two keys", () => {
  const asked: unknown[] = [];
  const known = (login: unknown) => {
    asked.push(login);
    return NOTHING_KNOWN;
  };
  const other = `ssh-ed25519 ${
    new Uint8Array([...sshString("ssh-ed25519"), ...sshString(new Uint8Array(32))]).toBase64()
  }`;
  for (const keys of [[ALICE_KEY.public, other], [other, ALICE_KEY.public]]) {
    const authInfo = keys.map((key) => `publickey ${key}\n`).join("");
    judge(loginOf(parsedEvent({ authInfo })), options({ known }));
  }
  assert.deepEqual(asked[0], asked[1]);
});

Deno.test("judge() marks unexpected and root logins as urgent, and closes only if tampered with", () => {
  const table: [Login, Partial<Known>, unexpected: boolean, urgent: boolean][] = [
    [loginOf(OPEN), {}, false, false],
    [loginOf(OPEN), { place: false }, true, true],
    [loginOf(parsedEvent({ user: "root" })), {}, false, true],
    [loginOf(parsedEvent({ user: "root" })), { place: false }, true, true],
    [loginOf(parsedEvent({ user: "toor" })), {}, false, false],
    [loginOf(TAMPERED), {}, true, true],
    [loginOf(CLOSE, OPEN), { user: false, place: false, key: false }, false, false],
    [loginOf(CLOSE), { user: false, place: false, key: false }, false, false],
    [loginOf(parsedEvent({ type: "close", user: "root" })), {}, false, false],
    [loginOf({ ...CLOSE, auth: [{ method: "password" }] }, OPEN), {}, true, true],
  ];
  for (const [login, known, unexpected, urgent] of table) {
    const meaning = judge(login, options({}, known));
    assert.deepEqual([meaning.unexpected, meaning.urgent], [unexpected, urgent], JSON.stringify(login));
  }
});

Deno.test("judge() learns for a number of days after the first event: new logins are notified, but not urgent", () => {
  const at = (ageMs: number, learningMs = 7 * DAY) => {
    const firstEventAtMs = OPEN.occurredAtMs - ageMs;
    const { reasons, unexpected, urgent } = judge(
      loginOf(OPEN),
      options({ learningMs }, { place: false, firstEventAtMs }),
    );
    assert.ok(unexpected && reasons[0] === "first login of alice from 203.0.113.7");
    assert.equal(reasons.includes(LEARNING), !urgent);
    return urgent ? "urgent" : "learning";
  };
  assert.deepEqual([0, 1, 7 * DAY - 1].map((ageMs) => at(ageMs)), Array(3).fill("learning"));
  assert.deepEqual([7 * DAY, 365 * DAY].map((ageMs) => at(ageMs)), Array(2).fill("urgent"));
  assert.equal(at(0, 0), "urgent");
  // Events in the wrong order, and a first event that a wrong clock dated far in the future.
  assert.equal(at(-60_000), "learning");
  assert.equal(at(-3650 * DAY), "urgent");
});

Deno.test("judge() marks root logins and tampered events as urgent even while it learns", () => {
  const known = { ...NOTHING_KNOWN, firstEventAtMs: OPEN.occurredAtMs };
  const root = judge(loginOf(parsedEvent({ user: "root" })), options({}, known));
  assert.deepEqual([root.urgent, root.reasons], [true, ["first login of root", LEARNING]]);
  const tampered = judge(loginOf(TAMPERED), options({}, known));
  assert.deepEqual([tampered.urgent, tampered.reasons], [true, ["first login of alice"]]);
  assert.equal(judge(loginOf(OPEN), options({}, NOTHING_KNOWN)).urgent, false, "the very first event");
});

const BY_KEY: AllowRule = { place: "allowlist.rules.0", reason: "key", keyFingerprints: [ALICE_KEY.fingerprint] };

Deno.test("judge() trusts a key only if the open event has it and nothing was tampered with", () => {
  const allowed = (login: Login) => judge(login, options({ allowlist: [BY_KEY] })).rule !== undefined;
  assert.ok(allowed(loginOf(OPEN)));
  assert.ok(allowed(loginOf(CLOSE, OPEN)));
  assert.ok(allowed(loginOf(parsedEvent({ authInfo: `publickey ${ALICE_KEY.public}\npassword\n` }))));
  assert.ok(!allowed(loginOf(TAMPERED)));
  assert.ok(!allowed(loginOf(CLOSE)), "a close without its open");
  assert.ok(!allowed(loginOf(CLOSE, TAMPERED)), "a close whose open was tampered with");
  assert.ok(!allowed(loginOf(CLOSE, parsedEvent({ authInfo: "password" }))), "the open had no key");
  assert.ok(!allowed(loginOf({ ...CLOSE, auth: [{ method: "password" }] }, OPEN)));
  for (
    const authInfo of [
      "",
      "password",
      `hostbased ${ALICE_KEY.public}`,
      `keyboard-interactive/pam ${ALICE_KEY.public}`,
      `password\n ${ALICE_KEY.public}`,
      `publickey ${ALICE_KEY.fingerprint}`,
      `publickey ${ALICE_KEY.public}…`,
    ]
  ) assert.ok(!allowed(loginOf(parsedEvent({ authInfo }))), authInfo);
});

Deno.test("judge() applies the first matching rule, and no rule that has expired by the time of the event or of judging", () => {
  const rule = (place: string, expiresAtMs?: number): AllowRule => ({
    place,
    reason: "r",
    users: ["alice"],
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
  const at = OPEN.occurredAtMs;
  const decides = (expiresAtMs: number, nowMs: number) =>
    judge(loginOf(OPEN), options({ allowlist: [rule("a", expiresAtMs)], nowMs })).rule?.place;
  assert.equal(decides(at + 1, at), "a");
  assert.equal(decides(at, at), undefined);
  assert.equal(decides(at + 1, at + 1), undefined, "it is over by now");
  assert.equal(decides(at - 1, at - 10), undefined, "the clock was set back");
  const allowlist = [BY_KEY, rule("expired", at), rule("b"), rule("c")];
  assert.equal(judge(loginOf(parsedEvent({ authInfo: "" })), options({ allowlist })).rule?.place, "b");
  assert.equal(judge(loginOf(OPEN), options({ allowlist })).rule?.place, "allowlist.rules.0");
});

Deno.test("loginOf() measures a session from its open, and rejects absurd lengths", () => {
  const lasted = (ms: number) => loginOf({ ...CLOSE, occurredAtMs: OPEN.occurredAtMs + ms }, OPEN).durationMs;
  assert.deepEqual([0, 1, 90_000, 300 * DAY].map(lasted), [0, 1, 90_000, 300 * DAY]);
  assert.deepEqual([-1, -DAY, 400 * DAY, 20_000 * DAY].map(lasted), Array(4).fill(undefined));
  assert.equal(loginOf(CLOSE).durationMs, undefined);
});

Deno.test("loginOf() measures a session by the uptime of the host, even if the clock was set in between", () => {
  const lasted = (opened: number | undefined, closed: number | undefined, clockMs: number) => {
    const at = (seconds: number | undefined) => seconds === undefined ? {} : { uptimeSeconds: seconds };
    const close = { ...CLOSE, occurredAtMs: OPEN.occurredAtMs + clockMs, ...at(closed) };
    return loginOf(close, { ...OPEN, ...at(opened) }).durationMs;
  };
  assert.equal(lasted(100, 190, 3 * DAY), 90_000, "the clock was set forward");
  assert.equal(lasted(100, 190, -3 * DAY), 90_000, "the clock was set back");
  assert.equal(lasted(100, 100, 400), 0);
  assert.equal(lasted(100, 99, 90_000), undefined, "the host was started in between");
  assert.equal(lasted(0, Number.MAX_SAFE_INTEGER, 90_000), undefined);
  for (const [opened, closed] of [[undefined, 190], [100, undefined], [undefined, undefined]]) {
    assert.equal(lasted(opened, closed, 90_000), 90_000, "a hook of an earlier release recorded one of them");
  }
});

const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS, "203.0.113.7", "alice", "sshd", `publickey ${ALICE_KEY.public}`),
  fc.string({ unit: "binary" }),
);
const anyEvent = fc.record({
  type: fc.constantFrom("open", "close"),
  occurredAtMs: fc.integer({ min: -8.64e15, max: 8.64e15 }),
  user: hostile,
  remoteHost: hostile,
  service: hostile,
  connection: hostile,
  authInfo: hostile,
  tampered: fc.constantFrom([], [], ["PAM_RHOST"]),
}).map((overrides) => parsedEvent(overrides));

Deno.test("judge() judges any event, and never allowlists a tampered one or makes it less urgent", () => {
  const rules: AllowRule[] = [...ALLOWLIST, { place: "p", reason: "r", users: ["alice"] }, BY_KEY];
  fc.assert(fc.property(anyEvent, fc.option(anyEvent, { nil: undefined }), (event, opened) => {
    const login = loginOf(event, event.type === "close" ? opened : undefined);
    const { tampered, urgent, unexpected, rule, address } = judge(login, options({ allowlist: rules }));
    if (tampered.length > 0) assert.deepEqual([rule, urgent, unexpected], [undefined, true, true]);
    if (address !== "") assert.equal(parseAddress(address)?.toString(), address);
  }));
});

Deno.test("judge() takes the level of the service, except where the event is suspect", () => {
  const services = new Map([["su", "none"], ["login", "urgent"]] as const);
  const judged = (event: Partial<SessionEvent>, overrides: Partial<JudgeOptions> = {}) => {
    const { level, urgent } = judge(loginOf(parsedEvent(event)), options({ services, ...overrides }));
    return [level, urgent];
  };
  assert.deepEqual(judged({}), ["all", false]);
  assert.deepEqual(judged({ service: "su" }), ["none", false]);
  assert.deepEqual(judged({ service: "login" }), ["urgent", true]);
  assert.deepEqual(judged({ service: "login", type: "close" }), ["urgent", true]);
  assert.deepEqual(judged({ service: "su", tampered: ["PAM_SERVICE"] }), ["all", true]);
  assert.deepEqual(judged({ service: "su", type: "close", tampered: ["PAM_SERVICE"] }), ["all", true]);
  assert.deepEqual(judged({ service: "su" }, { isUnrecorded: true }), ["all", true]);
});
