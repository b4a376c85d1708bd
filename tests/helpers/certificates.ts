// Creates a private CA and a server certificate with openssl.

import assert from "node:assert/strict";

/** Certificates and the server's key, as PEM. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * Creates a CA and a server's certificate.
 *
 * @param name the subjectAltName of the server's certificate, in openssl's format: `DNS:a.example`, `IP:127.0.0.1`
 */
export async function makeCertificates(name: string): Promise<Certificates> {
  const directory = await Deno.makeTempDir({ prefix: "certificates-" });
  const script = `
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 \
      -subj /CN=test -addext basicConstraints=critical,CA:TRUE
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=test
    printf 'subjectAltName=${name}\\nbasicConstraints=CA:FALSE\\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile extensions`;
  try {
    const { success, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd: directory }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const [ca = "", cert = "", key = ""] = ["ca", "cert", "key"].map((file) =>
      Deno.readTextFileSync(`${directory}/${file}.pem`)
    );
    return { ca, cert, key };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
