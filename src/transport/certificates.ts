// The certificates that this host trusts, in addition to Mozilla's, which are part of Deno.

/** The CA bundles of the distributions. Each path must also be in the permission set `send`. */
export const CA_BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL
  "/etc/ssl/ca-bundle.pem", // openSUSE
];

/** The CA store of the host as PEM; empty if no bundle can be read. */
export function systemCertificates(): string[] {
  for (const path of CA_BUNDLES) {
    try {
      return [Deno.readTextFileSync(path)];
    } catch {
      // Try the next one.
    }
  }
  return [];
}
