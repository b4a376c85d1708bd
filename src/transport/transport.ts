// Makes HTTP requests through the Worker, and revokes network access for the rest of this process.

import type { Config } from "../config/config.ts";
import { ExitCode, Failure } from "../failure.ts";
import { endpoint } from "../services/http.ts";
import type { HttpRequest } from "../services/service.ts";
import { type Resolve, severalAddresses } from "./addresses.ts";
import { systemCertificates } from "./certificates.ts";
import type { Exchange, WorkerAnswer, WorkerRequest, WorkerSettings } from "./exchange.ts";

/** How long the Worker may take to start, in milliseconds. On a slow host it takes seconds in each run. */
const START_MS = 30_000;
/** How long the Worker may exceed the request timeout, in milliseconds. */
const GRACE_MS = 30_000;

/** The options of {@link startTransport}. */
export interface TransportOptions extends Omit<WorkerSettings, "addresses"> {
  /** The only hosts that requests can reach, each as `host:port`. */
  readonly hosts: readonly string[];
  /** Resolves a name; by default like getaddrinfo(3). */
  readonly resolve?: Resolve;
}

/** Derives the options from the configuration. */
export function transportOptions({ routes, heartbeat, proxy, requestTimeoutMs }: Config): TransportOptions {
  return {
    hosts: [
      ...routes.flatMap(({ service }) => service.endpoints),
      ...[heartbeat?.url, proxy].flatMap((url) => url === undefined ? [] : endpoint(url)),
    ],
    caCerts: systemCertificates(),
    timeoutMs: requestTimeoutMs,
    ...(proxy === undefined ? {} : { proxyUrl: proxy.href }),
  };
}

/** Makes one request. Never throws: a failure is an {@link Exchange} too. `caCert`: see {@link WorkerRequest}. */
export type Transport = (request: HttpRequest, caCert?: string) => Promise<Exchange>;

/**
 * Starts the Worker, then permanently revokes network access for this isolate.
 *
 * @throws {Failure} if the Worker does not start
 */
export async function startTransport({ hosts, resolve, ...settings }: TransportOptions): Promise<Transport> {
  dropProxyVariables();
  const { proxyUrl } = settings;
  const addresses = await severalAddresses(connectedTo({ hosts, proxyUrl }), { resolve });
  const more = [...addresses.values()].flat().map(({ hostname, port }) => `${hostname}:${port}`);
  const worker = new HttpWorker([...hosts, ...more]);
  if (await worker.ask({ ...settings, addresses }, { id: 0, timeoutMs: START_MS }) === undefined) {
    worker.terminate();
    throw new Failure("Cannot start the Worker that makes HTTP requests", {
      code: "send.no-worker",
      exitCode: ExitCode.tempFail,
      hint: "check the load and the free memory of this host; the next run tries again",
    });
  }
  Deno.permissions.revokeSync({ name: "net" });

  let lastId = 0;
  return async (request, caCert) => {
    const id = ++lastId;
    const timeoutMs = settings.timeoutMs + GRACE_MS;
    const host = endpoint(new URL(proxyUrl ?? request.url));
    const answer = await worker.ask({ id, request, host, caCert }, { id, timeoutMs });
    return answer?.exchange ?? {
      kind: "failed",
      failure: "network",
      detail: "no answer from the Worker that makes HTTP requests",
    };
  };
}

/** The hosts to connect to: only the proxy, if one is configured. */
function connectedTo(
  { hosts, proxyUrl }: { hosts: readonly string[]; proxyUrl: string | undefined },
): readonly string[] {
  if (proxyUrl === undefined) return hosts;
  // The certificate of an https proxy is checked against its name, so an address cannot replace the name.
  return URL.canParse(proxyUrl) && proxyUrl.startsWith("http:") ? [endpoint(new URL(proxyUrl))] : [];
}

/** A Worker that may connect to the given hosts and has no other permission. */
class HttpWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: WorkerAnswer | undefined) => void>();

  constructor(hosts: readonly string[]) {
    const nothing = { env: false, ffi: false, import: false, read: false, run: false, sys: false, write: false };
    this.#worker = new Worker(new URL("./http_worker.ts", import.meta.url), {
      type: "module",
      name: "http",
      deno: { permissions: { net: [...hosts], ...nothing } },
    });
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => this.#waiting.get(data.id)?.(data);
    this.#worker.onerror = (event) => {
      // An error of the Worker would otherwise end the process. Pending requests get no answer.
      event.preventDefault();
      for (const resolve of this.#waiting.values()) resolve(undefined);
    };
  }

  terminate(): void {
    this.#worker.terminate();
  }

  /** Sends a message and returns the Worker's answer with that ID; undefined if it does not answer in time. */
  ask(
    message: WorkerSettings | WorkerRequest,
    { id, timeoutMs }: { id: number; timeoutMs: number },
  ): Promise<WorkerAnswer | undefined> {
    const { promise, resolve } = Promise.withResolvers<WorkerAnswer | undefined>();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    this.#waiting.set(id, resolve);
    this.#worker.postMessage(message);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }
}

/**
 * Removes the proxy variables from the environment: Deno would send the Worker's requests to those proxies, past its
 * permissions. A proxy is set in the configuration instead.
 */
function dropProxyVariables(): void {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]) {
    Deno.env.delete(name);
    Deno.env.delete(name.toLowerCase());
  }
}
