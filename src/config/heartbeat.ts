// `[heartbeat]`: the URL that is pinged after each run, so that a notifier that is dead is noticed from outside.

import * as v from "valibot";
import { isLoopback, urlSchema, urlSecrets } from "../services/http.ts";
import { faultOf } from "./config_error.ts";
import { isPlaceholder } from "./placeholder.ts";
import { isTable } from "./schema_parts.ts";
import { readSecretFile, type RouteContext } from "./service_options.ts";

/** The keys of the section. What they hold is looked into below, since it may stand in a file. */
export const HEARTBEAT = {
  url: v.pipe(
    v.optional(v.string()),
    v.description("pinged after each run of `send`; with `/fail` behind it where events do not get through"),
  ),
  url_file: v.pipe(v.optional(v.string()), v.description("a file that holds the URL, in place of it")),
};

const url = urlSchema({ plainHttp: "anywhere" });

/** The URL to ping; undefined where there is none, or where something is wrong, which is added to the faults. */
export function parseHeartbeat(toml: unknown, context: RouteContext): URL | undefined {
  const section = isTable(toml) ? toml["heartbeat"] : undefined;
  if (!isTable(section)) return undefined;
  const isInFile = Object.hasOwn(section, "url_file");
  const place = isInFile ? "heartbeat.url_file" : "heartbeat.url";
  // What is no text has been told by the schema.
  if (Object.values(section).some((value) => typeof value !== "string")) return undefined;
  const text = isInFile ? readSecretFile("url", section, { place, context }) : section["url"];
  if (typeof text !== "string") {
    if (Object.keys(section).length === 0) context.faults.push({ place, message: "is missing" });
    return undefined;
  }
  const parsed = v.safeParse(url, text);
  if (!parsed.success) {
    const faults = parsed.issues.map((issue) => faultOf(issue, { place: [], known: () => [] }));
    context.faults.push(...faults.map(({ message }) => ({ place, message })));
    return undefined;
  }
  context.secrets.push(...urlSecrets(parsed.output));
  if (isPlaceholder(text)) context.placeholders.push(place);
  if (parsed.output.protocol !== "https:" && !isLoopback(parsed.output)) {
    context.warnings.push({
      place,
      message: "is plain http: whoever can read it can keep up the look of a live alarm",
      mend: "use a URL that begins with https://",
    });
  }
  return parsed.output;
}
