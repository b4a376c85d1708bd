// What services over HTTP have in common: URLs, what a status means, and when to try again.

import * as v from "valibot";
import type { Batch, HttpRequest, HttpResponse, Outcome } from "./service.ts";

/** Hosts for which plain http is no risk: the traffic does not leave the machine. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * A schema for an http or https URL, which is parsed, not shown: it may hold a secret.
 *
 * @param options.plainHttp where plain http is accepted
 */
export function urlSchema(options: { plainHttp: "anywhere" | "loopback" }) {
  return v.pipe(
    v.string(),
    v.check(
      (text) => URL.canParse(text) && /^https?:/i.test(text),
      "must be a URL that begins with https://",
    ),
    v.transform((text) => URL.parse(text) ?? new URL("https://invalid.invalid")),
    v.check(
      (url) => url.protocol === "https:" || options.plainHttp === "anywhere" || isLoopback(url),
      "must begin with https://, since plain http shows the secret in it to the network",
    ),
    v.check(
      (url) => url.username === "" && url.password === "",
      "must not hold a user name or password",
    ),
  );
}

/** The URL of a server of one's own, which may be below a path; plain http is taken, with a warning. */
export function serverUrlSchema() {
  return v.pipe(
    urlSchema({ plainHttp: "anywhere" }),
    v.check(({ search, hash }) => search === "" && hash === "", "must be the server's own URL, without ? or #"),
  );
}

/** A schema for a text that goes into a header or a path: visible ASCII, so that it can't end there. */
export function tokenSchema(what: string) {
  return v.pipe(v.string(), v.regex(/^[!-~]+$/, `must be ${what}, without spaces`));
}

/** A path below the URL of a server. The parts that come from elsewhere must be escaped. */
export function below(server: URL, path: string): string {
  return `${server.origin}${server.pathname.replace(/\/$/, "")}/${path}`;
}

/** A segment before the last one of a path that may be secret: neither `v2` nor a plain word such as `services`. */
const MAYBE_SECRET = /^(?![a-z]{1,12}$).{8,}$/;

/**
 * The parts of a URL that must not be shown if the secret is in its path or query: the whole, and each part by itself,
 * since the answer of a service may contain any of them.
 */
export function urlSecrets({ href, pathname, search, searchParams }: URL): string[] {
  const segments = pathname.split("/").filter((segment) => segment !== "");
  const secret = segments.filter((segment, index) => index === segments.length - 1 || MAYBE_SECRET.test(segment));
  const query = [...searchParams].map(([name, value]) => value === "" ? name : value);
  const parts = [`${pathname}${search}`, ...secret.flatMap((segment) => [segment, decoded(segment)]), ...query];
  return [href, ...new Set(parts.filter((part) => part !== "" && part !== "/"))];
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A warning for a URL whose traffic can be read on its way. */
export function plainHttpWarnings(url: URL, option: string): string[] {
  return url.protocol === "https:" || isLoopback(url)
    ? []
    : [`${option} is plain http: the network can read the notifications, and any token with them`];
}

/** A warning for a URL that does not lead to the service itself; it may be a relay, or a trap. */
export function foreignHostWarnings({ hostname }: URL, options: { option: string; own: RegExp; of: string }): string[] {
  return options.own.test(hostname)
    ? []
    : [`${options.option} leads to ${hostname}, which is not a host of ${options.of}`];
}

/** A request that carries JSON. */
export function jsonRequest(
  url: string,
  body: unknown,
  options: { method?: "POST" | "PUT"; headers?: Readonly<Record<string, string>> } = {},
): HttpRequest {
  const headers = { "content-type": "application/json", ...options.headers };
  return { kind: "http", method: options.method ?? "POST", url, headers, body: JSON.stringify(body) };
}

/** The header that shows a token. */
export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** A user and a password, as HTTP basic authentication shows them (RFC 7617). */
export function basicCredentials(user: string, password: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)));
}

/** The id of a batch, fit for a header or a part of a path; an id as it should be stays as it is. */
export function safeId({ id }: Batch): string {
  return encodeURIComponent(id.toWellFormed());
}

/** Whether a URL leads to this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname);
}

/** `host:port` of a URL, in the form that Deno's `net` permission takes. */
export function endpoint(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
}

/** What a service says of itself, where the status alone does not tell. */
export interface StatusHints {
  /** What the body says is wrong, for people. */
  readonly detail?: string | undefined;
  /** When the body says to try again. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * What a status means, for a service that has nothing to add; the README has it as a table, under "What becomes of an event".
 *
 * @param nowMs the time of the answer, since the epoch
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
    return { kind: "broken", reason: `${reason}: this port takes https:// alone` };
  }
  return { kind: BROKEN.has(status) || status < 400 ? "broken" : "refused", reason };
}

/** Statuses that pass with time; 424 comes from a gateway whose own target failed. */
const RETRIED: ReadonlySet<number> = new Set([408, 424, 425, 429]);

/** Statuses about credentials, the address or the method, which are the same for every message. */
const BROKEN: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 410, 415, 421, 451]);

/** The reason if a proxy wants credentials, whether it answers so or a connection through it fails. */
export const PROXY_REFUSAL = "HTTP 407: the proxy asks for a user name and a password";

/** What nginx, Go and Apache answer to plain HTTP on a TLS port. */
const WANTS_TLS = /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL/i;

/** What a service says of itself, beside the status. */
export interface Answer extends StatusHints {
  /** Whose answer it should be: `Discord`, `an ntfy server`. */
  readonly from: string;
  /** Whether the body is the service's own report of a failure, whatever the status. */
  readonly saysFailed: boolean;
  /** Whether the body says that the settings are wrong; then no other message would get through either. */
  readonly blamesSettings?: boolean;
}

/**
 * What an answer means, for a service that reports failures in its own words. Any other 2xx is a delivery, since
 * compatible servers confirm requests in other words; except for a web page, which comes from a captive portal or a
 * login page, not from an API.
 */
export function judgeAnswer(response: HttpResponse, nowMs: number, answer: Answer): Outcome {
  const outcome = judgeStatus(response, nowMs, answer);
  if (outcome.kind === "delivered") {
    const { status, body } = response;
    if (/^\uFEFF?\s*</.test(body)) {
      return { kind: "broken", reason: `HTTP ${status}, but a web page and not the answer of ${answer.from}` };
    }
    if (!answer.saysFailed) return outcome;
    const reason = `HTTP ${status}: ${answer.detail ?? `${answer.from} says that it failed`}`;
    return { kind: answer.blamesSettings ? "broken" : "refused", reason };
  }
  if (outcome.kind === "refused" && answer.blamesSettings) return { kind: "broken", reason: outcome.reason };
  return outcome;
}

/** Whether the errors of a service name any of these parameters. */
export function namesAny(errors: unknown, names: readonly string[]): boolean {
  return typeof errors === "object" && errors !== null && names.some((name) => Object.hasOwn(errors, name));
}

/** A field of a JSON body, if it is a text that says something. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/**
 * Reads a `Retry-After` header: seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now, 0 for a date in the past; undefined where there is none or it makes no sense
 */
export function parseRetryAfter(
  value: string | undefined,
  nowMs: number,
): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return secondsToMs(Number(text));
  // Only what an HTTP date looks like: Date.parse takes nearly anything, negative numbers included. The form of
  // asctime(3), which is allowed too, names no zone and means GMT.
  const isAsctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} .* \d{4}$/.test(text);
  const at = isAsctime ? Date.parse(`${text} GMT`) : /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Seconds that a service asked for, as milliseconds; undefined where they make no sense. */
export function secondsToMs(seconds: unknown): number | undefined {
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds < 0) {
    return undefined;
  }
  return Math.ceil(seconds * 1000);
}

/** The fields of a JSON object in a response body; none where it is something else. */
export function jsonFields(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
