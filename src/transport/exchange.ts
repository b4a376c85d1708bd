// The messages between the Worker that makes requests and the code that waits for it.

import type { Connection } from "../config/connection.ts";
import type { HttpRequest, HttpResponse, MailAnswer, MailRequest } from "../services/service.ts";

/** The answer to a request, or why it failed. `detail` is for people and does not contain the URL. */
export type Exchange =
  | { readonly kind: "response"; readonly response: HttpResponse }
  | { readonly kind: "answer"; readonly answer: MailAnswer }
  /** `refused`: the sandbox does not allow requests to that host. */
  | {
    readonly kind: "failed";
    readonly failure: "network" | "timeout" | "refused";
    readonly detail: string;
  };

/** The remote end of a connection. An IPv6 address is in brackets. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** The first message to the Worker. */
export interface WorkerSettings {
  /** Certificates to trust in addition to Mozilla's, as PEM. */
  readonly caCerts: readonly string[];
  /** The addresses of hosts that have several, and of mail servers, by `host:port`. */
  readonly addresses: ReadonlyMap<string, readonly Address[]>;
  readonly timeoutMs: number;
}

/**
 * How long a request may take, in milliseconds. A mail takes several answers, and servers check it for spam before the
 * last one; after a timeout that is too short, the mail would be sent twice.
 */
export function timeoutOf(
  { kind }: HttpRequest | MailRequest,
  { timeoutMs }: Pick<WorkerSettings, "timeoutMs">,
): number {
  return kind === "mail" ? Math.max(timeoutMs, Math.min(6 * timeoutMs, 60_000)) : timeoutMs;
}

/** Every other message to the Worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly request: HttpRequest | MailRequest;
  /** The host to connect to, as `host:port`: the proxy, if an HTTP request is made through one. */
  readonly host: string;
  readonly connection: Connection;
}

/** The Worker's answer. The first one, with ID 0, means that the Worker has started. */
export interface WorkerAnswer {
  readonly id: number;
  readonly exchange?: Exchange;
}
