// Shared by all HTTP services: the URLs, credentials and bodies of requests.

import * as v from "valibot";
import type { HttpRequest, Message, Server } from "./service.ts";

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
