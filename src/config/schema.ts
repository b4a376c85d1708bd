// What the configuration may say, section by section, but for the options of the services, which are their own.

import * as v from "valibot";
import { services } from "../services/registry.ts";
import { ALLOWLIST } from "./allowlist_schema.ts";
import { HEARTBEAT } from "./heartbeat.ts";
import { KEY_NAMES } from "./key_names.ts";
import { isTable, line, table } from "./schema_parts.ts";

/** The services there are, as the configuration names them. */
export const SERVICE_NAMES: readonly string[] = [...services.keys()];

const timezone = v.pipe(
  v.string(),
  v.check(
    isTimezone,
    ({ input }) => `${JSON.stringify(input)} is not a time zone; it must be a name such as "Pacific/Auckland"`,
  ),
);

const proxy = v.pipe(
  v.string(),
  v.check((text) => /^https?:/i.test(text) && URL.canParse(text), "must be a URL such as http://proxy.example:3128"),
  v.transform((text) => new URL(text)),
  v.check(({ password }) => canDecode(password), "must have a password in which a percent sign is written as %25"),
);

const number = (least: number, most: number) =>
  v.pipe(v.number(), v.check((value) => value >= least && value <= most, `must be between ${least} and ${most}`));

/** What every route may say, whatever its service. No option of a service has one of these names. */
export const ROUTE_KEYS = {
  service: v.picklist(SERVICE_NAMES, `must be one of ${SERVICE_NAMES.join(", ")}`),
  events: v.optional(
    v.pipe(
      v.array(v.picklist(["open", "close"], 'must be "open" or "close"')),
      v.minLength(1, "must not be empty, as the route would be told of nothing"),
    ),
    ["open", "close"],
  ),
  notify: v.optional(v.picklist(["all", "unexpected"], 'must be "all" or "unexpected"'), "all"),
  ca_file: v.optional(v.string()),
};

/** The keys of each section. */
export const SECTIONS = {
  host: {
    timezone: v.optional(timezone, "Etc/UTC"),
    name: v.optional(line(253), "%H"),
  },
  notification: {
    ...ROUTE_KEYS,
    // Where there are other routes, this one need not be.
    service: v.optional(ROUTE_KEYS.service),
    give_up_after_days: v.optional(number(1, 365), 7),
    request_timeout_seconds: v.optional(number(1, 300), 10),
    run_deadline_seconds: v.optional(number(10, 86_400), 600),
    proxy: v.optional(proxy),
    // Looked into by the service itself, if it is the one that is used.
    ...Object.fromEntries(SERVICE_NAMES.map((name) => [name, v.optional(v.custom(isTable, "must be a table"))])),
  },
  unexpected: {
    learning_days: v.optional(number(0, 365), 7),
  },
  allowlist: ALLOWLIST,
  history: {
    retention_days: v.optional(number(1, 36_500), 365),
  },
  heartbeat: HEARTBEAT,
};

/** The whole configuration. */
export const schema = v.strictObject({
  host: v.optional(table(SECTIONS.host), {}),
  notification: v.optional(table(SECTIONS.notification), {}),
  // Looked into one by one, since each has the options of its service.
  routes: v.optional(v.custom(isTable, "must be a table"), {}),
  unexpected: v.optional(table(SECTIONS.unexpected), {}),
  allowlist: v.optional(table(SECTIONS.allowlist), {}),
  key_names: v.optional(KEY_NAMES, {}),
  history: v.optional(table(SECTIONS.history), {}),
  heartbeat: v.optional(table(SECTIONS.heartbeat), {}),
});

function isTimezone(name: string): boolean {
  try {
    // What shows the times, since other parts of the runtime know other names.
    new Temporal.ZonedDateTime(0n, name);
    return true;
  } catch {
    return false;
  }
}

function canDecode(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
