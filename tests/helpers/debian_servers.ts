// Real servers on loopback, from Debian: microsocks (SOCKS5), tinyproxy (HTTP) and openssl (TLS with client certificates).

import type { Certificates } from "./certificates.ts";
import { waitFor } from "./wait_for.ts";

/** A program that listens, and ends when it is disposed. */
export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** What it has printed. */
  readonly log: () => string;
}

/** Starts a SOCKS5 proxy; with a password, it requires the user `alice`. */
export function socksProxy(options: { readonly password?: string } = {}): Promise<Listening> {
  const { password } = options;
  const credentials = password === undefined ? [] : ["-u", "alice", "-P", password];
  return start((port) => ["microsocks", "-i", "127.0.0.1", "-p", String(port), ...credentials]);
}

/** Starts an HTTP proxy, which tunnels to any port. */
export async function httpProxy(): Promise<Listening> {
  const file = await Deno.makeTempFile({ prefix: "tinyproxy-" });
  const proxy = await start((port) => {
    Deno.writeTextFileSync(file, `Port ${port}\nListen 127.0.0.1\nMaxClients 20\nLogLevel Connect\n`);
    return ["tinyproxy", "-d", "-c", file];
  });
  return {
    ...proxy,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await Deno.remove(file);
    },
  };
}

/** Starts a web server that requires a client certificate of the same CA, and answers with a page about the connection. */
export async function mutualTlsServer({ ca, cert, key }: Certificates): Promise<Listening> {
  const directory = await Deno.makeTempDir({ prefix: "mutual-tls-" });
  const file = (name: string, text: string) => {
    Deno.writeTextFileSync(`${directory}/${name}`, text);
    return `${directory}/${name}`;
  };
  const files = ["-cert", file("cert", cert), "-key", file("key", key), "-CAfile", file("ca", ca)];
  const verify = ["-Verify", "1", "-verify_return_error"];
  const server = await start((
    port,
  ) => ["openssl", "s_server", "-accept", `127.0.0.1:${port}`, ...files, ...verify, "-www"]);
  await Deno.remove(directory, { recursive: true });
  return server;
}

async function start(commandOf: (port: number) => readonly string[]): Promise<Listening> {
  const port = freePort();
  const [program = "", ...args] = commandOf(port);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  let text = "";
  const reading = [child.stdout, child.stderr].map(async (stream) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  });
  const isListening = async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return false;
    }
  };
  await waitFor(isListening, { what: `${program} listens` });
  return {
    port,
    log: () => text,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
      await Promise.all(reading);
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
