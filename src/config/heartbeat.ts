// `[heartbeat]`: a URL that `send` requests after a run, so that an outside monitor notices when `send` stops.

import * as v from "valibot";
import { isLoopback, urlSchema, urlSecrets } from "../services/http.ts";
import { faultsOf } from "./config_error.ts";
import { type Connection, proxyOf } from "./connection.ts";
import { isPlaceholder } from "./placeholder.ts";
import { isTable } from "./schema_parts.ts";
import { readCertificates, readSecretFile, type RouteContext } from "./service_options.ts";

/** The keys of the section. The URLs are validated below, because they may be in files. */
export const HEARTBEAT = {
  url: v.pipe(
    v.optional(v.string()),
    v.description(
      "a URL to request after a run of `send`, at most every 15 s; with `/fail` appended if events are not delivered",
    ),
  ),
  url_file: v.pipe(v.optional(v.string()), v.description("a file that contains the URL, instead of `url`")),
  fail_url: v.pipe(
    v.optional(v.string()),
    v.description("the URL to request if events are not delivered, instead of `url` with `/fail` appended"),
  ),
  fail_url_file: v.pipe(
    v.optional(v.string()),
    v.description("a file that contains that URL, instead of `fail_url`"),
  ),
  ca_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of CA certificates to trust for the heartbeat, in addition to the host's and Mozilla's"),
  ),
};

const urlOption = urlSchema("anywhere");

/** The configured heartbeat. */
export interface Heartbeat {
  readonly url: URL;
  /** Requested if events are not delivered. */
  readonly failUrl: URL;
  readonly connection: Connection;
}

/** Parses the heartbeat. Returns undefined if it is not configured or invalid; adds to the faults. */
export function parseHeartbeat(toml: unknown, context: RouteContext): Heartbeat | undefined {
  const section = isTable(toml) ? toml["heartbeat"] : undefined;
  // The schema has already reported values that are not strings.
  if (!isTable(section) || Object.values(section).some((value) => typeof value !== "string")) return undefined;
  const url = parseUrl("url", section, context);
  const failUrl = parseUrl("fail_url", section, context);
  const isUnknown = (key: string) => !Object.hasOwn(HEARTBEAT, key);
  if (!hasOption("url", section) && !Object.keys(section).some(isUnknown)) {
    context.faults.push({ id: "config.missing-key", place: "heartbeat.url", message: "is missing" });
  }
  const caCert = readCertificates(section["ca_file"], { place: "heartbeat.ca_file", context });
  if (url === undefined) return undefined;
  const connection = { ...(caCert === undefined ? {} : { caCert }), ...proxyOf(context.proxy) };
  return { url, failUrl: failUrl ?? failing(url), connection };
}

/** Appends `/fail` to the path, as healthchecks.io defines it, before the query string. */
export function failing(heartbeat: URL): URL {
  const url = new URL(heartbeat);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/fail`;
  return url;
}

function hasOption(option: string, section: Record<string, unknown>): boolean {
  return Object.hasOwn(section, option) || Object.hasOwn(section, `${option}_file`);
}

/** Parses a URL that is an option or in a file. Returns undefined if it is absent or invalid; adds to the faults. */
function parseUrl(option: string, section: Record<string, unknown>, context: RouteContext): URL | undefined {
  if (!hasOption(option, section)) return undefined;
  const isInFile = Object.hasOwn(section, `${option}_file`);
  const place = `heartbeat.${option}${isInFile ? "_file" : ""}`;
  const text = isInFile ? readSecretFile(option, section, { place, context }) : section[option];
  if (text === undefined) return undefined;
  const parsed = v.safeParse(urlOption, text);
  if (!parsed.success) {
    context.faults.push(...faultsOf(parsed.issues, { place: [place], known: () => [] }));
    return undefined;
  }
  context.secrets.push(...urlSecrets(parsed.output));
  if (isPlaceholder(text)) context.placeholders.push(place);
  if (parsed.output.protocol !== "https:" && !isLoopback(parsed.output)) {
    context.warnings.push({
      id: "config.heartbeat-plain",
      place,
      message: "uses plain http: the network can read this URL, and anyone who knows it can fake a working heartbeat",
      hint: "use a URL that begins with https://",
    });
  }
  return parsed.output;
}
