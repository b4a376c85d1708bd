// The certificates that this host trusts, beside Mozilla's, which Deno brings along.

/** Where the distributions keep them; each path stands in the permission set `send` too. */
export const CA_BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
  "/etc/ssl/ca-bundle.pem", // openSUSE
  "/etc/ssl/cert.pem", // Alpine
];

/** The host's own CA store as PEM; none where there is none to read. */
export function systemCertificates(): string[] {
  for (const path of CA_BUNDLES) {
    try {
      return [Deno.readTextFileSync(path)];
    } catch {
      // The next one.
    }
  }
  return [];
}
