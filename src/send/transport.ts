// Makes HTTP requests through the Worker, and takes the network from everything else in this process.

import type { Config } from "../config/config.ts";
import { endpoint } from "../services/http.ts";
import type { HttpRequest } from "../services/service.ts";
import { systemCertificates } from "./certificates.ts";
import type { Exchange, WorkerAnswer, WorkerRequest, WorkerSettings } from "./exchange.ts";

/** How long the Worker may take to stand, and how much longer than the timeout for an answer, in milliseconds. */
const GRACE_MS = 5_000;

/** How the requests are made. */
export interface TransportOptions extends WorkerSettings {
  /** The only hosts that can be reached, each as `host:port`. */
  readonly hosts: readonly string[];
}

/** What a configuration says of the requests. */
export function transportOptions({ routes, heartbeat, proxy, requestTimeoutMs }: Config): TransportOptions {
  return {
    hosts: [
      ...routes.flatMap(({ service }) => service.endpoints),
      ...[heartbeat, proxy].flatMap((url) => url === undefined ? [] : endpoint(url)),
    ],
    caCerts: systemCertificates(),
    routeCaCerts: [...new Set(routes.flatMap(({ caCert }) => caCert ?? []))],
    timeoutMs: requestTimeoutMs,
    ...(proxy === undefined ? {} : { proxyUrl: proxy.href }),
  };
}

/**
 * Makes one request. Never throws: what goes wrong is an {@link Exchange} too.
 *
 * @param options.caCert certificates to trust for it beside the usual ones, as PEM
 */
export type Transport = (
  request: HttpRequest,
  options?: { readonly caCert?: string | undefined },
) => Promise<Exchange>;

/**
 * Starts the Worker, then gives up the network in this isolate, for good.
 *
 * @throws if the Worker does not stand
 */
export async function startTransport({ hosts, ...settings }: TransportOptions): Promise<Transport> {
  dropProxyVariables();
  const worker = new Worker(new URL("./http_worker.ts", import.meta.url), {
    type: "module",
    name: "http",
    deno: {
      permissions: {
        net: [...hosts],
        env: false,
        ffi: false,
        import: false,
        read: false,
        run: false,
        sys: false,
        write: false,
      },
    },
  });
  const waiting = new Map<number, (answer: WorkerAnswer | undefined) => void>();
  worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => waiting.get(data.id)?.(data);
  worker.onerror = (event) => {
    // Otherwise it would end the whole process. Whoever waits is told that there is no answer.
    event.preventDefault();
    for (const resolve of waiting.values()) resolve(undefined);
  };
  const answerTo = (
    id: number,
    timeoutMs: number,
  ): Promise<WorkerAnswer | undefined> => {
    const { promise, resolve } = Promise.withResolvers<
      WorkerAnswer | undefined
    >();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    waiting.set(id, resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(id);
    });
  };

  worker.postMessage(settings);
  if (await answerTo(0, GRACE_MS) === undefined) {
    throw new Error("the Worker for HTTP requests did not start");
  }
  Deno.permissions.revokeSync({ name: "net" });

  let lastId = 0;
  return async (request, { caCert } = {}) => {
    const id = ++lastId;
    const routeCaCert = caCert === undefined ? {} : { routeCaCert: settings.routeCaCerts?.indexOf(caCert) ?? -1 };
    worker.postMessage({ id, request, ...routeCaCert } satisfies WorkerRequest);
    const answer = await answerTo(id, settings.timeoutMs + GRACE_MS);
    return answer?.exchange ?? {
      kind: "failed",
      failure: "network",
      detail: "the Worker for HTTP requests gave no answer",
    };
  };
}

/**
 * Takes the proxies out of the environment: Deno would send the Worker's requests there, past its permissions.
 * A proxy that is wanted stands in the configuration.
 */
function dropProxyVariables(): void {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]) {
    Deno.env.delete(name);
    Deno.env.delete(name.toLowerCase());
  }
}
