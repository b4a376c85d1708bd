// A client certificate and its private key. Rejects all that Deno's TLS library cannot use: before 2.9, Deno ends the
// process when it is given such a pair.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[^-]+-----END \1-----/;
const ENCRYPTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/** The start of an X.509 version 3 certificate, in hexadecimal DER (RFC 5280, section 4.1). */
const VERSION_3 = /^30(?:81..|82....)30(?:81..|82....)a003020102/;

const CURVES: readonly unknown[] = ["prime256v1", "secp384r1", "secp521r1"];

/** The certificates in a PEM file, that of the client first. Throws an error that says why they are not usable. */
export function clientCertificatesIn(text: string): string {
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new Error("the file has no certificate in PEM format");
  if (!certificates.every((pem) => VERSION_3.test(derOf(pem)))) {
    throw new Error("a certificate is X.509 version 1; create one of version 3: openssl x509 -req -extfile ...");
  }
  return certificates.join("\n");
}

/** A certificate in hexadecimal DER. */
function derOf(pem: string): string {
  try {
    return new X509Certificate(pem).raw.toHex();
  } catch (cause) {
    throw new Error("a certificate is damaged", { cause });
  }
}

/** The private key in a PEM file, as PKCS #8. Throws an error that says why it is not usable with the certificate. */
export function privateKeyIn(text: string, certificates: string): string {
  if (ENCRYPTED_KEY.test(text)) {
    throw new Error("the private key is encrypted; remove the passphrase: openssl pkey -in FILE -out FILE");
  }
  const [pem] = PRIVATE_KEY.exec(text) ?? [];
  if (pem === undefined) throw new Error("the file has no private key in PEM format");
  const key = parseKey(pem);
  if (!isSupported(key)) {
    throw new Error("the private key must be RSA (2048 to 8192 bits), P-256, P-384, P-521 or Ed25519");
  }
  if (!belongsTo(certificates, key)) {
    throw new Error("the private key does not belong to the first certificate in client_cert_file");
  }
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error("the private key is damaged", { cause });
  }
}

function isSupported({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): boolean {
  const { modulusLength: bits = 0, namedCurve } = details;
  return type === "ed25519" || (type === "ec" && CURVES.includes(namedCurve)) ||
    (type === "rsa" && bits >= 2048 && bits <= 8192);
}

function belongsTo(certificates: string, key: KeyObject): boolean {
  const [first = ""] = certificates.match(CERTIFICATE) ?? [];
  try {
    return new X509Certificate(first).checkPrivateKey(key);
  } catch {
    return false;
  }
}
