import assert from "node:assert/strict";
import { ExitCode } from "../../src/failure.ts";
import { evaluate } from "../../.ci/checkout.ts";

Deno.test("startTransport() reports that the Worker did not start, and that the next run tries again", async () => {
  // No configuration allows such a proxy. The Worker throws, as it does without memory.
  const settings = { hosts: [], caCerts: [], timeoutMs: 1_000, proxyUrl: "no URL" };
  // It removes variables from the environment of the whole process.
  const outcome = await evaluate(`
    import { startTransport } from ${JSON.stringify(import.meta.resolve("../../src/transport/transport.ts"))};
    const { name, code, exitCode } = await startTransport(${JSON.stringify(settings)}).catch((error) => error);
    const { state } = Deno.permissions.querySync({ name: "net" });
    console.log(JSON.stringify({ name, code, exitCode, state }));`);
  // Network access is revoked only after the Worker has started.
  assert.deepEqual(JSON.parse(outcome), {
    name: "Failure",
    code: "send.no-worker",
    exitCode: ExitCode.tempFail,
    state: "granted",
  });
});

Deno.test("startTransport() starts a Worker that may reach only the hosts, and the addresses of hosts with several", async () => {
  const permissions = await evaluate(`
    import { startTransport } from ${JSON.stringify(import.meta.resolve("../../src/transport/transport.ts"))};
    globalThis.Worker = class {
      constructor(url, { deno }) {
        console.log(JSON.stringify(deno.permissions));
        Deno.exit(0);
      }
    };
    const addresses = { "two.example": ["192.0.2.1", "2001:db8::1"], "one.example": ["192.0.2.2"] };
    const resolve = (name) => Promise.resolve(addresses[name].map((address) => ({ address })));
    await startTransport({ hosts: ["two.example:443", "one.example:80"], caCerts: [], timeoutMs: 1_000, resolve });`);
  assert.deepEqual(JSON.parse(permissions), {
    net: ["two.example:443", "one.example:80", "192.0.2.1:443", "[2001:db8::1]:443"],
    env: false,
    ffi: false,
    import: false,
    read: false,
    run: false,
    sys: false,
    write: false,
  });
});

Deno.test("startTransport() resolves the proxy, and no host that is reached through it", async () => {
  const asked = (proxyUrl: string) =>
    evaluate(`
    import { startTransport } from ${JSON.stringify(import.meta.resolve("../../src/transport/transport.ts"))};
    const asked = [];
    globalThis.Worker = class {
      constructor() {
        console.log(asked.join());
        Deno.exit(0);
      }
    };
    const resolve = async (name) => (asked.push(name), []);
    const hosts = ["a.example:443", "proxy.example:3128"];
    await startTransport({ hosts, caCerts: [], timeoutMs: 1_000, resolve, proxyUrl: ${JSON.stringify(proxyUrl)} });`);
  assert.equal(await asked("http://proxy.example:3128"), "proxy.example\n");
  assert.equal(await asked("https://proxy.example:3128"), "\n");
});
