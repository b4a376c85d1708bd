// `[heartbeat]`: the URL that is pinged after each run, so that a notifier that is dead is noticed from outside.

import * as v from "valibot";
import { isLoopback, urlSchema, urlSecrets } from "../services/http.ts";
import { faultOf } from "./config_error.ts";
import { certificatesIn } from "./files_beside.ts";
import { isPlaceholder } from "./placeholder.ts";
import { isTable } from "./schema_parts.ts";
import { readNamed, readSecretFile, type RouteContext } from "./service_options.ts";

/** The keys of the section. What they hold is looked into below, since it may stand in a file. */
export const HEARTBEAT = {
  url: v.pipe(
    v.optional(v.string()),
    v.description("pinged after each run of `send`; with `/fail` behind it where events do not get through"),
  ),
  url_file: v.pipe(v.optional(v.string()), v.description("a file that holds the URL, in place of it")),
  ca_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of certificates that the heartbeat trusts, besides the host's own"),
  ),
};

const url = urlSchema({ plainHttp: "anywhere" });

/** The heartbeat, as it is configured. */
export interface Heartbeat {
  readonly url: URL;
  /** Certificates that it trusts besides the host's, as PEM. */
  readonly caCert?: string;
}

/** The heartbeat; undefined if none is configured, or if something is wrong, which is added to the faults. */
export function parseHeartbeat(toml: unknown, context: RouteContext): Heartbeat | undefined {
  const section = isTable(toml) ? toml["heartbeat"] : undefined;
  if (!isTable(section)) return undefined;
  const isInFile = Object.hasOwn(section, "url_file");
  const place = isInFile ? "heartbeat.url_file" : "heartbeat.url";
  // What is no text has been told by the schema.
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
    const faults = parsed.issues.map((issue) => faultOf(issue, { place: [], known: () => [] }));
    context.faults.push(...faults.map((fault) => ({ ...fault, place })));
    return undefined;
  }
  context.secrets.push(...urlSecrets(parsed.output));
  if (isPlaceholder(text)) context.placeholders.push(place);
  if (parsed.output.protocol !== "https:" && !isLoopback(parsed.output)) {
    context.warnings.push({
      id: "config.heartbeat-plain",
      place,
      message: "is plain http: whoever can read it can keep up the look of a live alarm",
      hint: "use a URL that begins with https://",
    });
  }
  const { ca_file: caFile } = section;
  if (caFile === undefined) return { url: parsed.output };
  const caCert = readNamed(caFile, { place: "heartbeat.ca_file", context }, certificatesIn);
  return caCert === undefined ? undefined : { url: parsed.output, caCert };
}
