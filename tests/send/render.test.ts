import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parseAuthInfo } from "../../src/session/auth_info.ts";
import { authenticationText, localTime, MAX_SHOWN_LENGTH, notificationOf, shown } from "../../src/send/render.ts";
import { sentence } from "../../src/services/wording.ts";
import { ALICE_KEY, certificate, HOSTILE_TEXTS, judgedEvent, notification } from "../helpers/fixtures.ts";

const HOST = { name: "example.com", timezone: "Pacific/Auckland" };

Deno.test("notificationOf() returns all that is shown of an event", () => {
  const authentication = `publickey ED25519 ${ALICE_KEY.fingerprint}`;
  assert.deepEqual(notificationOf(judgedEvent(), HOST), notification({ authentication }));
  assert.deepEqual(
    notificationOf(judgedEvent({ type: "close", openedBy: 1, openUuid: "login", durationMs: 7_500_000 }), HOST),
    notification({ type: "close", sessionId: "login", urgency: "low", authentication, duration: "2 h 5 min" }),
  );
  assert.deepEqual(
    notificationOf(judgedEvent({ urgent: true, reasons: ["first login of a\nb"], isRepeat: true }), HOST),
    notification({ urgency: "urgent", authentication, reasons: ["first login of a\ufffdb"], isRepeat: true }),
  );
  assert.deepEqual(
    notificationOf(judgedEvent({ type: "close", tampered: ["PAM_USER"], urgent: true }), HOST),
    notification({
      type: "close",
      sessionId: "",
      urgency: "urgent",
      reasons: ["environment tampered with"],
      clientPort: undefined,
    }),
  );
});

Deno.test("notificationOf() shows the client's port only if it belongs to the address, and the process if it is known", () => {
  const portOf = (event: Parameters<typeof judgedEvent>[0]) => notificationOf(judgedEvent(event), HOST).clientPort;
  const rest = "50022 198.51.100.1 22";
  assert.equal(portOf({}), 50022);
  assert.equal(portOf({ remoteHost: "host.example.net" }), 50022);
  assert.equal(portOf({ type: "close", openedBy: 1 }), 50022);
  assert.equal(portOf({ address: "2001:db8::7", connection: `2001:DB8:0::7 ${rest}` }), 50022);
  const uncertain: Parameters<typeof judgedEvent>[0][] = [
    // At close, the user may have set it.
    { type: "close" },
    { tampered: ["SSH_CONNECTION"] },
    { address: "" },
    { connection: `203.0.113.8 ${rest}` },
    { connection: "" },
    ...["", "0", "65536", "-1", "22x", "1e3", " 22"].map((port) => ({ connection: `203.0.113.7 ${port}` })),
  ];
  for (const event of uncertain) assert.equal(portOf(event), undefined, JSON.stringify(event));
  const processOf = (parentPid: number) => notificationOf(judgedEvent({ parentPid }), HOST).processId;
  // The last resort knows no process, and events of the Go program have none.
  assert.deepEqual([4711, 0, -5].map(processOf), [4711, undefined, undefined]);
});

Deno.test("notificationOf() shows the address, and after it the name from the client's DNS", () => {
  const placeOf = (event: Parameters<typeof judgedEvent>[0]) => {
    const { remoteHost, dnsName, address } = notificationOf(judgedEvent(event), HOST);
    return [remoteHost, dnsName, address];
  };
  const table: [Parameters<typeof judgedEvent>[0], string[]][] = [
    [{}, ["203.0.113.7", "", "203.0.113.7"]],
    [{ remoteHost: "host.example.net" }, ["203.0.113.7", "host.example.net", "203.0.113.7"]],
    [{ remoteHost: "\u202ehost\n" }, ["203.0.113.7", "\ufffdhost\ufffd", "203.0.113.7"]],
    // As PAM passed it.
    [{ remoteHost: "::ffff:203.0.113.7" }, ["::ffff:203.0.113.7", "", "203.0.113.7"]],
    [{ remoteHost: "host.example.net", address: "" }, ["host.example.net", "", ""]],
    [{ remoteHost: "", address: "" }, ["", "", ""]],
  ];
  for (const [event, expected] of table) assert.deepEqual(placeOf(event), expected);
});

Deno.test("sentence() is identical to that of the Go program", () => {
  const table: [Parameters<typeof notification>[0], string][] = [
    [{}, "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00"],
    [
      { type: "close" },
      "'alice' (203.0.113.7) logged out from example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00",
    ],
    [{ remoteHost: "" }, "'alice' logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00"],
    [
      { dnsName: "host.example.net" },
      "'alice' (203.0.113.7, host.example.net) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00",
    ],
    [{ service: "" }, "'alice' (203.0.113.7) logged in to example.com via ssh at 2026-11-23 11:13:32+13:00"],
    [{ terminal: "", service: "" }, "'alice' (203.0.113.7) logged in to example.com at 2026-11-23 11:13:32+13:00"],
    [{ terminal: "" }, "'alice' (203.0.113.7) logged in to example.com via sshd at 2026-11-23 11:13:32+13:00"],
    [
      { reasons: ["environment tampered with"] },
      "'alice' (203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00 [environment tampered with]",
    ],
  ];
  for (const [overrides, expected] of table) assert.equal(sentence(notification(overrides)), expected);
});

Deno.test("sentence() prevents a user name from closing the quotes around it", () => {
  const user = "root' (10.0.0.1) logged in to bank.example via ssh (sshd) at noon; 'x";
  assert.deepEqual(sentence(notification({ user })).split("'").length, 3);
});

Deno.test("sentence() escapes every value from an event, and none of its own text", () => {
  const values = { user: "u", remoteHost: "r", dnsName: "d", terminal: "t", service: "s", hostName: "h" };
  assert.equal(
    sentence(notification(values), (value) => `<${value}>`),
    "'<u>' (<r>, <d>) logged in to <h> via <t> (<s>) at 2026-11-23 11:13:32+13:00",
  );
  assert.match(sentence(notification({ ...values, terminal: "" }), (value) => `<${value}>`), / via <s> at /);
});

const NAMES = new Map([[ALICE_KEY.fingerprint, "work laptop"]]);

Deno.test("authenticationText() lists each method, the key as sshd prints it, and its name", () => {
  const key = `ED25519 ${ALICE_KEY.fingerprint}`;
  const table: [authInfo: string, expected: string][] = [
    ["", ""],
    ["password\n", "password"],
    [`publickey ${ALICE_KEY.public}\n`, `publickey ${key} (work laptop)`],
    [`publickey ${ALICE_KEY.public}\npassword\n`, `publickey ${key} (work laptop), password`],
    [`publickey ${ALICE_KEY.public} signature count = 3`, `publickey ${key} (work laptop)`],
    ["keyboard-interactive/pam", "keyboard-interactive/pam"],
    ["gssapi-with-mic alice@EXAMPLE.COM", 'gssapi-with-mic "alice@EXAMPLE.COM"'],
    [
      `hostbased ${ALICE_KEY.public} client user "alice", client host "a.example"`,
      `hostbased ${key} (work laptop) client user "alice", client host "a.example"`,
    ],
    [
      'hostbased client user "a", "b"", client host "c"',
      'hostbased client user "a”, ”b”", client host "c"',
    ],
    ["hostbased alice", 'hostbased "alice"'],
    ["publickey ssh-ed25519 AAAA", "publickey with a key that can't be read"],
    ["password\n".repeat(6), "password, password, password, password, and 2 more"],
    ["\u202eevil [x](y), publickey", '"\ufffdevil" "[x](y), publickey"'],
  ];
  for (const [authInfo, expected] of table) {
    assert.equal(authenticationText(parseAuthInfo(authInfo), NAMES), expected, authInfo);
  }
});

Deno.test("authenticationText() quotes text from a certificate, so it cannot imitate the rest", () => {
  const id = 'x" (serial 1) CA ED25519 SHA256:forged\n\u202e';
  const { line, authority, fingerprint } = certificate({ id, serial: 5n });
  assert.equal(
    authenticationText(parseAuthInfo(`publickey ${line}\n`), new Map([[authority, "our CA"]])),
    `publickey ED25519-CERT ${fingerprint} (our CA) ID "x” (serial 1) CA ED25519 SHA256:forged\ufffd\ufffd" (serial 5) ` +
      `CA ED25519 ${authority} (our CA)`,
  );
});

Deno.test("notificationOf() shows no authentication that is not trusted", () => {
  const told = (overrides: Parameters<typeof judgedEvent>[0]) =>
    notificationOf(judgedEvent(overrides), { ...HOST, keyNames: NAMES }).authentication;
  assert.match(told({}), /\(work laptop\)$/);
  assert.match(told({ type: "close", openedBy: 1 }), /\(work laptop\)$/);
  assert.equal(told({ type: "close" }), "");
  assert.equal(told({ tampered: ["PAM_USER"] }), "");
  assert.equal(told({ type: "close", openedBy: 1, tampered: ["SSH_AUTH_INFO_0"] }), "");
});

Deno.test("authenticationText() is one short line for any input", () => {
  const part = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: "binary" }));
  const line = fc.oneof(
    part,
    fc.tuple(fc.constantFrom("gssapi-with-mic", "hostbased", "publickey", "x"), part).map((parts) => parts.join(" ")),
    fc.constant(`publickey ${ALICE_KEY.public}`),
    part.map((id) => `publickey ${certificate({ id, serial: 2n ** 64n - 1n }).line}`),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const text = authenticationText(parseAuthInfo(lines.join("\n")), NAMES);
      assert.ok(text.length <= 400 && text.isWellFormed());
      assert.match(text, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u);
    }),
    { numRuns: 50 },
  );
});

Deno.test("localTime() follows daylight saving time, and shows whole seconds", () => {
  const table: [instant: string, timezone: string, expected: string][] = [
    ["2026-11-22T22:13:32Z", "Pacific/Auckland", "2026-11-23 11:13:32+13:00"],
    ["2026-11-22T22:13:32.999Z", "Pacific/Auckland", "2026-11-23 11:13:32+13:00"],
    ["2026-11-22T11:00:00Z", "Pacific/Auckland", "2026-11-23 00:00:00+13:00"],
    // The clocks go back: the same hour occurs twice, with different offsets.
    ["2026-04-04T13:59:59Z", "Pacific/Auckland", "2026-04-05 02:59:59+13:00"],
    ["2026-04-04T14:00:00Z", "Pacific/Auckland", "2026-04-05 02:00:00+12:00"],
    // The clocks go forward: this hour does not exist.
    ["2026-09-26T13:59:59Z", "Pacific/Auckland", "2026-09-27 01:59:59+12:00"],
    ["2026-09-26T14:00:00Z", "Pacific/Auckland", "2026-09-27 03:00:00+13:00"],
    ["2026-07-01T12:00:00Z", "Etc/UTC", "2026-07-01 12:00:00+00:00"],
    ["2026-07-01T12:00:00Z", "America/St_Johns", "2026-07-01 09:30:00-02:30"],
    ["2026-07-01T12:00:00Z", "Asia/Kathmandu", "2026-07-01 17:45:00+05:45"],
  ];
  for (const [instant, timezone, expected] of table) assert.equal(localTime(Date.parse(instant), timezone), expected);
});

Deno.test("localTime() represents the same instant in every time zone", () => {
  const zone = fc.constantFrom(...Intl.supportedValuesOf("timeZone"));
  const instant = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2100, 0) });
  fc.assert(fc.property(zone, instant, (timezone, atMs) => {
    const { epochMilliseconds } = Temporal.Instant.from(localTime(atMs, timezone));
    assert.equal(epochMilliseconds, Math.floor(atMs / 1000) * 1000);
  }));
});

Deno.test("localTime() shows the first and the last possible instant, so no event gets stuck", () => {
  for (const timezone of ["Pacific/Auckland", "America/Adak", "+23:59", "-23:59"]) {
    for (const atMs of [-8.64e15, 8.64e15]) assert.match(localTime(atMs, timezone), /^[-+]\d{6}-\d\d-\d\d /);
  }
});

/** Invisible characters and those that change the text direction: names and examples. */
const UNSEEN: Readonly<Record<string, string>> = {
  "controls": "\0\t\n\r\x1b\x7f\x85\x9b",
  "separators of lines": "\u2028\u2029",
  "zero width": "\u200b\u200c\u200d\u2060\ufeff\u00ad",
  "direction": "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
  "annotations": "\ufff9\ufffa\ufffb",
  "tags": "\u{e0001}\u{e0041}\u{e007f}",
  "private use, unassigned": "\ue000\u{10fffd}\u0378\u{1fffe}",
  "halves of surrogate pairs": "\ud800a\udc00",
  "Hangul fillers": "\u115f\u1160\u3164\uffa0",
  "joiners and variation selectors": "\u034f\ufe00\ufe0f\u{e0100}",
};

for (const [name, characters] of Object.entries(UNSEEN)) {
  Deno.test(`shown() replaces invisible characters with U+FFFD: ${name}`, () => {
    for (const character of characters.match(/[^a]/gu) ?? []) {
      assert.equal(shown(`x${character}y`), "x\ufffdy", `U+${character.codePointAt(0)?.toString(16)}`);
    }
  });
}

Deno.test("shown() keeps visible characters", () => {
  const seen = "O'Brien-Ωμέγα_日本語 😀 <@1> 10.0.0.1";
  assert.equal(shown(seen), seen);
});

Deno.test("notificationOf() returns short and well-formed values for any event", () => {
  const text = fc.oneof(
    fc.constantFrom(...HOSTILE_TEXTS),
    fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 300 }),
    fc.string({ unit: "binary", maxLength: 300 }),
  );
  fc.assert(fc.property(text, text, text, text, (user, remoteHost, terminal, service) => {
    const values = notificationOf(judgedEvent({ user, remoteHost, terminal, service }), HOST);
    for (const value of [values.user, values.remoteHost, values.terminal, values.service]) {
      assert.ok(value.length <= MAX_SHOWN_LENGTH);
      assert.ok(value.isWellFormed());
    }
    assert.match(sentence(values), /^.*$/u);
  }));
});

Deno.test("notificationOf() shows a terminal without its directory, as login and su name it differently", () => {
  const shown = (terminal: string) => notificationOf(judgedEvent({ terminal }), HOST).terminal;
  assert.deepEqual(["/dev/tty1", "tty1", "/dev/pts/0", "ssh", "x/dev/tty1"].map(shown), [
    "tty1",
    "tty1",
    "pts/0",
    "ssh",
    "x/dev/tty1",
  ]);
  const atConsole = {
    terminal: "/dev/tty1",
    service: "login",
    remoteHost: "",
    connection: "",
    authInfo: "",
    address: "",
  };
  assert.equal(
    sentence(notificationOf(judgedEvent(atConsole), HOST)),
    "'alice' logged in to example.com via tty1 (login) at 2026-11-23 11:13:32+13:00",
  );
});
