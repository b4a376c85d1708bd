// A proxy: http, https, socks5 (this host resolves names) or socks5h (the proxy resolves them). Never quotes the URL,
// which may contain a password.

import * as v from "valibot";
import { decoded } from "../services/http.ts";

const SOCKS = /^socks5h?:$/;

/** The port of a SOCKS proxy without one (RFC 1928). */
const SOCKS_PORT = "1080";

/** A plain host name or address: URLs of SOCKS proxies accept nearly anything there. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])$/i;

/** A schema for the URL of a proxy, which always has a port in a SOCKS URL; or `none`. */
export const proxySchema = v.pipe(
  v.string(),
  v.check(
    (text) => text === "none" || isProxy(URL.parse(text)),
    'must be a URL such as "http://proxy.example:3128" or "socks5h://localhost:1080", or "none"',
  ),
  v.transform((text) => text === "none" ? text : normal(new URL(text))),
  v.check(
    (proxy) => proxy === "none" || [proxy.username, proxy.password].every((part) => decoded(part) !== undefined),
    "must have a percent-encoded user name and password; write % as %25",
  ),
);

function isProxy(url: URL | null): boolean {
  return url !== null && HOST.test(url.hostname) && (/^https?:$/.test(url.protocol) || SOCKS.test(url.protocol));
}

/** Adds the default port and lowers the host name of a SOCKS URL, as URLs of http do by themselves. */
function normal(url: URL): URL {
  if (!SOCKS.test(url.protocol)) return url;
  url.hostname = url.hostname.toLowerCase();
  url.port ||= SOCKS_PORT;
  return url;
}

/** The secrets of a proxy: its password, as it is and in the URL. */
export function proxySecrets({ password }: URL): string[] {
  return [password, decodeURIComponent(password)].filter((secret) => secret !== "");
}
