// SSH_AUTH_INFO_0 -> how the user got in: methods, key types, fingerprints, certificates. Pure.
// The rule: what is not understood whole is not believed, and nothing that is written here makes it throw.

import { createHash } from "node:crypto";

/** A key as `ssh-keygen -lf` and sshd's log print it. */
export interface AuthKey {
  /** `ED25519`, `RSA`, `ECDSA-SK`, … with `-CERT` for a certificate; the name on the wire of a type that is newer. */
  readonly type: string;
  /** `SHA256:…` of the plain key, also where it came in a certificate. */
  readonly fingerprint: string;
  readonly certificate?: Certificate;
}

/** What a certificate says; sshd has checked its signature. */
export interface Certificate {
  /** Whatever its authority wrote there: raw and hostile. */
  readonly id: string;
  readonly serial: bigint;
  /** The key that signed it. */
  readonly authority: { readonly type: string; readonly fingerprint: string };
}

/** One completed method. */
export interface AuthMethod {
  /** `publickey`, `password`, `keyboard-interactive/pam`, …: raw and hostile. */
  readonly method: string;
  /** Absent where the method has none, and where it is not understood whole. */
  readonly key?: AuthKey;
  /** What follows, such as the client's user and host of `hostbased`: raw and hostile. */
  readonly more: string;
}

/** What keys the user came with. */
export interface UsedKeys {
  /** Each once, in the order of use. */
  readonly fingerprints: readonly string[];
  /** Whether there was one that can't be told. */
  readonly hasUnreadable: boolean;
}

/** The methods that come with a key; that of `hostbased` is the client host's. */
const KEY_METHODS = ["publickey", "hostbased"];

/** What event.ts puts where it cuts a value. */
const CUT = "…";

/**
 * The fields of a plain key, after its type (PROTOCOL of OpenSSH, RFC 4253 section 6.6, RFC 5656 section 3.1), and the
 * name that sshd has for the type. An `mpint` is a number, which may be written in a certificate in more than one way.
 */
const KEY_TYPES: ReadonlyMap<string, { readonly name: string; readonly fields: readonly ("string" | "mpint")[] }> =
  new Map([
    ["ssh-ed25519", { name: "ED25519", fields: ["string"] }],
    ["ssh-rsa", { name: "RSA", fields: ["mpint", "mpint"] }],
    ["ssh-dss", { name: "DSA", fields: ["mpint", "mpint", "mpint", "mpint"] }],
    ["ecdsa-sha2-nistp256", { name: "ECDSA", fields: ["string", "string"] }],
    ["ecdsa-sha2-nistp384", { name: "ECDSA", fields: ["string", "string"] }],
    ["ecdsa-sha2-nistp521", { name: "ECDSA", fields: ["string", "string"] }],
    ["sk-ssh-ed25519@openssh.com", { name: "ED25519-SK", fields: ["string", "string"] }],
    ["sk-ecdsa-sha2-nistp256@openssh.com", { name: "ECDSA-SK", fields: ["string", "string", "string"] }],
  ]);

const CERTIFICATE_SUFFIX = "-cert-v01@openssh.com";

/**
 * Reads what sshd says of how the user got in: a line a method, `method[/submethod][ keytype base64][ more]`
 * (auth2_update_session_info in auth2.c of OpenSSH).
 *
 * @param authInfo as an event has it: hostile, and perhaps cut, in which case the last line is believed no further than
 *   its method
 */
export function parseAuthInfo(authInfo: string): AuthMethod[] {
  const lines = authInfo.split("\n");
  return lines.flatMap((line, index) => {
    if (line === "") return [];
    const isCut = index === lines.length - 1 && line.endsWith(CUT);
    return parseLine(isCut ? line.replace(/ .*/, "") : line);
  });
}

/** The keys of the user among the methods. */
export function usedKeys(methods: readonly AuthMethod[]): UsedKeys {
  const keys = methods.filter(({ method }) => method === "publickey").map(({ key }) => key);
  return {
    fingerprints: [...new Set(keys.flatMap((key) => key === undefined ? [] : key.fingerprint))],
    hasUnreadable: keys.includes(undefined),
  };
}

function parseLine(line: string): AuthMethod {
  const [method = "", type = "", base64 = "", ...rest] = line.split(" ");
  const key = KEY_METHODS.includes(method) ? parseKey(type, base64) : undefined;
  return key === undefined ? { method, more: line.slice(method.length + 1) } : { method, key, more: rest.join(" ") };
}

function parseKey(type: string, base64: string): AuthKey | undefined {
  try {
    // Whitespace would be passed over.
    if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined;
    const blob = Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" });
    return type.endsWith(CERTIFICATE_SUFFIX) ? readCertificate(blob, type) : readPlainKey(blob, type);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Reads a key that is not in a certificate; of a type that is newer than this program, no more than that it is one. */
function readPlainKey(blob: Uint8Array<ArrayBuffer>, type: string): AuthKey {
  const reader = new BlobReader(blob);
  reader.expect(type);
  const known = KEY_TYPES.get(type);
  if (known !== undefined) {
    known.fields.forEach(() => reader.string());
    reader.end();
  } else if (type.includes("-cert-") || !/^[-a-z0-9@.]{1,64}$/.test(type)) {
    throw new RangeError("not a plain key");
  }
  return { type: known?.name ?? type, fingerprint: fingerprintOf(blob) };
}

/** Reads a certificate (PROTOCOL.certkeys of OpenSSH). Its fingerprint is that of the plain key in it. */
function readCertificate(blob: Uint8Array<ArrayBuffer>, type: string): AuthKey {
  const base = type.slice(0, -CERTIFICATE_SUFFIX.length);
  const plainType = KEY_TYPES.has(base) ? base : `${base}@openssh.com`;
  const known = KEY_TYPES.get(plainType);
  if (known === undefined) throw new RangeError("not a type that is known");
  const reader = new BlobReader(blob);
  reader.expect(type);
  reader.string(); // the nonce
  const fields = known.fields.map((kind) => kind === "mpint" ? canonical(reader.string()) : reader.string());
  const serial = reader.number(8);
  reader.number(4); // for users or for hosts
  const id = new TextDecoder().decode(reader.string());
  reader.string(); // principals
  reader.number(8); // valid after
  reader.number(8); // valid before
  reader.string(); // critical options
  reader.string(); // extensions
  reader.string(); // reserved
  const authority = reader.string();
  reader.string(); // the signature
  reader.end();
  const plain = [new TextEncoder().encode(plainType), ...fields].flatMap((field) => [...lengthOf(field), ...field]);
  return {
    type: `${known.name}-CERT`,
    fingerprint: fingerprintOf(new Uint8Array(plain)),
    certificate: { id, serial, authority: readPlainKey(authority, new BlobReader(authority).text()) },
  };
}

/**
 * A number in the one form that sshd writes. It reads others too: an authority of the user's own could give a known key
 * another fingerprint than sshd's log has, and a new one with each certificate.
 */
function canonical(mpint: Uint8Array): Uint8Array {
  const start = mpint.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? new Uint8Array() : mpint.subarray(start);
  return (digits[0] ?? 0) < 0x80 ? digits : new Uint8Array([0, ...digits]);
}

function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

function lengthOf({ length }: Uint8Array): number[] {
  return [length >>> 24, length >>> 16 & 0xff, length >>> 8 & 0xff, length & 0xff];
}

/** Reads the encoding of SSH (RFC 4251, section 5). What is not there is a RangeError. */
class BlobReader {
  readonly #blob: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(blob: Uint8Array<ArrayBuffer>) {
    this.#blob = blob;
  }

  /** A big-endian number. */
  number(bytes: 4 | 8): bigint {
    return this.#take(bytes).reduce((value, byte) => value << 8n | BigInt(byte), 0n);
  }

  string(): Uint8Array<ArrayBuffer> {
    return this.#take(Number(this.number(4)));
  }

  text(): string {
    return new TextDecoder().decode(this.string());
  }

  expect(text: string): void {
    if (this.text() !== text) throw new RangeError("another type than the line says");
  }

  end(): void {
    if (this.#at !== this.#blob.length) throw new RangeError("more than a key");
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#blob.length - this.#at) throw new RangeError("cut short");
    return this.#blob.subarray(this.#at, this.#at += length);
  }
}
