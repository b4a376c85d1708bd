// What came of one HTTP request. Shared by the Worker that makes it and the code that waits for it.

import type { HttpRequest, HttpResponse } from "../services/service.ts";

/** An answer, or why there is none. `detail` is for people, and free of the URL. */
export type Exchange =
  | { readonly kind: "response"; readonly response: HttpResponse }
  /** `refused`: the sandbox allows no request to that host. */
  | {
    readonly kind: "failed";
    readonly failure: "network" | "timeout" | "refused";
    readonly detail: string;
  };

/** The other end of a connection. An IPv6 address is in brackets. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** The first message to the Worker. */
export interface WorkerSettings {
  /** Certificates to trust beside Mozilla's, as PEM. */
  readonly caCerts: readonly string[];
  /** Certificates that single routes trust beside those, as PEM. */
  readonly routeCaCerts?: readonly string[];
  readonly proxyUrl?: string;
  /** The addresses of the hosts that have several, by `host:port`. */
  readonly addresses?: ReadonlyMap<string, readonly Address[]>;
  readonly timeoutMs: number;
}

/** Every other message to the Worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly request: HttpRequest;
  /** The host to connect to, as `host:port`: the proxy, if one is configured. */
  readonly host?: string;
  /** Which of `routeCaCerts` is trusted for it, by its place there. */
  readonly routeCaCert?: number;
}

/** The Worker's answer; the first one, with the id 0, says that it stands. */
export interface WorkerAnswer {
  readonly id: number;
  readonly exchange?: Exchange;
}
