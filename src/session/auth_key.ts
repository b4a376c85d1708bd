// Parses a public key or certificate in SSH format, and names it as ssh-keygen and sshd's log do. Pure.
//
// The longest of OpenSSH 9.2 in SSH_AUTH_INFO_0, in characters: an RSA key of 16,384 bits 2,782; its certificate, signed
// by such a key, 8,663; with 256 long principals and all options 23,771. The hook cuts a line at 8,192. A certificate
// begins with its key, which ends within 3,000 characters, and ends with the signature, which is not needed.

import { createHash } from "node:crypto";

/** A key as `ssh-keygen -lf` and sshd's log print it. */
export interface AuthKey {
  /** `ED25519`, `RSA`, `ECDSA-SK`, …, plus `-CERT` for a certificate; for an unknown type, its name on the wire. */
  readonly type: string;
  /** `SHA256:…` of the plain key, even if it is in a certificate. */
  readonly fingerprint: string;
  readonly certificate?: Certificate;
}

/** The contents of a certificate. sshd has verified its signature. */
export interface Certificate {
  /** Chosen by the authority that signed it; hostile. */
  readonly id: string;
  /** Has 64 bits, too many for a number. */
  readonly serial: string;
  /** The key that signed it; absent if the certificate is truncated before it. */
  readonly authority?: { readonly type: string; readonly fingerprint: string };
}

/**
 * sshd's name for each key type, and the fields of a plain key after its type (PROTOCOL of OpenSSH, RFC 4253 section
 * 6.6, RFC 5656 section 3.1). An `mpint` is a number, which a certificate can encode in more than one way.
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
 * Parses a public key or a certificate.
 *
 * @param type the name of its type on the wire: `ssh-ed25519`, `ssh-rsa-cert-v01@openssh.com`
 * @param base64 hostile; as sshd writes it, with padding and without spaces
 * @param options.isCut whether the hook has cut the end off
 * @returns undefined if it cannot be parsed completely; of a certificate that the hook has cut, the key is enough
 */
export function parseKey(type: string, base64: string, { isCut }: { isCut: boolean }): AuthKey | undefined {
  try {
    // fromBase64 ignores whitespace.
    if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined;
    const blob = Uint8Array.fromBase64(base64, { lastChunkHandling: isCut ? "stop-before-partial" : "strict" });
    if (type.endsWith(CERTIFICATE_SUFFIX)) return readCertificate(blob, { type, isCut });
    return isCut ? undefined : readPlainKey(blob, type);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Parses a key that is not in a certificate. For an unknown type, checks only the type name. */
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

/** Parses a certificate (PROTOCOL.certkeys of OpenSSH). Its fingerprint is that of the plain key in it. */
function readCertificate(blob: Uint8Array<ArrayBuffer>, { type, isCut }: { type: string; isCut: boolean }): AuthKey {
  const base = type.slice(0, -CERTIFICATE_SUFFIX.length);
  const plainType = KEY_TYPES.has(base) ? base : `${base}@openssh.com`;
  const known = KEY_TYPES.get(plainType);
  if (known === undefined) throw new RangeError("unknown key type");
  const reader = new BlobReader(blob);
  reader.expect(type);
  reader.string(); // the nonce
  const fields = known.fields.map((kind) => kind === "mpint" ? canonical(reader.string()) : reader.string());
  const certificate = readContents(reader, { isCut });
  const plain = [new TextEncoder().encode(plainType), ...fields].flatMap((field) => [lengthOf(field), field]);
  return {
    type: `${known.name}-CERT`,
    fingerprint: fingerprintOf(...plain),
    ...(certificate === undefined ? {} : { certificate }),
  };
}

/** Reads what follows the key in a certificate; if it is cut, as far as it goes. */
function readContents(reader: BlobReader, { isCut }: { isCut: boolean }): Certificate | undefined {
  let certificate: Certificate | undefined;
  try {
    const serial = String(reader.number(8));
    reader.number(4); // for users or for hosts
    certificate = { id: reader.text(), serial };
    reader.string(); // principals
    reader.number(8); // valid after
    reader.number(8); // valid before
    reader.string(); // critical options
    reader.string(); // extensions
    reader.string(); // reserved
    const authority = reader.string();
    certificate = { ...certificate, authority: readPlainKey(authority, new BlobReader(authority).text()) };
    reader.string(); // the signature
    reader.end();
  } catch (error) {
    if (!isCut || !(error instanceof RangeError)) throw error;
  }
  return certificate;
}

/**
 * Converts a number to the form that sshd writes. sshd accepts other forms too: with those, an authority that the user
 * controls could give the same key a different fingerprint in each certificate, and never that of sshd's log.
 */
function canonical(mpint: Uint8Array): Uint8Array {
  const start = mpint.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? new Uint8Array() : mpint.subarray(start);
  return (digits[0] ?? 0) < 0x80 ? digits : new Uint8Array([0, ...digits]);
}

/** Names the key that consists of these parts. */
function fingerprintOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return `SHA256:${hash.digest("base64").replace(/=+$/, "")}`;
}

function lengthOf({ length }: Uint8Array): Uint8Array {
  return new Uint8Array([length >>> 24, length >>> 16, length >>> 8, length]);
}

/** Reads the SSH encoding (RFC 4251, section 5). Throws a RangeError if data is missing. */
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
    if (this.text() !== text) throw new RangeError("the key has a different type");
  }

  end(): void {
    if (this.#at !== this.#blob.length) throw new RangeError("data after the key");
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#blob.length - this.#at) throw new RangeError("the key is truncated");
    return this.#blob.subarray(this.#at, this.#at += length);
  }
}
