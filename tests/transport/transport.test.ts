import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { ExitCode } from "../../src/failure.ts";
import { transportOptions } from "../../src/transport/transport.ts";
import { evaluate } from "../../.ci/checkout.ts";

Deno.test("startTransport() reports that the Worker did not start, and that the next run tries again", async () => {
  // These are not certificates. The Worker throws, as it does without memory.
  const settings = { hosts: [], caCerts: 5, timeoutMs: 1_000 };
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

Deno.test("transportOptions() resolves a proxy that is reached by its address, and no host behind a proxy", () => {
  const route = (name: string, proxy: string) =>
    `[routes.${name}]\nservice = "ntfy"\ntopic_url = "https://${name}.example/topic-1"\nproxy = "${proxy}"\n`;
  const config = parseConfig(
    `[notification]\nproxy = "http://all.example:3128"\n[heartbeat]\nurl = "https://up.example/x"\n` +
      `fail_url = "https://down.example/x"\n[routes.own]\nservice = "ntfy"\ntopic_url = "https://own.example/topic-1"\n` +
      route("tor", "socks5h://Tor.example") + route("tls", "https://tls-proxy.example") + route("direct", "none"),
    { hostName: () => "h" },
  );
  const { hosts, unresolvedHosts } = transportOptions(config);
  assert.deepEqual(hosts, ["all.example:3128", "tor.example:1080", "direct.example:443", "all.example:3128"]);
  assert.deepEqual(unresolvedHosts, [
    ...["own.example:443", "tor.example:443", "tls.example:443", "tls-proxy.example:443"],
    ...["up.example:443", "down.example:443"],
  ]);
});

Deno.test("startTransport() permits hosts behind a proxy, and does not resolve their names", async () => {
  const seen = await evaluate(`
    import { startTransport } from ${JSON.stringify(import.meta.resolve("../../src/transport/transport.ts"))};
    const asked = [];
    globalThis.Worker = class {
      constructor(_, { deno }) {
        console.log(JSON.stringify([asked, deno.permissions.net]));
        Deno.exit(0);
      }
    };
    const resolve = async (name) => (asked.push(name), []);
    const unresolvedHosts = ["hidden.example:443"];
    await startTransport({ hosts: ["proxy.example:1080"], unresolvedHosts, caCerts: [], timeoutMs: 1_000, resolve });`);
  assert.deepEqual(JSON.parse(seen), [["proxy.example"], ["proxy.example:1080", "hidden.example:443"]]);
});
