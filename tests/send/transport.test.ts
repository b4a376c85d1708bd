import assert from "node:assert/strict";
import { ExitCode } from "../../src/failure.ts";
import { evaluate } from "../helpers/checkout.ts";

Deno.test("startTransport() says that the Worker did not start, and leaves that to the next run", async () => {
  // No configuration has such a proxy. The Worker throws, as one does that has no memory left.
  const settings = { hosts: [], caCerts: [], timeoutMs: 1_000, proxyUrl: "no URL" };
  // It takes variables out of the environment of the whole process.
  const outcome = await evaluate(`
    import { startTransport } from ${JSON.stringify(import.meta.resolve("../../src/send/transport.ts"))};
    const { name, exitCode, message } = await startTransport(${JSON.stringify(settings)}).catch((error) => error);
    const { state } = Deno.permissions.querySync({ name: "net" });
    console.log(JSON.stringify({ name, exitCode, message, state }));`);
  const { message, ...rest } = JSON.parse(outcome);
  assert.match(message, /did not start/);
  // The network is given up only behind a Worker that stands.
  assert.deepEqual(rest, { name: "Failure", exitCode: ExitCode.tempFail, state: "granted" });
});
