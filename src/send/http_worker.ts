// The Worker that makes the HTTP requests. Its only permission is `net`, to the hosts of the configured routes.

import { type HttpRequest, MAX_RESPONSE_BYTES } from "../services/service.ts";
import type { Exchange, WorkerAnswer, WorkerRequest, WorkerSettings } from "./exchange.ts";
import { explainTls } from "./tls_refusal.ts";

/** What the global scope of a Worker has. Its library of types can't stand beside that of the rest of the program. */
interface WorkerScope {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: WorkerAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;
let timeoutMs = 0;
/** The client of the routes that have no certificates of their own. */
let client: Deno.HttpClient | undefined;
let routeClients: readonly (Deno.HttpClient | undefined)[] = [];

scope.onmessage = ({ data }: MessageEvent<WorkerSettings>) => {
  const { caCerts, routeCaCerts = [] } = data;
  client = createClient(data);
  routeClients = routeCaCerts.map((caCert) => createClient({ ...data, caCerts: [...caCerts, caCert] }));
  timeoutMs = data.timeoutMs;
  scope.onmessage = async ({ data: { id, request, routeCaCert } }: MessageEvent<WorkerRequest>) => {
    answer({ id, exchange: await exchange(request, routeCaCert === undefined ? client : routeClients[routeCaCert]) });
  };
  answer({ id: 0 });
};

function createClient({ caCerts, proxyUrl }: Pick<WorkerSettings, "caCerts" | "proxyUrl">): Deno.HttpClient {
  const proxy = proxyUrl === undefined ? {} : { proxy: { url: proxyUrl } };
  try {
    return Deno.createHttpClient({ caCerts: [...caCerts], ...proxy });
  } catch {
    // A CA store that can't be read must not silence everything: Mozilla's certificates are there still.
    return Deno.createHttpClient(proxy);
  }
}

function answer(message: WorkerAnswer): void {
  scope.postMessage(message);
}

async function exchange(request: HttpRequest, client: Deno.HttpClient | undefined): Promise<Exchange> {
  const { url, method, headers, body } = request;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      headers,
      // fetch() refuses a GET with a body, also with an empty one.
      ...(method === "GET" ? {} : { body }),
      signal,
      // What a service sends us to is not what the administrator configured.
      redirect: "manual",
      ...(client === undefined ? {} : { client }),
    });
    return {
      kind: "response",
      response: {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await readStart(response),
      },
    };
  } catch (error) {
    const detail = explainTls(rootMessage(error).replaceAll(url, "…"));
    if (signal.aborted) {
      return {
        kind: "failed",
        failure: "timeout",
        detail: `no answer in ${timeoutMs / 1000} s`,
      };
    }
    return {
      kind: "failed",
      failure: error instanceof Deno.errors.NotCapable ? "refused" : "network",
      detail,
    };
  }
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
