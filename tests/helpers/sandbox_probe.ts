// Simulates an attacker that controls a command: compiled with the flags and permissions of the real program, it enters
// the command's sandbox, tries what must fail, and prints the results.
//
// usage: sandbox_probe COMMAND ATTEMPT...   (an ATTEMPT is KIND:WHAT)

import { becomeQueueReader } from "../../src/admin/become_sender.ts";
import { statePaths } from "../../src/paths.ts";
import { enterSandbox } from "../../src/sandbox.ts";
import { startTransport } from "../../src/transport/transport.ts";

const [command, ...attempts] = Deno.args;
enterSandbox(command);

const tries: Readonly<Record<string, (what: string) => unknown>> = {
  write: (path) => Deno.writeTextFileSync(path, "probe"),
  link: (path) => Deno.symlinkSync("/etc/passwd", path),
  remove: (path) => Deno.removeSync(path),
  read: (path) => Deno.readTextFileSync(path),
  list: (path) => [...Deno.readDirSync(path)],
  connect: async (address) => (await Deno.connect(hostAndPort(address))).close(),
  listen: (address) => Deno.listen(hostAndPort(address)).close(),
  resolve: (name) => Deno.resolveDns(name, "A"),
  unix: async (path) => (await Deno.connect({ transport: "unix", path })).close(),
  fetch: async (url) => await (await fetch(url)).text(),
  run: (program) => new Deno.Command(program).outputSync(),
  ffi: (library) => Deno.dlopen(library, {}).close(),
  import: (url) => import(url),
  become: (name) => becomeQueueReader(statePaths(), name),
  sys: () => Deno.networkInterfaces(),
  grant: (name) => {
    const { state } = Deno.permissions.requestSync({ name: name as "net" });
    if (state !== "granted") throw new Deno.errors.NotCapable(state);
  },
  // A Worker that requests more permissions than its parent has.
  worker: async (address) => {
    const transport = await startTransport({ hosts: [address], caCerts: [], timeoutMs: 2_000 });
    return await transport({ kind: "http", method: "GET", url: `http://${address}/`, headers: {}, body: "" });
  },
};

let transport: Awaited<ReturnType<typeof startTransport>> | undefined;
const results: [attempt: string, result: string][] = [];
for (const attempt of attempts) {
  const [kind = "", ...rest] = attempt.split(":");
  results.push([attempt, await outcomeOf(kind, rest.join(":"))]);
}
// deno-lint-ignore no-console -- the result of this program
console.log(JSON.stringify(Object.fromEntries(results)));
Deno.exit(0);

async function outcomeOf(kind: string, what: string): Promise<string> {
  try {
    if (kind === "transport") {
      transport = await startTransport({ hosts: [what], caCerts: [], timeoutMs: 2_000 });
      return "allowed";
    }
    if (kind === "request") {
      const exchange = await transport?.({ kind: "http", method: "POST", url: what, headers: {}, body: "{}" });
      if (exchange?.kind === "response") return `status ${exchange.response.status}`;
      return exchange?.kind === "failed" ? exchange.failure : `${exchange?.kind}`;
    }
    const attempt = tries[kind];
    if (attempt === undefined) throw new Error(`no attempt "${kind}"`);
    await attempt(what);
    return "allowed";
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

function hostAndPort(address: string): { hostname: string; port: number } {
  const [hostname = "", port] = address.split(":");
  return { hostname, port: Number(port) };
}
