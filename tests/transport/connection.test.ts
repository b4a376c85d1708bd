// Client certificates, proxies and extra headers, with the real Worker and real servers.

import assert from "node:assert/strict";
import type { Connection } from "../../src/config/connection.ts";
import { proxyRefusal, SOCKS_REFUSAL } from "../../src/services/judge_answer.ts";
import { startTransport } from "../../src/transport/transport.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { httpProxy, mutualTlsServer, socksProxy } from "../helpers/debian_servers.ts";
import { silentAt } from "../helpers/silent.ts";
import { waitFor } from "../helpers/wait_for.ts";
import { loadWorker } from "../helpers/wire.ts";

Deno.test("a request presents the client certificate, goes through its own proxy only, and has the extra headers", async () => {
  const certificates = await makeCertificates("DNS:localhost");
  const strange = await makeCertificates("DNS:localhost");
  await using tls = await mutualTlsServer(certificates);
  await using socks = await socksProxy();
  await using guarded = await socksProxy({ password: "s3 cr%t" });
  await using http = await httpProxy();
  using _silent = await silentAt(socks.port);
  const seen: Headers[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ headers }) => {
    seen.push(headers);
    return new Response("plain");
  });
  const plain = `http://localhost:${(server.addr as Deno.NetAddr).port}/`;
  const secure = `https://localhost:${tls.port}/`;
  const hosts = [new URL(plain).host, new URL(secure).host];
  const proxies = [socks, guarded, http].map(({ port }) => `127.0.0.1:${port}`);
  await loadWorker();
  const transport = await startTransport({
    hosts: [...hosts, ...proxies, `two.example:${socks.port}`],
    caCerts: [],
    timeoutMs: 20_000,
    // The first address of each name is silent, and no name can be resolved elsewhere but localhost.
    resolve: (name) =>
      Promise.resolve(
        name === "127.0.0.1" ? [] : ["127.0.0.2", "127.0.0.1"].map((address) => ({ address, family: 4 })),
      ),
  });
  const get = async (url: string, connection: Connection) => {
    const request = { kind: "http", method: "GET", url, headers: { "x-own": "1" }, body: "" } as const;
    const exchange = await transport(request, connection);
    assert.ok(exchange.kind !== "answer");
    return exchange.kind === "response" ? exchange.response.body : `${exchange.failure}: ${exchange.detail}`;
  };

  const { ca: caCert, cert: clientCert, key: clientKey } = certificates;
  const client = { caCert, clientCert, clientKey };
  // The page of openssl.
  const accepted = /Client certificate[^]*Subject: CN\s?=\s?test/;
  assert.match(await get(secure, client), accepted);
  // Under load, the server may end the connection before its reason arrives, so ask again.
  const refusal = async (reason: RegExp, connection: Connection) =>
    await waitFor(async () => {
      const text = await get(secure, connection);
      assert.match(text, /^network: /);
      return reason.test(text);
    }, { what: String(reason) });
  await refusal(/fatal alert: CertificateRequired \(.*client_cert_file and client_key_file\)$/, { caCert });
  await refusal(/fatal alert: \w+ \(.*does not accept the client certificate/, {
    caCert,
    clientCert: strange.cert,
    clientKey: strange.key,
  });

  const connectedTo = (log: string) => log.match(/connected to localhost:\d+/g) ?? [];
  assert.equal(connectedTo(socks.log()).length, 0);
  assert.match(await get(secure, { ...client, proxyUrl: `socks5h://127.0.0.1:${socks.port}` }), accepted);
  assert.match(await get(secure, { ...client, proxyUrl: `http://127.0.0.1:${http.port}` }), accepted);
  assert.match(http.log(), new RegExp(`CONNECT localhost:${tls.port} HTTP`));
  const headers = { "x-gateway": "s3cr3t", "x-own": "not mine" };
  assert.equal(await get(plain, { headers, proxyUrl: `socks5h://127.0.0.1:${socks.port}` }), "plain");
  assert.deepEqual([seen[0]?.get("x-gateway"), seen[0]?.get("x-own")], ["s3cr3t", "1"]);
  // A proxy with several addresses, of which one is silent.
  assert.equal(await get(plain, { proxyUrl: `socks5://two.example:${socks.port}` }), "plain");
  assert.equal(socks.log().match(/connected to/g)?.length, 3, socks.log());

  const credentials = encodeURIComponent("s3 cr%t");
  assert.equal(await get(plain, { proxyUrl: `socks5h://alice:${credentials}@127.0.0.1:${guarded.port}` }), "plain");
  for (const user of ["", "alice:wrong@"]) {
    const refused = await get(plain, { proxyUrl: `socks5h://${user}127.0.0.1:${guarded.port}` });
    assert.equal(proxyRefusal(refused), SOCKS_REFUSAL, refused);
  }
  // Another proxy is not permitted.
  assert.match(await get(plain, { proxyUrl: "socks5h://127.0.0.1:1" }), /^refused: /);
  // Neither a header nor a certificate stays for the next request.
  assert.equal(await get(plain, {}), "plain");
  assert.equal(seen.at(-1)?.get("x-gateway"), null);
  await server.shutdown();
});
