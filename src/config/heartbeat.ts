// `[heartbeat]`: a URL that `send` requests after a run, so that an outside monitor notices when `send` stops.

import * as v from "valibot";
import { isLoopback, urlSchema, urlSecrets } from "../services/http.ts";
import { faultOf } from "./config_error.ts";
import { isPlaceholder } from "./placeholder.ts";
import { isTable } from "./schema_parts.ts";
import { readCertificates, readSecretFile, type RouteContext } from "./service_options.ts";

/** The keys of the section. The URL is validated below, because it may be in a file. */
export const HEARTBEAT = {
  url: v.pipe(
    v.optional(v.string()),
    v.description(
      "a URL to request after a run of `send`, at most every 15 s; with `/fail` appended if events are not delivered",
    ),
  ),
  url_file: v.pipe(v.optional(v.string()), v.description("a file that contains the URL, instead of `url`")),
  ca_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of CA certificates to trust for the heartbeat, in addition to the host's and Mozilla's"),
  ),
};

const url = urlSchema("anywhere");

/** The configured heartbeat. */
export interface Heartbeat {
  readonly url: URL;
  /** CA certificates to trust in addition to the host's, as PEM. */
  readonly caCert?: string | undefined;
}

/** Parses the heartbeat. Returns undefined if it is not configured or invalid; adds to the faults. */
export function parseHeartbeat(toml: unknown, context: RouteContext): Heartbeat | undefined {
  const section = isTable(toml) ? toml["heartbeat"] : undefined;
  if (!isTable(section)) return undefined;
  const isInFile = Object.hasOwn(section, "url_file");
  const place = isInFile ? "heartbeat.url_file" : "heartbeat.url";
  // The schema has already reported values that are not strings.
  if (Object.values(section).some((value) => typeof value !== "string")) return undefined;
  const text = isInFile ? readSecretFile("url", section, { place, context }) : section["url"];
  if (typeof text !== "string") {
    if (Object.keys(section).every((key) => key === "ca_file")) {
      context.faults.push({ id: "config.missing-key", place, message: "is missing" });
    }
    return undefined;
  }
  const parsed = v.safeParse(url, text);
  if (!parsed.success) {
    context.faults.push(...parsed.issues.map((issue) => faultOf(issue, { place: [place], known: () => [] })));
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
  const caCert = readCertificates(section["ca_file"], { place: "heartbeat.ca_file", context });
  return { url: parsed.output, caCert };
}
