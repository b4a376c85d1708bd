// The Worker that makes the HTTP requests and sends the mails. Its only permission is `net`, for the hosts of the
// configured routes, the heartbeat and the proxies.

import type { Connection } from "../config/connection.ts";
import { type HttpRequest, type HttpResponse, type MailRequest, MAX_RESPONSE_BYTES } from "../services/service.ts";
import {
  type Address,
  type Exchange,
  timeoutOf,
  type WorkerAnswer,
  type WorkerRequest,
  type WorkerSettings,
} from "./exchange.ts";
import { exchangeOver } from "./http1.ts";
import { Reachable } from "./reachable.ts";
import { explainTls } from "./tls_refusal.ts";

/** The global scope of a Worker. TypeScript's library for it conflicts with that of the rest of the program. */
interface WorkerScope {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: WorkerAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;
let settings: WorkerSettings = { caCerts: [], timeoutMs: 0, addresses: new Map() };
let reachable = new Reachable(settings.addresses);
/** Trusted certificates, by the route's own; `undefined` for other routes. See {@link trusted}. */
const trust = new Map<string | undefined, string[]>();
/** HTTP clients, by the connection that they make and the address of the proxy that they connect to. */
const clients = new Map<string, Deno.HttpClient>();

scope.onmessage = ({ data }: MessageEvent<WorkerSettings>) => {
  settings = data;
  reachable = new Reachable(data.addresses);
  clientOf({});
  scope.onmessage = async ({ data }: MessageEvent<WorkerRequest>) => {
    scope.postMessage({ id: data.id, exchange: await exchange(data) });
  };
  scope.postMessage({ id: 0 });
};

/**
 * Returns a client, and keeps it for reuse of its connection pool.
 *
 * @param proxyAddress the address of the proxy to use, if it has several
 */
function clientOf(connection: Connection, proxyAddress?: Address): Deno.HttpClient {
  const key = JSON.stringify([connection, proxyAddress]);
  const { caCert, clientCert: cert, clientKey, proxyUrl } = connection;
  const client = clients.get(key) ?? Deno.createHttpClient({
    caCerts: trusted(caCert),
    // Over HTTP/2, each request with a body would wait 40 ms: Deno leaves Nagle's algorithm on there.
    http2: false,
    ...(cert === undefined || clientKey === undefined ? {} : { cert, key: clientKey }),
    ...proxyAt(proxyUrl, proxyAddress),
  });
  clients.set(key, client);
  return client;
}

function proxyAt(proxyUrl: string | undefined, address: Address | undefined): { readonly proxy?: Deno.Proxy } {
  if (proxyUrl === undefined) return {};
  const url = new URL(proxyUrl);
  if (address !== undefined) url.hostname = address.hostname;
  return { proxy: { url: url.href } };
}

/** The certificates that a route trusts in addition to Mozilla's. */
function trusted(caCert: string | undefined): string[] {
  const certificates = trust.get(caCert) ?? readable(caCert);
  trust.set(caCert, certificates);
  return certificates;
}

function readable(caCert: string | undefined): string[] {
  const all = [...settings.caCerts, ...caCert === undefined ? [] : [caCert]];
  try {
    Deno.createHttpClient({ caCerts: all }).close();
    return all;
  } catch {
    // An unusable CA store must not stop all notifications: Mozilla's certificates still work.
    return [];
  }
}

async function exchange(asked: WorkerRequest): Promise<Exchange> {
  const { request } = asked;
  const timeoutMs = timeoutOf(request, settings);
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    if (request.kind === "mail") return await mail(request, asked, { signal, timeoutMs });
    return { kind: "response", response: await respond({ ...asked, request }, signal) };
  } catch (error) {
    const message = rootMessage(error);
    const detail = explainTls(request.kind === "mail" ? message : message.replaceAll(request.url, "…"));
    if (signal.aborted) return { kind: "failed", failure: "timeout", detail: `no answer in ${timeoutMs / 1000} s` };
    return { kind: "failed", failure: error instanceof Deno.errors.NotCapable ? "refused" : "network", detail };
  }
}

async function mail(
  request: MailRequest,
  { host, connection: { caCert } }: WorkerRequest,
  time: { signal: AbortSignal; timeoutMs: number },
): Promise<Exchange> {
  // The library is loaded only if a route sends mail.
  const { sendMail } = await import("./smtp.ts");
  const addresses = settings.addresses.get(host) ?? [];
  return { kind: "answer", answer: await sendMail(request, { ...time, addresses, caCerts: trusted(caCert) }) };
}

/** A request over HTTP, and how to connect. */
type HttpWork = WorkerRequest & { readonly request: HttpRequest };

async function respond({ request, host, connection: way }: HttpWork, signal: AbortSignal): Promise<HttpResponse> {
  // Deno.startTls() cannot present a certificate, so fetch() must connect.
  const canChoose = way.clientCert === undefined || way.proxyUrl !== undefined;
  if (!canChoose || !await reachable.needsChoice(host, signal)) {
    try {
      return await fetchBy(clientOf(way), { request, signal });
    } catch (error) {
      reachable.fetchFailed(host);
      throw error;
    }
  }
  const { connection, address } = await reachable.connect(host, signal);
  let open: Deno.Conn = connection;
  // Unlike close(), this does nothing if the connection is already closed.
  const close = () => open[Symbol.dispose]();
  signal.addEventListener("abort", close, { once: true });
  try {
    signal.throwIfAborted();
    if (way.proxyUrl !== undefined) {
      close();
      return await fetchBy(clientOf(way, address), { request, signal });
    }
    const { protocol, hostname } = new URL(request.url);
    const tls = { hostname, caCerts: trusted(way.caCert), alpnProtocols: ["http/1.1"] };
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
    // fetch() refuses a GET with a body, even an empty one.
    ...(method === "GET" ? {} : { body }),
    signal,
    // The administrator did not configure the target of a redirect.
    redirect: "manual",
    client,
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await readStart(response),
  };
}

/** The message of the root cause. Deno 2.9 reports "fetch failed" and puts the reason into `cause`. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : rootMessage(error.cause);
}

/** Reads only the start of a body, because a service may send any amount. */
async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let left = MAX_RESPONSE_BYTES;
  // `break` cancels the rest of the stream.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left <= 0) break;
  }
  return text + decoder.decode();
}
