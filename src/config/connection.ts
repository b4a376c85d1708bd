// How the requests of a route reach its server: extra headers, CA certificates, a client certificate and a proxy.

import * as v from "valibot";
import type { ConfiguredService } from "../services/registry.ts";
import { clientCertificatesIn, privateKeyIn } from "./client_certificate.ts";
import { parseHeaders } from "./headers.ts";
import { isPlaceholder } from "./placeholder.ts";
import { proxySchema, proxySecrets } from "./proxy.ts";
import { isTable } from "./schema_parts.ts";
import { readCertificates, readNamed, readSecretFile, type RouteContext } from "./service_options.ts";

/** How requests reach a server. Empty for the usual way. */
export interface Connection {
  /** Headers to add to each request, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** CA certificates to trust in addition to the host's, as PEM. */
  readonly caCert?: string;
  /** The certificate to present, with those of its chain, as PEM. */
  readonly clientCert?: string;
  /** The private key of that certificate, as PEM. */
  readonly clientKey?: string;
  readonly proxyUrl?: string;
}

/** The keys of every route that only HTTP services have. */
const HTTP_KEYS = {
  headers: v.pipe(
    v.optional(v.custom<Record<string, unknown>>(isTable, "must be a table")),
    v.description(
      "a table of headers to add to each request, for a gateway in front of the service. Secret; or `headers_file`, " +
        "a file with lines `Name: value`",
    ),
  ),
  headers_file: v.pipe(v.optional(v.string()), v.description("a file that contains the headers, instead of `headers`")),
  client_cert_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of the client certificate that the server requires (mTLS), then those of its chain"),
  ),
  client_key_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of that certificate's private key, without a passphrase"),
  ),
  proxy: v.pipe(
    v.optional(proxySchema),
    v.description(
      "the proxy for this route; in `[notification]`, also for the heartbeat and for every route without its own. " +
        '`"http://proxy.example:3128"`, or with `https`, `socks5`, or `socks5h` (the proxy resolves names); `"none"` ' +
        "for no proxy. Proxy environment variables are ignored",
    ),
  ),
};

/** The keys of a connection. */
export const CONNECTION_KEYS = {
  ca_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of CA certificates to trust for this route, in addition to the host's and Mozilla's"),
  ),
  ...HTTP_KEYS,
};

type Keys = v.InferOutput<v.ObjectSchema<typeof CONNECTION_KEYS, undefined>>;

/** What a connection is for, and where it is configured. */
export interface ConnectionContext {
  readonly service: ConfiguredService;
  /** The key path of the route. */
  readonly place: string;
  readonly context: RouteContext;
}

/** Parses the connection of a route; adds to the faults. */
export function parseConnection(keys: Keys, { service, place, context }: ConnectionContext): Connection {
  const caCert = readCertificates(keys.ca_file, { place: `${place}.ca_file`, context });
  const trust = caCert === undefined ? {} : { caCert };
  const taken = headersSetBy(service);
  if (taken === undefined) {
    for (const key of Object.keys(HTTP_KEYS)) {
      // In [notification], the proxy is for other routes too.
      if (!Object.hasOwn(keys, key) || (key === "proxy" && place === "notification")) continue;
      const message = `has no effect: the service "${service.name}" makes no HTTP requests`;
      context.faults.push({ id: "config.conflicting-keys", place: `${place}.${key}`, message });
    }
    return trust;
  }
  const headers = parseHeaders(keys, { place, context, taken });
  return {
    ...trust,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...clientCertificateOf(keys, { place, context }),
    // That of [notification] is in the context.
    ...proxyOf((place === "notification" ? undefined : noted(keys.proxy, { place, context })) ?? context.proxy),
  };
}

/** The connection's part for a proxy. */
export function proxyOf(proxy: URL | "none" | undefined): Pick<Connection, "proxyUrl"> {
  return proxy === undefined || proxy === "none" ? {} : { proxyUrl: proxy.href };
}

/** The proxy in `[notification]`, for all routes; undefined if it is absent or invalid, which the schema reports. */
export function proxyForAll(toml: unknown, context: Noting): Proxy {
  const notification = isTable(toml) ? toml["notification"] : undefined;
  const { success, output } = v.safeParse(proxySchema, isTable(notification) ? notification["proxy"] : undefined);
  return success ? noted(output, { place: "notification", context }) : undefined;
}

type Proxy = RouteContext["proxy"];
type Noting = Pick<RouteContext, "secrets" | "placeholders">;

/** Notes the secrets of a proxy, and whether it is a placeholder. */
function noted(proxy: Proxy, { place, context }: { place: string; context: Noting }): Proxy {
  if (proxy === undefined || proxy === "none") return proxy;
  context.secrets.push(...proxySecrets(proxy));
  if (isPlaceholder(proxy.href)) context.placeholders.push(`${place}.proxy`);
  return proxy;
}

/** The names of the headers that a service sets, in lower case; undefined if it makes no HTTP requests. */
function headersSetBy(service: ConfiguredService): readonly string[] | undefined {
  const notifications = [{ type: "test", hostName: "", time: "" }] as const;
  const request = service.render({ id: "", notifications }, { form: "plain", nowMs: 0 });
  if (request.kind === "print" || request.kind === "mail") return undefined;
  const requests = request.kind === "http" ? [request] : request.requests;
  return requests.flatMap(({ headers }) => Object.keys(headers).map((name) => name.toLowerCase()));
}

function clientCertificateOf(
  { client_cert_file: certFile, client_key_file: keyFile }: Keys,
  { place, context }: Omit<ConnectionContext, "service">,
): Pick<Connection, "clientCert" | "clientKey"> {
  const at = { cert: `${place}.client_cert_file`, key: `${place}.client_key_file` };
  if (certFile === undefined && keyFile === undefined) return {};
  if (certFile === undefined || keyFile === undefined) {
    const [missing, other] = certFile === undefined ? [at.cert, "client_key_file"] : [at.key, "client_cert_file"];
    context.faults.push({ id: "config.missing-key", place: missing, message: `is missing: ${other} requires it` });
    return {};
  }
  const clientCert = readNamed(certFile, { place: at.cert, context }, ({ text }) => clientCertificatesIn(text));
  // Without a certificate, the key cannot be checked.
  if (clientCert === undefined) return {};
  const clientKey = readSecretFile(
    "client_key",
    { client_key_file: keyFile },
    { place: at.key, context },
    ({ text }) => privateKeyIn(text, clientCert),
  );
  if (clientKey === undefined) return {};
  try {
    Deno.createHttpClient({ cert: clientCert, key: clientKey }).close();
  } catch {
    context.faults.push({
      id: "config.file-unusable",
      place: at.cert,
      message: "the certificate is not usable for TLS",
    });
  }
  return { clientCert, clientKey };
}
