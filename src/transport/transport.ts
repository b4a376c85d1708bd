// Makes requests and sends mails through the Worker, and revokes network access for the rest of this process.

import type { Config } from "../config/config.ts";
import type { Connection } from "../config/connection.ts";
import { ExitCode, Failure } from "../failure.ts";
import { endpoint } from "../services/http.ts";
import type { HttpRequest, MailRequest } from "../services/service.ts";
import { type Resolve, severalAddresses } from "./addresses.ts";
import { systemCertificates } from "./certificates.ts";
import { type Exchange, timeoutOf, type WorkerAnswer, type WorkerRequest, type WorkerSettings } from "./exchange.ts";

/** How long the Worker may take to start, in milliseconds. On a slow host it takes seconds in each run. */
const START_MS = 30_000;
/** How long the Worker may exceed the request timeout, in milliseconds. */
const GRACE_MS = 30_000;

/** The options of {@link startTransport}. */
export interface TransportOptions extends Omit<WorkerSettings, "addresses"> {
  /** The hosts to connect to, each as `host:port`. Requests can reach only these, and those that are never resolved. */
  readonly hosts: readonly string[];
  /** Hosts that are reached only through a proxy, and https proxies, whose certificates are for their names. */
  readonly unresolvedHosts?: readonly string[];
  /** Those of the hosts that are mail servers. */
  readonly mailServers?: readonly string[];
  /** Resolves a name; by default like getaddrinfo(3). */
  readonly resolve?: Resolve;
}

/** Derives the options from the configuration. */
export function transportOptions({ routes, heartbeat, requestTimeoutMs }: Config): TransportOptions {
  const reached = routes.map(({ service: { endpoints }, connection }) => reach(endpoints, connection));
  if (heartbeat !== undefined) {
    reached.push(reach([heartbeat.url, heartbeat.failUrl].map(endpoint), heartbeat.connection));
  }
  return {
    hosts: reached.flatMap(({ hosts }) => hosts),
    unresolvedHosts: reached.flatMap(({ unresolvedHosts }) => unresolvedHosts),
    mailServers: routes.flatMap(({ service }) => service.mailServers),
    caCerts: systemCertificates(),
    timeoutMs: requestTimeoutMs,
  };
}

/** The hosts that requests to some hosts connect to, and those that they only name. */
function reach(endpoints: readonly string[], { proxyUrl }: Connection) {
  if (proxyUrl === undefined) return { hosts: endpoints, unresolvedHosts: [] };
  const proxy = [endpoint(new URL(proxyUrl))];
  return proxyUrl.startsWith("https:")
    ? { hosts: [], unresolvedHosts: [...endpoints, ...proxy] }
    : { hosts: proxy, unresolvedHosts: endpoints };
}

/** Makes one request. Never throws: a failure is an {@link Exchange} too. */
export type Transport = (request: HttpRequest | MailRequest, connection?: Connection) => Promise<Exchange>;

/**
 * Starts the Worker, then permanently revokes network access for this isolate.
 *
 * @throws {Failure} if the Worker does not start
 */
export async function startTransport(
  { hosts, unresolvedHosts = [], mailServers = [], resolve, ...settings }: TransportOptions,
): Promise<Transport> {
  dropProxyVariables();
  const addresses = await severalAddresses(hosts, { resolve, mailServers });
  const more = [...addresses.values()].flat().map(({ hostname, port }) => `${hostname}:${port}`);
  const worker = new HttpWorker([...hosts, ...unresolvedHosts, ...more]);
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
  return async (bare, { headers, ...connection } = {}) => {
    const id = ++lastId;
    const timeoutMs = timeoutOf(bare, settings) + GRACE_MS;
    const request = bare.kind === "mail" ? bare : { ...bare, headers: { ...headers, ...bare.headers } };
    const host = request.kind === "mail"
      ? request.server.endpoint
      : endpoint(new URL(connection.proxyUrl ?? request.url));
    const answer = await worker.ask({ id, request, host, connection }, { id, timeoutMs });
    return answer?.exchange ?? {
      kind: "failed",
      failure: "network",
      detail: "no answer from the Worker that makes HTTP requests",
    };
  };
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
