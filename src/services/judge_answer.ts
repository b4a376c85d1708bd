// Shared by all HTTP services: what an answer means for the delivery, and when to retry. Answers are untrusted.

import type { HttpResponse, Outcome } from "./service.ts";

/** What a response says in addition to its status. */
export interface StatusHints {
  /** The error text in the body, for display. */
  readonly detail?: string | undefined;
  /** How long to wait before a retry, according to the body. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Converts a status to an outcome.
 *
 * @param nowMs the time of the answer, in milliseconds since the epoch
 */
export function judgeStatus(
  response: HttpResponse,
  nowMs: number,
  hints: StatusHints = {},
): Outcome {
  const { status } = response;
  if (status >= 200 && status < 300) return { kind: "delivered" };
  const reason = `HTTP ${status}${hints.detail === undefined ? "" : `: ${hints.detail}`}`;
  if (RETRIED.has(status) || status >= 500 || status < 200) {
    const retryAfterMs = hints.retryAfterMs ?? parseRetryAfter(response.headers["retry-after"], nowMs);
    return {
      kind: "retry",
      reason,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(status === 429 ? { limitsRate: true } : {}),
    };
  }
  if (status === 407) return { kind: "broken", reason: PROXY_REFUSAL, at: "proxy" };
  if (status === 400 && WANTS_TLS.test(response.body)) {
    return { kind: "broken", reason: `${reason}: this port accepts only https://` };
  }
  if (status === 400 && WANTS_CERTIFICATE.test(response.body)) {
    return { kind: "broken", reason: `${reason}: the server requires another client certificate (client_cert_file)` };
  }
  return { kind: BROKEN.has(status) || status < 400 ? "broken" : "refused", reason };
}

/** Temporary statuses; 424 comes from a gateway whose own target failed. */
const RETRIED: ReadonlySet<number> = new Set([408, 424, 425, 429]);

/** Statuses about credentials, URL or method, which affect every message. */
const BROKEN: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 410, 415, 421, 451]);

/** The reason if a proxy requires credentials, for a 407 answer and for a failed connection through it. */
export const PROXY_REFUSAL = "HTTP 407: the proxy asks for a user name and a password";

/** The reason if a SOCKS proxy requires credentials, or refuses those that it got. */
export const SOCKS_REFUSAL = "the SOCKS proxy asks for a user name and a password";

/** The reason in an error of Deno's HTTP client, if a proxy requires or refuses credentials. */
export function proxyRefusal(detail: string): string | undefined {
  if (/No acceptable auth methods|Password auth failure/.test(detail)) return SOCKS_REFUSAL;
  return /proxy auth/i.test(detail) ? PROXY_REFUSAL : undefined;
}

/** The answers of nginx, Go and Apache to plain HTTP on a TLS port. */
const WANTS_TLS = /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL/i;

/** The answers of nginx if the client certificate is missing or not valid. */
const WANTS_CERTIFICATE = /No required SSL certificate was sent|The SSL certificate error/;

/** How a service's own error format describes an answer. */
export interface Answer extends StatusHints {
  /** The expected sender, for messages: `Discord`, `an ntfy server`. */
  readonly from: string;
  /** Whether the body reports a failure in the service's format, regardless of the status. */
  readonly saysFailed: boolean;
  /** Whether the body says that the settings are wrong, so that no other message would be delivered either. */
  readonly blamesSettings?: boolean;
}

/**
 * Converts an answer to an outcome, for a service with its own error format. Any other 2xx is a delivery, since the
 * answers of compatible servers differ; except for a web page, which comes from a captive portal or a login page.
 */
export function judgeAnswer(response: HttpResponse, nowMs: number, answer: Answer): Outcome {
  const outcome = judgeStatus(response, nowMs, answer);
  if (outcome.kind === "delivered") {
    const { status, body } = response;
    if (/^\uFEFF?\s*</.test(body)) {
      return { kind: "broken", reason: `HTTP ${status}, but with a web page instead of an answer from ${answer.from}` };
    }
    if (!answer.saysFailed) return outcome;
    const reason = `HTTP ${status}: ${answer.detail ?? `${answer.from} reported a failure`}`;
    return { kind: answer.blamesSettings ? "broken" : "refused", reason };
  }
  if (outcome.kind === "refused" && answer.blamesSettings) return { kind: "broken", reason: outcome.reason };
  return outcome;
}

/** Whether a service's errors name any of these parameters. */
export function namesAny(errors: unknown, names: readonly string[]): boolean {
  return typeof errors === "object" && errors !== null && names.some((name) => Object.hasOwn(errors, name));
}

/**
 * Whether an error of a Mattermost server, which Slack's format can reach too, is about the webhook, its channel or its
 * user. The ids of those about a message end in `parse`, `split_…` or `text`.
 */
export function blamesMattermostHook({ id }: Readonly<Record<string, unknown>>): boolean {
  return typeof id === "string" &&
    /^web\.incoming_webhook\.(channel|channel_locked|disabled|general|invalid|permissions|user)\b/.test(id);
}

/** A field of a JSON body, if it is a non-empty string. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The non-empty strings in a list of a JSON body, joined; undefined if there are none. */
export function textsOf(values: unknown): string | undefined {
  return Array.isArray(values) ? textOf(values.flatMap((value) => textOf(value) ?? []).join("; ")) : undefined;
}

/**
 * Parses a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now, 0 for a date in the past; undefined if the header is absent or invalid
 */
export function parseRetryAfter(
  value: string | undefined,
  nowMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return secondsToMs(Number(text));
  // Check the format first, because Date.parse accepts nearly anything, even negative numbers. The asctime(3) format is
  // allowed too; it has no zone and means GMT.
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} .* \d{4}$/.test(text);
  const at = isAsctime ? Date.parse(`${text} GMT`) : /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Converts a service's wait in seconds to milliseconds; undefined if it is invalid. */
export function secondsToMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds < 0) {
    return undefined;
  }
  return Math.ceil(seconds * 1000);
}

/** The fields of the JSON object in a response body; empty if the body is anything else. */
export function jsonFields(body: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(body));
  } catch {
    return {};
  }
}

/** The fields of a value of a JSON body, if it is an object; else empty. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}
