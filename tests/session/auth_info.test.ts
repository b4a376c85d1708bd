// Compares the parser with ssh-keygen, on keys and certificates created here. See e2e/authentication.test.ts for sshd.

import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "npm:fast-check@4.10.2";
import { cap, capAuthInfo, MAX_AUTH_INFO_LENGTH } from "../../src/event.ts";
import { MAX_AUTH_BYTES, parseAuthInfo, usedKeys } from "../../src/session/auth_info.ts";
import type { AuthKey } from "../../src/session/auth_key.ts";
import { MUST_RUN } from "../../.ci/checkout.ts";
import { isInstalled } from "../helpers/command_line.ts";
import { ALICE_KEY, certificate, HOSTILE_TEXTS, sshString as ssh } from "../helpers/fixtures.ts";

const hasKeygen = await isInstalled("ssh-keygen");
// deno-lint-ignore no-console -- reports why a test cannot run
if (!hasKeygen && !MUST_RUN) console.log("The tests against ssh-keygen are skipped: it is not installed");

/** Runs a test in its own folder, for ssh-keygen. */
function withKeygen(name: string, test: (keygen: Keygen) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !hasKeygen && !MUST_RUN,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "auth-info-" });
      try {
        await test(new Keygen(directory));
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

class Keygen {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async run(...args: string[]): Promise<{ success: boolean; stdout: string; stderr: string }> {
    const { success, stdout, stderr } = await new Deno.Command("ssh-keygen", { args, cwd: this.#directory }).output();
    const decoder = new TextDecoder();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  async need(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await this.run(...args);
    assert.ok(success, `ssh-keygen ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Type and blob, without the comment. */
  async read(name: string): Promise<string> {
    const text = await Deno.readTextFile(`${this.#directory}/${name}`);
    return text.split(" ").slice(0, 2).join(" ").trim();
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.#directory}/${name}`, text);
  }

  /** What ssh-keygen prints for a public key or certificate: `256 SHA256:… comment (ED25519)`. */
  async list(name: string): Promise<{ type: string; fingerprint: string }> {
    const line = (await this.need("-l", "-f", name)).trim();
    const [, fingerprint = "", type = ""] = /^\d+ (SHA256:\S+) .*\(([A-Z0-9-]+)\)$/.exec(line) ?? [];
    assert.ok(fingerprint !== "", line);
    return { type, fingerprint };
  }
}

function keyOf(authInfo: string): AuthKey {
  const [method, ...more] = parseAuthInfo(authInfo);
  assert.ok(method?.key !== undefined && more.length === 0, authInfo);
  return method.key;
}

function u32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff];
}

function base64(bytes: readonly number[]): string {
  return new Uint8Array(bytes).toBase64();
}

/** The fields of a public key, without its type. */
function fieldsOf(key: string): Uint8Array[] {
  const blob = Uint8Array.fromBase64(key.split(" ")[1] ?? "");
  const view = new DataView(blob.buffer);
  const fields: Uint8Array[] = [];
  for (let at = 0; at < blob.length;) {
    const length = view.getUint32(at);
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields.slice(1);
}

/** A public key of a security key. It needs no hardware unless it signs. */
function securityKey(type: "ed25519" | "ecdsa", ecdsa: string): string {
  if (type === "ed25519") {
    const name = "sk-ssh-ed25519@openssh.com";
    const publicKey = crypto.getRandomValues(new Uint8Array(32));
    return `${name} ${base64([...ssh(name), ...ssh(publicKey), ...ssh("ssh:")])}`;
  }
  const name = "sk-ecdsa-sha2-nistp256@openssh.com";
  const [curve, point] = fieldsOf(ecdsa);
  assert.ok(curve && point);
  return `${name} ${base64([...ssh(name), ...ssh(curve), ...ssh(point), ...ssh("ssh:work")])}`;
}

const TYPES: readonly (readonly string[])[] = [
  ["ed25519"],
  ["rsa", "-b", "2048"],
  ["rsa", "-b", "3072"],
  ["ecdsa", "-b", "256"],
  ["ecdsa", "-b", "384"],
  ["ecdsa", "-b", "521"],
];

/** A key of every type that this ssh-keygen supports, by file name. */
async function everyKey(keygen: Keygen): Promise<string[]> {
  const names: string[] = [];
  for (const type of TYPES) {
    const name = type.join("");
    await keygen.need("-q", "-N", "", "-C", "a comment", "-f", name, "-t", ...type);
    names.push(`${name}.pub`);
  }
  // Newer releases cannot create DSA keys.
  if ((await keygen.run("-q", "-N", "", "-f", "dsa", "-t", "dsa")).success) names.push("dsa.pub");
  for (const type of ["ed25519", "ecdsa"] as const) {
    await keygen.write(`sk-${type}.pub`, `${securityKey(type, await keygen.read("ecdsa-b256.pub"))} a comment\n`);
    names.push(`sk-${type}.pub`);
  }
  return names;
}

withKeygen("parseAuthInfo() prints every key as ssh-keygen -lf does", async (keygen) => {
  const types = new Set<string>();
  for (const name of await everyKey(keygen)) {
    const expected = await keygen.list(name);
    assert.deepEqual(keyOf(`publickey ${await keygen.read(name)}\n`), expected, name);
    assert.deepEqual(keyOf(`publickey ${await keygen.read(name)} signature count = 7\n`), expected, name);
    types.add(expected.type);
  }
  for (const type of ["ED25519", "RSA", "ECDSA", "ED25519-SK", "ECDSA-SK"]) assert.ok(types.has(type), type);
});

withKeygen(
  "parseAuthInfo() prints every certificate as ssh-keygen does: the key in it, id, serial, authority",
  async (keygen) => {
    const keys = await everyKey(keygen);
    const id = `alice"s "key" (serial 1) CA ed25519 é${"漢".repeat(20)}`;
    const serials = ["0", "5", "18446744073709551615"];
    for (const authority of ["ed25519", "rsa-b3072", "ecdsa-b521"]) {
      const signedBy = await keygen.list(`${authority}.pub`);
      for (const [index, name] of keys.entries()) {
        const serial = serials[index % serials.length] ?? "";
        await keygen.need("-q", "-s", authority, "-I", id, "-n", "alice,bob", "-z", serial, "-V", "+1h", name);
        const certificate = name.replace(/\.pub$/, "-cert.pub");
        const listed = await keygen.list(certificate);
        const key = keyOf(`publickey ${await keygen.read(certificate)}\n`);
        assert.deepEqual(key, {
          type: `${(await keygen.list(name)).type}-CERT`,
          fingerprint: (await keygen.list(name)).fingerprint,
          certificate: { id, serial, authority: signedBy },
        }, `${name} by ${authority}`);
        assert.deepEqual({ type: key.type, fingerprint: key.fingerprint }, listed);
        const detail = await keygen.need("-L", "-f", certificate);
        assert.ok(detail.includes(`Signing CA: ${signedBy.type} ${signedBy.fingerprint}`), detail);
        assert.ok(detail.includes(`Serial: ${serial}\n`), detail);
      }
    }
  },
);

/** A certificate with any fields and a valid signature. */
function certify(type: string, fields: readonly Uint8Array[]): string {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519") as { publicKey: KeyObject; privateKey: KeyObject };
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const authority = [...ssh("ssh-ed25519"), ...ssh(new Uint8Array(raw))];
  const signed = [
    ...ssh(type),
    ...ssh("nonce"),
    ...fields.flatMap((field) => ssh(field)),
    ...[...u32(0), ...u32(9)], // serial
    ...u32(1), // for users
    ...ssh("id"),
    ...ssh(new Uint8Array(ssh("alice"))),
    ...[...u32(0), ...u32(0)], // valid after
    ...[...u32(0xffffffff), ...u32(0xffffffff)], // valid before
    ...[...ssh(""), ...ssh(""), ...ssh("")],
    ...ssh(new Uint8Array(authority)),
  ];
  const signature = new Uint8Array(sign(null, new Uint8Array(signed), privateKey));
  const signatureBlob = new Uint8Array([...ssh("ssh-ed25519"), ...ssh(signature)]);
  return `${type} ${base64([...signed, ...ssh(signatureBlob)])}`;
}

// sshd accepts such a certificate, and encodes the number again before it hashes the key.
withKeygen("parseAuthInfo() knows a key by its numbers, however the certificate writes them", async (keygen) => {
  await keygen.need("-q", "-N", "", "-f", "key", "-t", "rsa", "-b", "2048");
  const expected = await keygen.list("key.pub");
  const [e, n] = fieldsOf(await keygen.read("key.pub"));
  assert.ok(e && n);
  for (const zeros of [0, 1, 5]) {
    const padded = [e, n].map((field) => new Uint8Array([...Array(zeros).fill(0), ...field]));
    const certificate = certify("ssh-rsa-cert-v01@openssh.com", padded);
    await keygen.write("padded-cert.pub", `${certificate} x\n`);
    const { success, stdout } = await keygen.run("-l", "-f", "padded-cert.pub");
    // Some releases reject more than one zero; those that accept the certificate agree with us.
    if (success || zeros === 0) assert.ok(stdout.includes(expected.fingerprint), `${zeros}: ${stdout}`);
    assert.equal(keyOf(`publickey ${certificate}`).fingerprint, expected.fingerprint, `${zeros} zeros`);
  }
});

Deno.test("parseAuthInfo() reads one method per line, as sshd writes them", () => {
  const key = { type: "ED25519", fingerprint: ALICE_KEY.fingerprint };
  const table: [authInfo: string, expected: ReturnType<typeof parseAuthInfo>][] = [
    ["", []],
    ["\n\n", []],
    ["password\n", [{ method: "password" }]],
    ["none", [{ method: "none" }]],
    [`publickey ${ALICE_KEY.public}\npassword\n`, [{ method: "publickey", key }, { method: "password" }]],
    ["keyboard-interactive/pam\n", [{ method: "keyboard-interactive/pam" }]],
    ["gssapi-with-mic alice@EXAMPLE.COM\n", [{ method: "gssapi-with-mic", more: "alice@EXAMPLE.COM" }]],
    [
      `hostbased ${ALICE_KEY.public} client user "alice", client host "laptop.example"\n`,
      [{ method: "hostbased", key, more: 'client user "alice", client host "laptop.example"' }],
    ],
    [
      `publickey ${ALICE_KEY.public} signature count = 4294967295\n`,
      [{ method: "publickey", key }],
    ],
  ];
  for (const [authInfo, expected] of table) assert.deepEqual(parseAuthInfo(authInfo), expected, authInfo);
});

Deno.test("parseAuthInfo() returns the fingerprint of an unknown key type, but rejects its certificates", () => {
  const blob = base64([...ssh("ssh-mldsa87@example.com"), ...ssh("whatever")]);
  const key = keyOf(`publickey ssh-mldsa87@example.com ${blob}`);
  assert.equal(key.type, "ssh-mldsa87@example.com");
  assert.match(key.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
  // The fingerprint of a certificate would be that of the certificate, not of the key in it.
  for (const version of ["v00", "v01", "v02"]) {
    for (const plain of ["ssh-mldsa87", "ssh-rsa"]) {
      const type = `${plain}-cert-${version}@openssh.com`;
      const certificate = base64([...ssh(type), ...ssh("whatever")]);
      assert.equal(parseAuthInfo(`publickey ${type} ${certificate}`)[0]?.key, undefined, type);
    }
  }
});

Deno.test("parseAuthInfo() returns the same fingerprint for a key and its certificate, whatever byte its numbers begin with", () => {
  for (let first = 1; first < 256; first++) {
    const digits = new Uint8Array([first, 1, 2, 3]);
    // A zero comes first if the number would otherwise be negative (RFC 4251, section 5).
    const number = first < 0x80 ? digits : new Uint8Array([0, ...digits]);
    const plain = base64([...ssh("ssh-rsa"), ...ssh(number), ...ssh(number)]);
    const { fingerprint } = keyOf(`publickey ssh-rsa ${plain}`);
    for (const written of [number, digits, new Uint8Array([0, 0, ...digits])]) {
      const certificate = certify("ssh-rsa-cert-v01@openssh.com", [written, written]);
      assert.equal(keyOf(`publickey ${certificate}`).fingerprint, fingerprint, `${first}`);
    }
  }
});

Deno.test("parseAuthInfo() returns no key that it cannot parse completely", () => {
  const [type = "", blob = ""] = ALICE_KEY.public.split(" ");
  const bytes = [...Uint8Array.fromBase64(blob)];
  const odd = [
    "",
    type,
    `${type} `,
    `${type}  ${blob}`,
    `${type} ${blob.slice(0, -1)}`,
    `${type} ${blob.slice(0, -4)}`,
    `${type} ${blob}=`,
    `${type} ${blob}\t`,
    `${type} ${blob.slice(0, 20)}\t${blob.slice(20)}`,
    `${type} ${base64([...bytes, 0])}`,
    `${type} ${base64(bytes.slice(0, -1))}`,
    `${type} ${base64([...ssh(type), 0xff, 0xff, 0xff, 0xff, 1])}`,
    `ssh-rsa ${blob}`,
    `ssh-ed25519-cert-v01@openssh.com ${blob}`,
    `SSH-ED25519 ${blob}`,
    `__proto__ ${base64(ssh("__proto__"))}`,
    `-cert-v01@openssh.com ${base64(ssh("-cert-v01@openssh.com"))}`,
    `${type} ${ALICE_KEY.fingerprint}`,
  ];
  for (const more of odd) {
    const methods = parseAuthInfo(`publickey ${more}`);
    assert.deepEqual(methods.map(({ method, key }) => [method, key]), [["publickey", undefined]], more);
    assert.deepEqual(usedKeys(methods), { fingerprints: [], hasUnreadable: true }, more);
  }
});

Deno.test("parseAuthInfo() returns no key from a truncated line, unless the key is whole", () => {
  const filler = (length: number) => `password ${"x".repeat(length)}\n`;
  const key = `publickey ${ALICE_KEY.public} `;
  const line = `${key}signature count = 1\n`;
  const cutLine = 8_000 - filler(0).length;
  for (let left = 1; left <= line.length + 1; left++) {
    const cut = cap(`${filler(cutLine - left)}${line}${line}`, 8_000);
    assert.ok(cut.endsWith("…") && cut.length === 8_000);
    const expected = left > key.length ? [ALICE_KEY.fingerprint] : [];
    const keys = usedKeys(parseAuthInfo(cut));
    assert.deepEqual(keys, { fingerprints: expected, hasUnreadable: true }, `${left} left`);
  }
});

Deno.test("parseAuthInfo() detects truncation even after characters that look like a line end", () => {
  for (const separator of ["\r", "\u2028", "\u2029", "\x85", "\v"]) {
    const methods = parseAuthInfo(`publickey ssh-ed25519 ${separator} publickey ${ALICE_KEY.public}…`);
    assert.deepEqual(methods, [{ method: "publickey" }, { method: "…" }]);
  }
});

/** A public RSA key of 16,384 bits, the longest that OpenSSH accepts: any odd number will do. */
function longestKey(): string {
  const modulus = crypto.getRandomValues(new Uint8Array(2049));
  modulus[0] = 0;
  modulus[1] = 0xff;
  modulus[2048] = 0xff;
  return `ssh-rsa ${base64([...ssh("ssh-rsa"), ...ssh(new Uint8Array([1, 0, 1])), ...ssh(modulus)])}`;
}

/** A certificate for a key by an RSA key, with fields of the given lengths. Its signature is invalid. */
function rsaCertificate(
  key: string,
  { authority, nonce = 32, id = 5, principals = 9, extensions = 130 }: {
    authority: string;
    nonce?: number;
    id?: number;
    principals?: number;
    extensions?: number;
  },
): string {
  const type = "ssh-rsa-cert-v01@openssh.com";
  const filled = (length: number) => ssh(new Uint8Array(length).fill(0x78));
  const blob = [
    ...[ssh(type), filled(nonce), ...fieldsOf(key).map((field) => ssh(field))],
    ...[Array(8).fill(0xff), u32(1), filled(id), filled(principals), Array(16).fill(0xff), filled(0)],
    ...[filled(extensions), filled(0), ssh(Uint8Array.fromBase64(authority.split(" ")[1] ?? "")), filled(2068)],
  ].flat();
  return `${type} ${base64(blob)}`;
}

withKeygen(
  "parseAuthInfo() names the longest key and its certificates as ssh-keygen does, though the hook cuts them",
  async (keygen) => {
    const [user, authority] = [longestKey(), longestKey()];
    await keygen.write("user.pub", `${user} x\n`);
    await keygen.write("authority.pub", `${authority} x\n`);
    const expected = await keygen.list("user.pub");
    const ca = await keygen.list("authority.pub");
    const line = (more: string) => capAuthInfo(`publickey ${more}\n`);
    assert.deepEqual(keyOf(line(user)), expected);

    const serial = "18446744073709551615";
    const plain = rsaCertificate(user, { authority });
    // As long as those of ssh-keygen 9.2: see event.ts.
    assert.ok(Math.abs(`publickey ${plain}`.length - 8_663) < 100, `${plain.length}`);
    const whole = { type: "RSA-CERT", fingerprint: expected.fingerprint };
    assert.deepEqual(keyOf(line(plain)), { ...whole, certificate: { id: "xxxxx", serial, authority: ca } });
    const cut = { ...whole, certificate: { id: "xxxxx", serial } };
    for (const longer of [{ principals: 8_000 }, { extensions: 12_000 }, { principals: 10_000, extensions: 90_000 }]) {
      assert.deepEqual(keyOf(line(rsaCertificate(user, { authority, ...longer }))), cut);
    }
    assert.deepEqual(keyOf(line(rsaCertificate(user, { authority, id: 60_000 }))), whole);
    // Only its own authority can make such a certificate.
    const hostile = parseAuthInfo(line(rsaCertificate(user, { authority, nonce: 12_000 })));
    assert.deepEqual(usedKeys(hostile), { fingerprints: [], hasUnreadable: true });

    // The keys of two long certificates.
    const other = longestKey();
    await keygen.write("other.pub", `${other} x\n`);
    const two = [user, other].map((key) => `publickey ${rsaCertificate(key, { authority, extensions: 12_000 })}\n`);
    assert.deepEqual(
      usedKeys(parseAuthInfo(capAuthInfo(two.join("")))).fingerprints,
      [expected.fingerprint, (await keygen.list("other.pub")).fingerprint],
    );
  },
);

Deno.test("parseAuthInfo() keeps the fingerprints and what else of hostile texts fits, within its limit", () => {
  const sizeOf = (authInfo: string) => new TextEncoder().encode(JSON.stringify(parseAuthInfo(authInfo))).length;
  for (const id of HOSTILE_TEXTS) {
    const { line, authority } = certificate({ id, serial: 2n ** 64n - 1n });
    assert.ok(sizeOf(`publickey ${line}\n`) <= MAX_AUTH_BYTES, id.slice(0, 20));
    const [method] = parseAuthInfo(`publickey ${line}\n`);
    assert.equal(method?.key?.fingerprint, ALICE_KEY.fingerprint);
    assert.deepEqual(method.key.certificate?.authority, { type: "ED25519", fingerprint: authority }, id.slice(0, 20));
    const factors = `publickey ${line}\npublickey ${ALICE_KEY.public}\npublickey ${line}\nkeyboard-interactive/pam\n`;
    assert.ok(sizeOf(factors) <= MAX_AUTH_BYTES);
    const keys = parseAuthInfo(factors).map(({ method, key }) => [method, key?.fingerprint]);
    assert.deepEqual(keys.slice(0, 2), Array(2).fill(["publickey", ALICE_KEY.fingerprint]));
  }
  const name = "a".repeat(64);
  assert.deepEqual(parseAuthInfo(`${name}\n`.repeat(100)).at(-1), { method: "…" });
  assert.ok(usedKeys(parseAuthInfo("password\n".repeat(9))).hasUnreadable, "a key may have been left out");
});

Deno.test("usedKeys() returns the user's keys, each once, and reports a key that cannot be read", () => {
  const line = `publickey ${ALICE_KEY.public}\n`;
  const keys = (authInfo: string) => usedKeys(parseAuthInfo(authInfo));
  assert.deepEqual(keys(`${line}${line}`), { fingerprints: [ALICE_KEY.fingerprint], hasUnreadable: false });
  assert.deepEqual(keys(`${line}publickey ssh-ed25519 AAAA`), {
    fingerprints: [ALICE_KEY.fingerprint],
    hasUnreadable: true,
  });
  // The key of the client host is not the user's.
  assert.deepEqual(keys(`hostbased ${ALICE_KEY.public}\npassword`), { fingerprints: [], hasUnreadable: false });
});

Deno.test("parseAuthInfo() accepts any text quickly, even 12 KiB of garbage", () => {
  const token = fc.constantFrom(
    ..."publickey hostbased password ssh-ed25519 ssh-rsa-cert-v01@openssh.com AAAA = …".split(" "),
    ...[" ", "\n", "\0", ALICE_KEY.public, base64(ssh("ssh-ed25519")), base64(ssh("ssh-rsa-cert-v01@openssh.com"))],
  );
  const text = fc.oneof(
    fc.constantFrom(...HOSTILE_TEXTS),
    fc.string({ unit: "binary" }),
    fc.array(token).map((tokens) => tokens.join(" ")),
    fc.uint8Array().map((bytes) => `publickey ssh-ed25519-cert-v01@openssh.com ${base64([...bytes])}`),
  );
  const before = performance.now();
  fc.assert(fc.property(text, (text) => {
    const methods = parseAuthInfo(text);
    assert.ok(new TextEncoder().encode(JSON.stringify(methods)).length <= MAX_AUTH_BYTES);
    assert.deepEqual(JSON.parse(JSON.stringify(methods)), methods);
    for (const { method, key } of methods) {
      assert.ok(method === "…" || text.includes(method.replace(/…$/, "")));
      if (key !== undefined) assert.match(key.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
    }
  }));
  for (const unit of ["\n", " ", "x\n", "publickey \n", "A", "publickey ssh-ed25519 ", "漢"]) {
    parseAuthInfo(cap(unit.repeat(MAX_AUTH_INFO_LENGTH), MAX_AUTH_INFO_LENGTH));
  }
  parseAuthInfo(`publickey ssh-rsa ${"A".repeat(16_000)}`);
  assert.ok(performance.now() - before < 30_000);
});

withKeygen("parseAuthInfo() believes in no certificate with any part cut off, or anything added", async (keygen) => {
  await keygen.need("-q", "-N", "", "-f", "key", "-t", "ed25519");
  await keygen.need("-q", "-s", "key", "-I", "id", "key.pub");
  const [type = "", blob = ""] = (await keygen.read("key-cert.pub")).split(" ");
  const bytes = [...Uint8Array.fromBase64(blob)];
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(parseAuthInfo(`publickey ${type} ${base64(bytes.slice(0, length))}`)[0]?.key, undefined);
  }
  assert.equal(parseAuthInfo(`publickey ${type} ${base64([...bytes, 0])}`)[0]?.key, undefined);
});
