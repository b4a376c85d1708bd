// Shared by all HTTP services: URLs, the meaning of a status, and when to retry.

import * as v from "valibot";
import type { HttpRequest, HttpResponse, Message, Outcome, Server } from "./service.ts";

/**
 * A schema for an http or https URL. Its messages do not quote the URL, which may contain a secret.
 *
 * @param plainHttp for which hosts plain http is accepted
 */
export function urlSchema(plainHttp: "anywhere" | "loopback") {
  return v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && /^https?:/i.test(text),
      `must be a URL that begins with https://${plainHttp === "anywhere" ? " or http://" : ""}`,
    ),
    v.transform((text) => new URL(text)),
    v.check(
      (url) => url.protocol === "https:" || plainHttp === "anywhere" || isLoopback(url),
      "must begin with https://: plain http exposes the secret in the URL to the network",
    ),
    v.check(
      (url) => url.username === "" && url.password === "",
      "must not contain a user name or password",
    ),
  );
}

/** A schema for the URL of a self-hosted server, which can include a path. Accepts plain http; the service warns. */
export function serverUrlSchema() {
  return v.pipe(
    urlSchema("anywhere"),
    v.check(({ search, hash }) => search === "" && hash === "", "must be the server's base URL, without ? or #"),
  );
}

/** A schema for a token in a header or a path: visible ASCII only, so that it cannot end the header. */
export function tokenSchema(what: string) {
  return v.pipe(v.string(), v.regex(/^[!-~]+$/, `must be ${what}, without spaces`));
}

/** Appends a path to the URL of a server. The caller must escape untrusted parts of the path. */
export function below(server: URL, path: string): string {
  return `${server.origin}${server.pathname.replace(/\/$/, "")}/${path}`;
}

/** A path segment before the last one that may be secret: not `v2`, nor a plain word such as `services`. */
const MAYBE_SECRET = /^(?![a-z]{1,12}$).{8,}$/;

/**
 * The parts of a URL that must not be shown if its path or query contains the secret: the whole URL, and each part by
 * itself, because a service's answer may quote any of them.
 */
export function urlSecrets({ href, pathname, search, searchParams }: URL): string[] {
  const segments = pathname.split("/").filter((segment) => segment !== "");
  const secret = segments.filter((segment, index) => index === segments.length - 1 || MAYBE_SECRET.test(segment));
  // A short word or an API version is no secret, as in `?status=up&msg=OK&v=1.0`, and redacting it would garble messages.
  const query = [...searchParams].map(([name, value]) => value === "" ? name : value)
    .filter((part) => !/^([a-z]{1,4}|\d(\.\d)?)$/i.test(part));
  const parts = [
    `${pathname}${search}`,
    ...secret.flatMap((segment) => [segment, decoded(segment) ?? segment]),
    ...query,
  ];
  return [href, ...new Set(parts.filter((part) => part !== "" && part !== "/"))];
}

/** A percent-encoded text, decoded; undefined if it is not valid. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A warning if a server is not the service's own, or else if the network can read the traffic to it. */
export function serverWarnings({ url, option, own }: Server): string[] {
  if (own !== undefined) {
    return own.hosts.test(url.hostname)
      ? []
      : [`${option} points to ${url.hostname}, which does not belong to ${own.of}`];
  }
  return url.protocol !== "http:" || isLoopback(url)
    ? []
    : [`${option} uses plain http: the network can read notifications and tokens`];
}

/** A request with a JSON body. */
export function jsonRequest(
  url: string,
  body: unknown,
  options: { method?: "POST" | "PUT"; headers?: Readonly<Record<string, string>> } = {},
): HttpRequest {
  const headers = { "content-type": "application/json", ...options.headers };
  return { kind: "http", method: options.method ?? "POST", url, headers, body: JSON.stringify(body) };
}

/** The Authorization header for a token. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Encodes a text as UTF-8 in base64, as logins require it. */
export function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

/** The id of a message, escaped for a header or a path segment. A normal id stays unchanged. */
export function safeId({ id }: Message): string {
  return encodeURIComponent(id.toWellFormed());
}

/** Whether a URL points to this machine. Then plain http is safe, because the traffic does not leave it. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** The `host:port` of a URL, in the format of Deno's `net` permission. */
export function endpoint(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
}

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
