import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseAddress, parseNetwork } from "../../src/config/address.ts";
import type { AllowRule } from "../../src/config/allowlist.ts";
import type { SessionEvent } from "../../src/event.ts";
import { NOT_UTF8 } from "../../src/hook/environment.ts";
import { judge, type JudgeOptions, LEARNING, type Meaning } from "../../src/send/judge.ts";
import { type Login, loginOf } from "../../src/send/login.ts";
import { type Known, NOTHING_KNOWN } from "../../src/store/seen.ts";
import { ALICE_KEY, HOSTILE_TEXTS, sessionEvent } from "../helpers/fixtures.ts";

const DAY = 24 * 60 * 60 * 1000;

const ALLOWLIST: readonly AllowRule[] = [{
  place: "allowlist.ips",
  reason: "",
  networks: ["203.0.113.0/24", "2001:db8::/32", "fe80::/10"].map(parseNetwork),
}];

/** A host that has learned, and to which nothing is new, unless the test says so. */
function options(overrides: Partial<JudgeOptions> = {}, known: Partial<Known> = {}): JudgeOptions {
  const { occurredAtMs } = sessionEvent();
  return {
    allowlist: [],
    known: () => ({ user: true, place: true, key: true, firstEventAtMs: occurredAtMs - 100 * DAY, ...known }),
    learningMs: 7 * DAY,
    nowMs: occurredAtMs,
    ...overrides,
  };
}

interface Case {
  readonly title: string;
  readonly event: Partial<SessionEvent>;
  /** The open event of the session; `same` is the event itself but for its type. */
  readonly opened?: Partial<SessionEvent> | "same";
  readonly expected: Partial<Meaning>;
}

const UNTOUCHED = { tampered: [], urgent: false } as const;
const NAME = { remoteHost: "client.example" };

const CASES: readonly Case[] = [
  {
    title: "allowlists an honest open from a network of the allowlist",
    event: {},
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "notifies of an open from elsewhere",
    event: { remoteHost: "198.51.100.9", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "takes an IPv4-mapped address for its IPv4 address, in either variable",
    event: { remoteHost: "::ffff:203.0.113.7" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "takes two ways to write an IPv6 address for one",
    event: { remoteHost: "2001:db8::1", connection: "2001:DB8:0:0::1 1 ::1 22" },
    expected: { ...UNTOUCHED, address: "2001:db8::1", verdict: "allowlisted" },
  },
  {
    title: "holds a link-local address to its zone",
    event: { remoteHost: "fe80::1%eth0", connection: "fe80::1%eth0 1 fe80::2%eth0 22" },
    expected: { ...UNTOUCHED, address: "fe80::1%eth0", verdict: "allowlisted" },
  },
  {
    title: "can do without SSH_CONNECTION where PAM_RHOST is an address",
    event: { connection: "" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "believes PAM_RHOST over an SSH_CONNECTION that is on the allowlist, and calls that tampered",
    event: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "allowlists no address whose SSH_CONNECTION says another",
    event: { connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "203.0.113.7", verdict: "notify" },
  },
  {
    title: "calls an SSH_CONNECTION that holds no address tampered",
    event: { connection: NOT_UTF8 },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, verdict: "notify" },
  },
  {
    title: "allowlists nothing that the hook found tampered with, and keeps the names",
    event: { tampered: ["PAM_USER"] },
    expected: { tampered: ["PAM_USER"], urgent: true, address: "203.0.113.7", verdict: "notify" },
  },
  {
    title: "names a variable once that hook and judge both found tampered with",
    event: { remoteHost: "198.51.100.9", tampered: ["SSH_CONNECTION"] },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true },
  },
  {
    title: "takes the address from SSH_CONNECTION at open where PAM_RHOST is a name",
    event: NAME,
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "takes an address in octal for a name",
    event: { remoteHost: "0203.0.113.7", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "knows no address where PAM_RHOST is a name and SSH_CONNECTION holds none",
    event: { ...NAME, connection: "nonsense 203.0.113.7" },
    expected: { address: "", verdict: "notify" },
  },
  {
    title: "knows no address on a console, whatever SSH_CONNECTION says",
    event: { remoteHost: "" },
    expected: { ...UNTOUCHED, address: "", verdict: "notify" },
  },
  {
    title: "knows no address where PAM_RHOST could not be read, and allowlists nothing",
    event: { remoteHost: NOT_UTF8, tampered: ["PAM_RHOST"] },
    expected: { urgent: true, verdict: "notify" },
  },
  {
    title: "allowlists a close that agrees with its open",
    event: { type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "allowlists a close by PAM_RHOST where there is no open",
    event: { type: "close" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "does not believe the SSH_CONNECTION of a close without an open",
    event: { ...NAME, type: "close" },
    expected: { ...UNTOUCHED, address: "", verdict: "notify" },
  },
  {
    title: "believes the SSH_CONNECTION of a close that the open has too",
    event: { ...NAME, type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "believes no SSH_CONNECTION that was replaced since the open",
    event: { ...NAME, type: "close" },
    opened: { ...NAME, connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "", verdict: "notify" },
  },
  {
    title: "calls a close tampered whose auth info differs from its open's",
    event: { type: "close" },
    opened: { authInfo: "password" },
    expected: { tampered: ["SSH_AUTH_INFO_0"], urgent: true, verdict: "notify" },
  },
  {
    title: "calls a close tampered whose host differs from its open's",
    event: { type: "close" },
    opened: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["PAM_RHOST"], urgent: true, verdict: "notify" },
  },
];

for (const { title, event: overrides, opened, expected } of CASES) {
  Deno.test(`judge() ${title}`, () => {
    const event = sessionEvent(overrides);
    const open = opened === "same" ? { ...event, type: "open" as const } : opened && sessionEvent(opened);
    const meaning = judge(loginOf(event, open), options({ allowlist: ALLOWLIST }));
    for (const [name, value] of Object.entries(expected)) assert.deepEqual({ ...meaning }[name], value, name);
  });
}

Deno.test("judge() allowlists nothing where the allowlist is empty", () => {
  assert.equal(judge(loginOf(sessionEvent()), options()).verdict, "notify");
});

const OPEN = sessionEvent();
const TAMPERED = sessionEvent({ tampered: ["PAM_USER"] });
const CLOSE = sessionEvent({ type: "close" });

Deno.test("judge() says why an open is unexpected: of a new user no more than that", () => {
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

Deno.test("judge() names the place by what is known of it", () => {
  const reasonAt = (overrides: Partial<SessionEvent>) =>
    judge(loginOf(sessionEvent(overrides)), options({}, { place: false })).reasons.join();
  assert.equal(reasonAt({ remoteHost: "", connection: "" }), "first login of alice without an address");
  assert.equal(reasonAt({ remoteHost: "client.example", connection: "" }), "first login of alice from client.example");
  assert.equal(reasonAt({ remoteHost: "::ffff:203.0.113.7" }), "first login of alice from 203.0.113.7");
  const long = reasonAt({ user: "u".repeat(256), remoteHost: "h".repeat(256), connection: "" });
  assert.ok(long.length <= 128, "render.ts shows it whole");
});

Deno.test("judge() calls an open unexpected whose key can't be read, known place or not", () => {
  for (const authInfo of ["publickey", "publickey ssh-ed25519 AAAA", `publickey ${ALICE_KEY.public.slice(0, -9)}…`]) {
    const meaning = judge(loginOf(sessionEvent({ authInfo })), options());
    assert.deepEqual([meaning.reasons, meaning.urgent, meaning.keyFingerprint], [["the key can't be read"], true, ""]);
  }
});

Deno.test("judge() asks for what is sure: the usual address and the key, but no key of an event that was tampered with", () => {
  const asked: unknown[] = [];
  const known = (login: unknown) => {
    asked.push(login);
    return NOTHING_KNOWN;
  };
  const event = { remoteHost: "::ffff:203.0.113.7", connection: "" };
  judge(loginOf(sessionEvent(event)), options({ known }));
  judge(loginOf(sessionEvent({ ...event, tampered: ["SSH_AUTH_INFO_0"] })), options({ known }));
  judge(loginOf(CLOSE), options({ known }));
  const login = { user: "alice", address: "203.0.113.7", remoteHost: "::ffff:203.0.113.7" };
  assert.deepEqual(asked, [
    { ...login, keyFingerprint: ALICE_KEY.fingerprint },
    { ...login, keyFingerprint: "" },
  ]);
});

Deno.test("judge() makes urgent what is unexpected or of root, closes never but where tampered with", () => {
  const table: [Login, Partial<Known>, unexpected: boolean, urgent: boolean][] = [
    [loginOf(OPEN), {}, false, false],
    [loginOf(OPEN), { place: false }, true, true],
    [loginOf(sessionEvent({ user: "root" })), {}, false, true],
    [loginOf(sessionEvent({ user: "root" })), { place: false }, true, true],
    [loginOf(sessionEvent({ user: "toor" })), {}, false, false],
    [loginOf(TAMPERED), {}, true, true],
    [loginOf(CLOSE, OPEN), { user: false, place: false, key: false }, false, false],
    [loginOf(CLOSE), { user: false, place: false, key: false }, false, false],
    [loginOf(sessionEvent({ type: "close", user: "root" })), {}, false, false],
    [loginOf({ ...CLOSE, authInfo: "password" }, OPEN), {}, true, true],
  ];
  for (const [login, known, unexpected, urgent] of table) {
    const meaning = judge(login, options({}, known));
    assert.deepEqual([meaning.unexpected, meaning.urgent], [unexpected, urgent], JSON.stringify(login));
  }
});

Deno.test("judge() learns for so many days from the first event on: what is new is told, but not urgent", () => {
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
  // Events that come in the wrong order; and a first event that a wrong clock has put far into the future.
  assert.equal(at(-60_000), "learning");
  assert.equal(at(-3650 * DAY), "urgent");
});

Deno.test("judge() is as loud as ever while it learns about root, and about what was tampered with", () => {
  const known = { ...NOTHING_KNOWN, firstEventAtMs: OPEN.occurredAtMs };
  const root = judge(loginOf(sessionEvent({ user: "root" })), options({}, known));
  assert.deepEqual([root.urgent, root.reasons], [true, ["first login of root", LEARNING]]);
  const tampered = judge(loginOf(TAMPERED), options({}, known));
  assert.deepEqual([tampered.urgent, tampered.reasons], [true, ["first login of alice"]]);
  assert.equal(judge(loginOf(OPEN), options({}, NOTHING_KNOWN)).urgent, false, "the very first event");
});

const BY_KEY: AllowRule = { place: "allowlist.rules.0", reason: "key", keyFingerprints: [ALICE_KEY.fingerprint] };

Deno.test("judge() believes in a key only where the open event has it and nobody had a hand in it", () => {
  const allowed = (login: Login) => judge(login, options({ allowlist: [BY_KEY] })).verdict === "allowlisted";
  assert.ok(allowed(loginOf(OPEN)));
  assert.ok(allowed(loginOf(CLOSE, OPEN)));
  assert.ok(allowed(loginOf(sessionEvent({ authInfo: `publickey ${ALICE_KEY.public}\npassword\n` }))));
  assert.ok(!allowed(loginOf(TAMPERED)));
  assert.ok(!allowed(loginOf(CLOSE)), "a close without its open");
  assert.ok(!allowed(loginOf(CLOSE, TAMPERED)), "a close whose open was tampered with");
  assert.ok(!allowed(loginOf(CLOSE, sessionEvent({ authInfo: "password" }))), "the open had no key");
  assert.ok(!allowed(loginOf({ ...CLOSE, authInfo: "password" }, OPEN)));
  for (
    const authInfo of [
      "",
      "password",
      `hostbased ${ALICE_KEY.public}`,
      `keyboard-interactive/pam ${ALICE_KEY.public}`,
      `password\n ${ALICE_KEY.public}`,
      `publickey ${ALICE_KEY.fingerprint}`,
      `publickey ${ALICE_KEY.public}…`,
      `publickey ${ALICE_KEY.public} …`,
    ]
  ) assert.ok(!allowed(loginOf(sessionEvent({ authInfo }))), authInfo);
});

Deno.test("judge() has the first rule decide that allows, and no rule that expired by the event's clock or its own", () => {
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
  assert.equal(judge(loginOf(sessionEvent({ authInfo: "" })), options({ allowlist })).rule?.place, "b");
  assert.equal(judge(loginOf(OPEN), options({ allowlist })).rule?.place, "allowlist.rules.0");
});

Deno.test("loginOf() measures a session by its open, and nothing absurd", () => {
  const lasted = (ms: number) => loginOf({ ...CLOSE, occurredAtMs: OPEN.occurredAtMs + ms }, OPEN).durationMs;
  assert.deepEqual([0, 1, 90_000, 300 * DAY].map(lasted), [0, 1, 90_000, 300 * DAY]);
  assert.deepEqual([-1, -DAY, 400 * DAY, 20_000 * DAY].map(lasted), Array(4).fill(undefined));
  assert.equal(loginOf(CLOSE).durationMs, undefined);
});

Deno.test("loginOf() measures a session by the uptime of the host, whatever the clock did in between", () => {
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
}).map((overrides) => sessionEvent(overrides));

Deno.test("judge() has an answer to any event, and never allowlists or keeps quiet about one that was tampered with", () => {
  const rules: AllowRule[] = [...ALLOWLIST, { place: "p", reason: "r", users: ["alice"] }, BY_KEY];
  fc.assert(fc.property(anyEvent, fc.option(anyEvent, { nil: undefined }), (event, opened) => {
    const login = loginOf(event, event.type === "close" ? opened : undefined);
    const { verdict, tampered, urgent, unexpected, rule, address } = judge(login, options({ allowlist: rules }));
    if (tampered.length > 0) assert.deepEqual([verdict, urgent, unexpected], ["notify", true, true]);
    assert.equal(rule !== undefined, verdict === "allowlisted");
    if (address !== "") assert.equal(parseAddress(address)?.toString(), address);
  }));
});
