import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { MAX_AUTH_INFO_LENGTH, MAX_NAME_LENGTH, type SessionEvent } from "../../src/event.ts";
import { type Environment, NOT_UTF8, readSessionEvent } from "../../src/hook/environment.ts";
import { HOSTILE_TEXTS } from "../helpers/fixtures.ts";

/** One entry of `environ`, as the kernel passes it. */
type Entry = readonly [name: string, value: string | Uint8Array];

const INVALID = new Uint8Array([0x61, 0xff, 0x62]);
const CIRCUMSTANCES = { uuid: "uuid-1", occurredAtMs: 1_800_000_000_000, uptimeSeconds: 86_400, parentPid: 4711 };

/** The variable of each event field. */
const FIELDS = {
  PAM_USER: "user",
  PAM_RHOST: "remoteHost",
  PAM_TTY: "terminal",
  PAM_SERVICE: "service",
  SSH_CONNECTION: "connection",
  SSH_AUTH_INFO_0: "authInfo",
} as const satisfies Record<string, keyof SessionEvent>;

const HONEST: readonly Entry[] = [
  ["PAM_USER", "alice"],
  ["PAM_RHOST", "203.0.113.7"],
  ["PAM_TTY", "ssh"],
  ["PAM_SERVICE", "sshd"],
  ["SSH_CONNECTION", "203.0.113.7 50022 198.51.100.1 22"],
  ["SSH_AUTH_INFO_0", "publickey ssh-ed25519 AAAA\n"],
];
const OPEN: Entry = ["PAM_TYPE", "open_session"];

/** The text of a value, or undefined if it is not UTF-8. */
function decoded(value: string | Uint8Array): string | undefined {
  try {
    return typeof value === "string" ? value : new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return undefined;
  }
}

/**
 * Imitates `Deno.env` for any list of entries, including duplicates. Deno 2.7.11 and 2.9.6 behave like this (tried with
 * execve(2)): `get` returns the first entry and throws if it is not UTF-8; `toObject` has the last entry that is.
 */
function environment(entries: readonly Entry[]): Environment {
  return {
    get(name) {
      const entry = entries.find(([other]) => other === name);
      if (entry === undefined) return undefined;
      const value = decoded(entry[1]);
      if (value === undefined) throw new Deno.errors.InvalidData("environment variable was not valid unicode");
      return value;
    },
    toObject: () =>
      Object.fromEntries(entries.flatMap(([name, raw]) => {
        const value = decoded(raw);
        return value === undefined ? [] : [[name, value]];
      })),
  };
}

function read(entries: readonly Entry[]): SessionEvent | undefined {
  return readSessionEvent(environment(entries), CIRCUMSTANCES);
}

Deno.test("readSessionEvent() reads each field from its variable, and the rest from the circumstances", () => {
  assert.deepEqual(read([...HONEST, OPEN]), {
    ...CIRCUMSTANCES,
    type: "open",
    user: "alice",
    remoteHost: "203.0.113.7",
    terminal: "ssh",
    service: "sshd",
    connection: "203.0.113.7 50022 198.51.100.1 22",
    authInfo: "publickey ssh-ed25519 AAAA\n",
    tampered: [],
  });
  assert.equal(read([...HONEST, ["PAM_TYPE", "close_session"]])?.type, "close");
});

Deno.test("readSessionEvent() returns no event for anything but the start or end of a session", () => {
  const types = ["auth", "account", "password", "setcred", "", "OPEN_SESSION", "open_session ", "__proto__", INVALID];
  for (const type of types) assert.equal(read([...HONEST, ["PAM_TYPE", type]]), undefined, String(type));
  assert.equal(read(HONEST), undefined, "unset");
});

Deno.test("readSessionEvent() reads an unset variable as empty, without a tampering report", () => {
  const event = read([OPEN]);
  for (const field of Object.values(FIELDS)) assert.equal(event?.[field], "", field);
  assert.deepEqual(event?.tampered, []);
});

for (const [name, field] of Object.entries(FIELDS)) {
  Deno.test(`readSessionEvent() uses the last ${name}, and reports the duplicate`, () => {
    const event = read([[name, "forged"], ...HONEST, OPEN]);
    assert.equal(event?.[field], HONEST.find(([other]) => other === name)?.[1]);
    assert.deepEqual(event?.tampered, [name]);
  });

  Deno.test(`readSessionEvent() records an event whose ${name} is not valid UTF-8, with a placeholder`, () => {
    const event = read([...HONEST.filter(([other]) => other !== name), [name, INVALID], OPEN]);
    assert.equal(event?.[field], NOT_UTF8);
    assert.deepEqual(event?.tampered, [name]);
  });

  Deno.test(`readSessionEvent() uses a ${name} that follows one that is not valid UTF-8, and reports it`, () => {
    const event = read([[name, INVALID], ...HONEST, OPEN]);
    assert.equal(event?.[field], HONEST.find(([other]) => other === name)?.[1]);
    assert.deepEqual(event?.tampered, [name]);
  });
}

Deno.test("readSessionEvent() records the session even if a forged PAM_TYPE precedes pam_exec's", () => {
  for (const forged of ["auth", "close_session", INVALID]) {
    const event = read([["PAM_TYPE", forged], ...HONEST, OPEN]);
    assert.equal(event?.type, "open");
    assert.deepEqual(event?.tampered, ["PAM_TYPE"]);
  }
});

Deno.test("readSessionEvent() never reads PAM_RUSER, which a user can forge undetected", () => {
  const asked: string[] = [];
  const entries: Entry[] = [...HONEST, ["PAM_RUSER", "forged-ruser"], OPEN];
  const honest = environment(entries);
  const event = readSessionEvent({
    get: (name) => {
      asked.push(name);
      return honest.get(name);
    },
    toObject: () => honest.toObject(),
  }, CIRCUMSTANCES);
  assert.ok(!asked.includes("PAM_RUSER"));
  assert.doesNotMatch(JSON.stringify(event), /forged-ruser|PAM_RUSER/);
});

Deno.test("readSessionEvent() caps names at 256 and a line of the auth info at 8 Ki", () => {
  for (const [name, field] of Object.entries(FIELDS)) {
    const longest = field === "authInfo" ? 8 * 1024 : 256;
    const fits = "x".repeat(longest);
    assert.equal(read([[name, fits], OPEN])?.[field], fits, name);
    assert.equal(read([[name, `${fits}y`], OPEN])?.[field], `${"x".repeat(longest - 1)}…`, name);
  }
});

const hostileValue = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.uint8Array({ maxLength: 20 }),
);
const hostileName = fc.oneof(
  fc.constantFrom("PAM_TYPE", "PAM_RUSER", ...Object.keys(FIELDS)),
  fc.constantFrom("LD_PRELOAD", "DENO_DIR", "__proto__", "constructor", "toString", "pam_user", ""),
);

Deno.test("readSessionEvent() returns exactly one complete event for any environment of an opened session", () => {
  fc.assert(fc.property(fc.array(fc.tuple(hostileName, hostileValue), { maxLength: 20 }), (forged) => {
    const entries: Entry[] = [...forged, OPEN];
    const event = read(entries);
    assert.ok(event !== undefined);
    assert.equal(event.type, "open");
    assert.deepEqual(JSON.parse(JSON.stringify(event)), event);
    for (const [name, field] of Object.entries(FIELDS)) {
      assert.ok(event[field].length <= (field === "authInfo" ? MAX_AUTH_INFO_LENGTH : MAX_NAME_LENGTH), name);
      assert.ok(event[field].isWellFormed(), name);
      const all = entries.filter(([other]) => other === name).map(([, value]) => decoded(value));
      if (all.length <= 1) assert.equal(event.tampered.includes(name), all.includes(undefined), name);
      // Deno cannot detect a last entry that is not UTF-8 after one that is. pam_exec never writes one.
      const last = all.at(-1);
      if (last !== undefined) {
        const kept = field === "authInfo" ? last.replace(/[^\n\x20-\x7e…]/g, "?") : last;
        assert.equal(event[field].slice(0, 200), kept.slice(0, 200).toWellFormed().slice(0, event[field].length), name);
        assert.equal(event.tampered.includes(name), all[0] !== last, name);
      }
    }
  }));
});
