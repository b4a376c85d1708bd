// What Deno's TLS (rustls) says of a connection that it refuses, in words that a person can act upon. Pure; decides nothing.

/** What its words mean, by a part of them. */
const MEANINGS: Readonly<Record<string, string>> = {
  UnknownIssuer: "the certificate is not signed by a CA that this host trusts; set ca_file to add one",
  CaUsedAsEndEntity:
    "the server uses the certificate of a CA, which is not allowed; create one with CA:FALSE and set ca_file to it",
  InvalidContentType: "the response is not TLS; this port may accept only http://",
  ProtocolVersion: "the server is too old: it does not support TLS 1.2",
};

/**
 * Adds what it means, and takes out what is different each time, so that one reason stays one.
 *
 * @param detail why a request has failed
 */
export function explainTls(detail: string): string {
  const lasting = detail.replace(/: verification time \d+ \(UNIX\), but .*$/s, "");
  const meaning = Object.entries(MEANINGS).find(([part]) => lasting.includes(part))?.[1];
  return meaning === undefined ? lasting : `${lasting} (${meaning})`;
}
