// Adds advice to the errors of Deno's TLS library (rustls). For people only; no decision depends on it. Pure.

const NOT_ACCEPTED = "the server does not accept the client certificate in client_cert_file";
const UNTRUSTED = "not signed by a CA that this host trusts; install ca-certificates, or set ca_file to add one";

/** The advice for an error, by a part of its message. */
const MEANINGS: Readonly<Record<string, string>> = {
  UnknownIssuer: `the certificate is ${UNTRUSTED}`,
  // The same errors of node:tls, which sends mail.
  "self-signed certificate": `the certificate is ${UNTRUSTED}`,
  "unable to get local issuer certificate": `the certificate is ${UNTRUSTED}`,
  "unable to verify the first certificate": `the certificate is ${UNTRUSTED}`,
  // In Deno 2.7, node:tls gives this error for any certificate that it rejects after STARTTLS.
  "write UNKNOWN": `the certificate has expired, is for another name, or is ${UNTRUSTED}`,
  CaUsedAsEndEntity:
    "the server uses the certificate of a CA, which is not allowed; create one with CA:FALSE and set ca_file to it",
  InvalidContentType: "the response is not TLS; this port may accept only unencrypted connections",
  ProtocolVersion: "the server is too old: it does not support TLS 1.2",
  "fatal alert: CertificateRequired":
    "the server requires a client certificate; set client_cert_file and client_key_file",
  "fatal alert: UnknownCA": NOT_ACCEPTED,
  "fatal alert: BadCertificate": NOT_ACCEPTED,
  "fatal alert: CertificateUnknown": NOT_ACCEPTED,
  "fatal alert: CertificateExpired": NOT_ACCEPTED,
  "fatal alert: CertificateRevoked": NOT_ACCEPTED,
};

/**
 * Adds advice, and removes the parts that differ each time, so that the same error always gives the same reason.
 *
 * @param detail why a request failed
 */
export function explainTls(detail: string): string {
  const lasting = detail.replace(/: verification time \d+ \(UNIX\), but .*$/s, "");
  const meaning = Object.entries(MEANINGS).find(([part]) => lasting.includes(part))?.[1];
  return meaning === undefined ? lasting : `${lasting} (${meaning})`;
}
