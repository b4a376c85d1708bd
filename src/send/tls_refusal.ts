// What Deno's TLS (rustls) says of a connection that it refuses, in words that a person can act upon. Pure; decides nothing.

/** What its words mean, by a part of them. */
const MEANINGS: Readonly<Record<string, string>> = {
  UnknownIssuer: "nobody whom this host trusts has signed the certificate; ca_file names whom to trust too",
  CaUsedAsEndEntity:
    "the certificate is that of an authority, and no server may use it: make one with CA:FALSE, and put that into ca_file",
  InvalidContentType: "the answer was not TLS; does that port take http:// alone?",
  ProtocolVersion: "the server is too old: it has no TLS 1.2",
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
