// The HTTP connections of `send`, with the real Worker and servers that offer HTTP/2 over TLS.

import assert from "node:assert/strict";
import { startTransport } from "../../src/transport/transport.ts";
import { MAX_RESPONSE_BYTES } from "../../src/services/service.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { json, Receiver } from "../helpers/receiver.ts";
import { loadWorker } from "../helpers/wire.ts";

Deno.test("requests use HTTP/1.1 where the server offers HTTP/2 too, and each server gets one connection", async () => {
  const certificates = await makeCertificates("IP:127.0.0.1");
  await using one = new Receiver(() => json(200, {}), certificates);
  // Neither a response without a body nor the longest one that is read whole ends a connection.
  await using other = new Receiver(() => new Response(null, { status: 204 }), certificates);
  await using failing = new Receiver(() => new Response("x".repeat(MAX_RESPONSE_BYTES), { status: 500 }), certificates);
  const servers = [one, other, failing];
  // Otherwise the servers offer no choice, and the rest proves nothing.
  using client = Deno.createHttpClient({ caCerts: [certificates.ca] });
  await (await fetch(one.origin, { client })).text();
  assert.equal(one.received.pop()?.httpVersion, 2);

  await loadWorker();
  const transport = await startTransport({
    hosts: servers.map(({ port }) => `127.0.0.1:${port}`),
    caCerts: [],
    timeoutMs: 20_000,
  });
  const post = async ({ origin }: Receiver) => {
    const request = { kind: "http", method: "POST", url: origin, headers: {}, body: "x".repeat(5_000) } as const;
    const exchange = await transport(request, { caCert: certificates.ca });
    assert.equal(exchange.kind, "response", JSON.stringify(exchange));
  };
  // The routes of `send` work at the same time, each with one request after the other.
  await Promise.all(servers.map(async (server) => {
    for (let count = 0; count < 20; count++) await post(server);
  }));
  for (const { received } of servers) {
    assert.equal(received.length, 20);
    assert.deepEqual(new Set(received.map(({ httpVersion }) => httpVersion)), new Set([1]));
    assert.equal(new Set(received.map(({ clientPort }) => clientPort)).size, 1);
  }
});
