// Connections of `send` that TLS refuses, to servers on loopback. openssl creates the certificates.

import assert from "node:assert/strict";
import { explainTls } from "../../src/transport/tls_refusal.ts";
import { startTransport, type Transport } from "../../src/transport/transport.ts";

const MAKE = `
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 \
    -subj "/CN=127.0.0.1" -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=IP:127.0.0.1
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=test
  make() {
    printf "subjectAltName=$2\\nbasicConstraints=CA:FALSE\\n" >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -days $3 -extfile extensions
  }
  make good IP:127.0.0.1 2; make expired IP:127.0.0.1 -1; make another DNS:another.example 2`;

const names = ["good", "expired", "another", "ca", "http"] as const;

Deno.test("a connection that TLS refuses is retried; the reason contains advice, and is the same each time", async () => {
  const directory = await Deno.makeTempDir({ prefix: "tls-test-" });
  const stop = new AbortController();
  const { success, stderr } = await new Deno.Command("sh", { args: ["-ec", MAKE], cwd: directory }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const read = (name: string) => Deno.readTextFileSync(`${directory}/${name}`);
  const ports = new Map(names.map((name) => {
    const tls = name === "http" ? {} : { cert: read(`${name}.pem`), key: read(name === "ca" ? "ca.key" : "key.pem") };
    const options = { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} };
    const server = Deno.serve({ ...options, ...tls }, () => new Response("ok"));
    return [name, (server.addr as Deno.NetAddr).port];
  }));
  const authority = read("ca.pem");
  const transport: Transport = await startTransport({
    hosts: [...ports.values()].map((port) => `127.0.0.1:${port}`),
    caCerts: [],
    timeoutMs: 10_000,
  });
  const answer = async (name: typeof names[number], caCert?: string) => {
    const url = `https://127.0.0.1:${ports.get(name)}/secret-path`;
    const request = { kind: "http", method: "GET", url, headers: {}, body: "" } as const;
    const exchange = await transport(request, caCert === undefined ? {} : { caCert });
    if (exchange.kind !== "failed") return "answered";
    assert.equal(exchange.failure, "network", name);
    assert.doesNotMatch(exchange.detail, /secret-path/);
    return exchange.detail;
  };
  assert.equal(await answer("good", authority), "answered");
  assert.match(await answer("good"), /UnknownIssuer \(the certificate is not signed by a CA .*ca_file/);
  assert.match(await answer("expired", authority), /invalid peer certificate: .*expired$/i);
  assert.match(await answer("another", authority), /not valid for name "127\.0\.0\.1"/);
  assert.match(await answer("ca", authority), /CaUsedAsEndEntity.* \(.*CA:FALSE and set ca_file to it\)$/);
  assert.match(await answer("http", authority), /is not TLS; this port may accept only unencrypted/);
  stop.abort();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("explainTls() keeps other messages unchanged, and removes the parts that differ each time", () => {
  assert.equal(explainTls("connection refused"), "connection refused");
  const refused = "invalid peer certificate: certificate expired";
  const when =
    "verification time 1795543715 (UNIX), but certificate is not valid after 1768953600 (26590115 seconds ago)";
  assert.equal(explainTls(`${refused}: ${when}`), refused);
});
