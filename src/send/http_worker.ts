// The Worker that makes the HTTP requests. Its only permission is `net`, to the hosts of the configured routes.

import { type HttpRequest, type HttpResponse, MAX_RESPONSE_BYTES } from "../services/service.ts";
import type { Address, Exchange, WorkerAnswer, WorkerRequest, WorkerSettings } from "./exchange.ts";
import { exchangeOver } from "./http1.ts";
import { Reachable } from "./reachable.ts";
import { explainTls } from "./tls_refusal.ts";

/** What the global scope of a Worker has. Its library of types can't stand beside that of the rest of the program. */
interface WorkerScope {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: WorkerAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;
let settings: WorkerSettings = { caCerts: [], timeoutMs: 0 };
let reachable = new Reachable(new Map());
/** The certificates for each route that has its own, and for all others; see {@link trusted}. */
const trust = new Map<number | undefined, string[]>();
/** HTTP clients, by the certificates that they trust and the address that they connect to. */
const clients = new Map<string, Deno.HttpClient>();

scope.onmessage = ({ data }: MessageEvent<WorkerSettings>) => {
  settings = data;
  reachable = new Reachable(data.addresses ?? new Map());
  clientOf({});
  scope.onmessage = async ({ data: { id, ...request } }: MessageEvent<WorkerRequest>) => {
    answer({ id, exchange: await exchange(request) });
  };
  answer({ id: 0 });
};

/** What a client trusts and connects to. */
interface ClientOptions {
  readonly routeCaCert?: number | undefined;
  /** The address of the proxy to use, if it has several. */
  readonly proxyAddress?: Address | undefined;
}

/** Clients are kept, since each has a pool of open connections. */
function clientOf(options: ClientOptions): Deno.HttpClient {
  const key = `${options.routeCaCert ?? ""} ${options.proxyAddress?.hostname ?? ""}`;
  const client = clients.get(key) ??
    Deno.createHttpClient({ caCerts: trusted(options.routeCaCert), ...proxyAt(options.proxyAddress) });
  clients.set(key, client);
  return client;
}

function proxyAt(address: Address | undefined): { readonly proxy?: Deno.Proxy } {
  const { proxyUrl } = settings;
  if (proxyUrl === undefined) return {};
  const url = new URL(proxyUrl);
  if (address !== undefined) url.hostname = address.hostname;
  return { proxy: { url: url.href } };
}

/** The certificates that a route trusts in addition to Mozilla's. */
function trusted(routeCaCert: number | undefined): string[] {
  const certificates = trust.get(routeCaCert) ?? readable(routeCaCert);
  trust.set(routeCaCert, certificates);
  return certificates;
}

function readable(routeCaCert: number | undefined): string[] {
  const { caCerts, routeCaCerts = [] } = settings;
  const all = [...caCerts, ...routeCaCert === undefined ? [] : routeCaCerts.slice(routeCaCert, routeCaCert + 1)];
  try {
    Deno.createHttpClient({ caCerts: all }).close();
    return all;
  } catch {
    // A CA store that can't be read must not silence everything: Mozilla's certificates are there still.
    return [];
  }
}

function answer(message: WorkerAnswer): void {
  scope.postMessage(message);
}

async function exchange(asked: Omit<WorkerRequest, "id">): Promise<Exchange> {
  const { timeoutMs } = settings;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return { kind: "response", response: await respond(asked, signal) };
  } catch (error) {
    const detail = explainTls(rootMessage(error).replaceAll(asked.request.url, "…"));
    if (signal.aborted) return { kind: "failed", failure: "timeout", detail: `no answer in ${timeoutMs / 1000} s` };
    return { kind: "failed", failure: error instanceof Deno.errors.NotCapable ? "refused" : "network", detail };
  }
}

async function respond(
  { request, host = "", routeCaCert }: Omit<WorkerRequest, "id">,
  signal: AbortSignal,
): Promise<HttpResponse> {
  if (!await reachable.needsChoice(host, signal)) {
    try {
      return await fetchBy(clientOf({ routeCaCert }), { request, signal });
    } catch (error) {
      reachable.fetchFailed(host);
      throw error;
    }
  }
  const { connection, address } = await reachable.connect(host, signal);
  let open: Deno.Conn = connection;
  const close = () => {
    try {
      open.close();
    } catch {
      // Already closed.
    }
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    if (settings.proxyUrl !== undefined) {
      close();
      return await fetchBy(clientOf({ routeCaCert, proxyAddress: address }), { request, signal });
    }
    const { protocol, hostname } = new URL(request.url);
    const tls = { hostname, caCerts: trusted(routeCaCert), alpnProtocols: ["http/1.1"] };
    if (protocol === "https:") open = await Deno.startTls(connection, tls);
    return await exchangeOver(open, request);
  } catch (error) {
    reachable.failed(host, address);
    throw error;
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function fetchBy(
  client: Deno.HttpClient,
  { request, signal }: { request: HttpRequest; signal: AbortSignal },
): Promise<HttpResponse> {
  const { url, method, headers, body } = request;
  const response = await fetch(url, {
    method,
    headers,
    // fetch() refuses a GET with a body, also with an empty one.
    ...(method === "GET" ? {} : { body }),
    signal,
    // What a service sends us to is not what the administrator configured.
    redirect: "manual",
    client,
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await readStart(response),
  };
}

/** What an error says of its first cause; Deno 2.9 has that apart from "fetch failed". */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : rootMessage(error.cause);
}

/** The start of a body, however much the service sends. */
async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let left = MAX_RESPONSE_BYTES;
  // Leaving the loop cancels the rest.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left <= 0) break;
  }
  return text + decoder.decode();
}
