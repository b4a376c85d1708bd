import assert from "node:assert/strict";
import { ExitCode, Failure } from "../../src/failure.ts";
import { startTransport } from "../../src/send/transport.ts";

Deno.test("startTransport() says that the Worker did not start, and leaves that to the next run", async () => {
  // No configuration has such a proxy. The Worker throws, as one does that has no memory left.
  const settings = { hosts: [], caCerts: [], timeoutMs: 1_000, proxyUrl: "no URL" };
  await assert.rejects(
    startTransport(settings),
    (error) => error instanceof Failure && error.exitCode === ExitCode.tempFail && /did not start/.test(error.message),
  );
  // The network is given up only behind a Worker that stands.
  assert.equal(Deno.permissions.querySync({ name: "net" }).state, "granted");
});
