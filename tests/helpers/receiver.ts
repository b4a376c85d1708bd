// A loopback server that keeps the requests it gets, and answers like a service (see receivers.ts).

import type { HttpResponse, ServiceRequest } from "../../src/services/service.ts";

/** A request as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body, parsed as JSON or as a form; empty if it is neither. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The status of the answer. */
  readonly status: number;
  /** The major version of HTTP. */
  readonly httpVersion: 1 | 2;
  /** The client's port, which tells connections apart. */
  readonly clientPort: number;
}

/** Answers instead of the service, or returns undefined to let it answer. */
export type Interceptor = (request: Request, text: string) => Response | Promise<Response | undefined> | undefined;

/** The answer of a service. `body`: the text, parsed as JSON or as a form; empty if it is neither. */
export type Judge = (request: Request, text: string, body: Readonly<Record<string, unknown>>) => Response;

/** The server's certificate and its key, as PEM. */
export type ServerCertificate = Readonly<Record<"cert" | "key", string>>;

/** A service on its own loopback port; with a certificate over TLS, where clients can choose HTTP/1.1 or HTTP/2. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Can answer before the service. */
  intercept: Interceptor = () => undefined;
  readonly port: number;
  readonly #judge: Judge;
  readonly #certificate: ServerCertificate | undefined;
  #server: Deno.HttpServer | undefined;
  #stop = new AbortController();

  constructor(judge: Judge, certificate?: ServerCertificate) {
    this.#judge = judge;
    this.#certificate = certificate;
    this.port = this.#listen(0);
  }

  /** The accepted requests, in order. */
  get accepted(): readonly Received[] {
    return this.received.filter(({ status }) => status >= 200 && status < 300);
  }

  /** `http://127.0.0.1:PORT`; with a certificate, `https:`. */
  get origin(): string {
    return `http${this.#certificate === undefined ? "" : "s"}://127.0.0.1:${this.port}`;
  }

  /** Takes the service down: connections are refused. */
  async down(): Promise<void> {
    // Also ends open requests, which may hang on purpose.
    this.#stop.abort();
    await this.#server?.finished;
    this.#server = undefined;
  }

  /** Starts the service again, on the same port. */
  up(): void {
    this.#listen(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #listen(port: number): number {
    this.#stop = new AbortController();
    const options = { hostname: "127.0.0.1", port, signal: this.#stop.signal, onListen: () => {} };
    const secure = { ...options, ...this.#certificate };
    this.#server = Deno.serve(secure, async (request, { remoteAddr }) => {
      const text = await request.text();
      const body = parseBody(request, text);
      const response = await this.intercept(request, text) ?? this.#judge(request, text, body);
      const { pathname, search } = new URL(request.url);
      const { headers } = request;
      this.received.push({
        path: `${pathname}${search}`,
        headers,
        text,
        body,
        status: response.status,
        // HTTP/2 names the host in a pseudo-header instead; HTTP/1.1 requires this header.
        httpVersion: headers.has("host") ? 1 : 2,
        clientPort: (remoteAddr as Deno.NetAddr).port,
      });
      return response;
    });
    return (this.#server.addr as Deno.NetAddr).port;
  }
}

/** The answer of a service to a request, without a socket. */
export async function answerOf(judge: Judge, request: ServiceRequest): Promise<HttpResponse> {
  if (request.kind !== "http") throw new Error("makes no HTTP request");
  const { url, method, headers, body } = request;
  const arrived = new Request(url, { method, headers, body });
  const response = judge(arrived, body, parseBody(arrived, body));
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

/** Parses a body as a service does. */
export function parseBody(request: Request, text: string): Record<string, unknown> {
  if (request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded")) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
