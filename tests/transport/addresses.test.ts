// Names with several addresses, with the real Worker and real sockets.

import assert from "node:assert/strict";
import { severalAddresses } from "../../src/transport/addresses.ts";
import { startTransport } from "../../src/transport/transport.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { silentAt } from "../helpers/silent.ts";
import { loadWorker } from "../helpers/wire.ts";

/** The addresses of names. The server is at 127.0.0.1; 127.0.0.2 is silent, and 127.0.0.3 refuses connections. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  "silent.two.example": ["127.0.0.2", "127.0.0.1"],
  "closed.two.example": ["127.0.0.3", "127.0.0.1"],
  "useless.two.example": ["127.0.0.4", "127.0.0.1"],
  "worse.two.example": ["127.0.0.1", "127.0.0.4"],
  "dead.two.example": ["127.0.0.2", "127.0.0.3"],
  "another.example": ["127.0.0.2", "127.0.0.1"],
};

const TIMEOUT_MS = 20_000;

function lookedUp(addresses: readonly string[]) {
  return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
}

Deno.test("a request reaches one address that accepts it, once, and TLS checks the name", async () => {
  const { ca, cert, key } = await makeCertificates("DNS:*.two.example");
  const received: string[] = [];
  const serving = { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} };
  const server = Deno.serve(serving, async (request) => {
    received.push(`${new URL(request.url).hostname} ${await request.text()}`);
    return new Response("ok");
  });
  const { port } = server.addr as Deno.NetAddr;
  using _silent = await silentAt(port);
  // Accepts connections but never responds.
  const useless = Deno.listen({ hostname: "127.0.0.4", port });
  const closing = (async () => {
    for await (const connection of useless) connection.close();
  })();

  await loadWorker();
  const names = Object.keys(ADDRESSES);
  const transport = await startTransport({
    hosts: names.map((name) => `${name}:${port}`),
    caCerts: [],
    timeoutMs: TIMEOUT_MS,
    resolve: (name) => Promise.resolve(lookedUp(ADDRESSES[name] ?? [])),
  });
  let sent = 0;
  const send = async (host: string) => {
    const url = `https://${host}/`;
    const request = { kind: "http", method: "POST", url, headers: {}, body: `${++sent}` } as const;
    const exchange = await transport(request, { caCert: ca });
    assert.ok(exchange.kind !== "answer");
    return exchange.kind === "response" ? exchange.response.body : `${exchange.failure}: ${exchange.detail}`;
  };

  const silent = `silent.two.example:${port}`;
  assert.deepEqual([await send(silent), await send(silent)], ["ok", "ok"]);
  assert.deepEqual(received, [`silent.two.example ${sent - 1}`, `silent.two.example ${sent}`]);
  // No address is silent, so fetch() uses the name, which does not resolve. From then on, an address is chosen.
  for (const name of ["closed.two.example", "useless.two.example"]) {
    received.length = 0;
    assert.match(await send(`${name}:${port}`), /^network: /, name);
    assert.deepEqual([await send(`${name}:${port}`), await send(`${name}:${port}`)], ["ok", "ok"], name);
    assert.deepEqual(received, [`${name} ${sent - 1}`, `${name} ${sent}`]);
  }
  // A failed request is not repeated; the next one goes to another address.
  assert.match(await send(`worse.two.example:${port}`), /^network: /);
  assert.match(await send(`worse.two.example:${port}`), /^network: /);
  assert.equal(await send(`worse.two.example:${port}`), "ok");

  assert.match(await send(`another.example:${port}`), /^network: .*not valid for name "another\.example"/);
  const sinceMs = performance.now();
  assert.equal(await send(`dead.two.example:${port}`), "timeout: no answer in 20 s");
  assert.ok(performance.now() - sinceMs >= TIMEOUT_MS - 100);
  // The addresses of a name get no more permissions than the name.
  assert.match(await send(`127.0.0.1:${port + 1}`), /^refused: /);

  await server.shutdown();
  useless.close();
  await closing;
});

Deno.test("severalAddresses() returns the addresses of names with several, at most four per family", async () => {
  const many = Array.from({ length: 9 }, (_, index) => [`2001:db8::${index + 1}`, `192.0.2.${index + 1}`]).flat();
  const names: Readonly<Record<string, readonly string[]>> = {
    "one.example": ["192.0.2.1", "192.0.2.1"],
    "none.example": [],
    "both.example": ["2001:db8::1", "192.0.2.1"],
    "odd.example": ["fe80::1%eth0", "no address", "192.0.2.1", "192.0.2.2"],
    "many.example": many,
  };
  const found = await severalAddresses([...Object.keys(names).map((name) => `${name}:443`), "both.example:443"], {
    resolve: (name) => Promise.resolve(lookedUp(names[name] ?? [])),
  });
  const at = (...hostnames: string[]) => hostnames.map((hostname) => ({ hostname, port: 443 }));
  assert.deepEqual([...found.keys()], ["both.example:443", "odd.example:443", "many.example:443"]);
  assert.deepEqual(found.get("both.example:443"), at("[2001:db8::1]", "192.0.2.1"));
  assert.deepEqual(found.get("odd.example:443"), at("192.0.2.1", "192.0.2.2"));
  const taken = [1, 2, 3, 4].flatMap((index) => [`[2001:db8::${index}]`, `192.0.2.${index}`]);
  assert.deepEqual(found.get("many.example:443"), at(...taken));
});

Deno.test("severalAddresses() does not wait for a hanging resolver, and omits names that it cannot resolve", async () => {
  const resolve = (name: string) =>
    name === "hangs.example"
      ? new Promise<never>(() => {})
      : name === "fails.example"
      ? Promise.reject(new Error("ENOTFOUND"))
      : Promise.resolve(lookedUp(["192.0.2.1", "192.0.2.2"]));
  const hosts = ["hangs.example:443", "fails.example:443", "good.example:80"];
  const found = await severalAddresses(hosts, { resolve, timeoutMs: 300 });
  assert.deepEqual([...found.keys()], ["good.example:80"]);
});

Deno.test("severalAddresses() does not resolve addresses", async () => {
  assert.deepEqual(await severalAddresses(["127.0.0.1:80", "[::1]:80"]), new Map());
});
