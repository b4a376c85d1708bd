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

/** What a number may be, what it is if it is left out, and what it is for. */
interface NumberKey {
  readonly least: number;
  readonly most: number;
  readonly otherwise: number;
  readonly what: string;
}

function number({ least, most, otherwise, what }: NumberKey) {
  const isBetween = (value: number) => value >= least && value <= most;
  return v.pipe(
    v.optional(v.pipe(v.number(), v.check(isBetween, `must be between ${least} and ${most}`)), otherwise),
    v.description(`${what}; ${least} to ${most}`),
  );
}

const serviceName = v.picklist(SERVICE_NAMES, `must be one of ${SERVICE_NAMES.join(", ")}`);

// Each key is described (`v.description`, in Markdown), for the README's table.

/** What every route may say, whatever its service. No option of a service has one of these names. */
export const ROUTE_KEYS = {
  service: v.pipe(
    serviceName,
    v.description("one of [Services](#services); its [options](#options) stand beside it"),
  ),
  events: v.pipe(
    v.optional(
      v.pipe(
        v.array(v.picklist(["open", "close"], 'must be "open" or "close"')),
        v.minLength(1, "must not be empty, as the route would be told of nothing"),
      ),
      ["open", "close"],
    ),
    v.description("which events the route is told of"),
  ),
  notify: v.pipe(
    v.optional(v.picklist(["all", "unexpected"], 'must be "all" or "unexpected"'), "all"),
    v.description(
      '`"unexpected"`: only logins that are [unexpected](#what-a-notification-says) or tampered with, and logouts that ' +
        "were tampered with",
    ),
  ),
  ca_file: v.pipe(
    v.optional(v.string()),
    v.description("a PEM file of certificates that this route trusts beside the host's own"),
  ),
};

/** The keys of each section. */
export const SECTIONS = {
  host: {
    timezone: v.pipe(
      v.optional(timezone, "Etc/UTC"),
      v.description("the time zone that times are shown in, an IANA name"),
    ),
    name: v.pipe(
      v.optional(line(253), "%H"),
      v.description("what this machine is called; `%H` stands for its own name"),
    ),
  },
  notification: {
    ...ROUTE_KEYS,
    // Where there are other routes, this one need not be.
    service: v.pipe(
      v.optional(serviceName),
      v.description(
        "one of [Services](#services); its [options](#options) stand in `[notification.<service>]`. Required where " +
          "there is no `[routes.NAME]`",
      ),
    ),
    give_up_after_days: number({ least: 1, most: 365, otherwise: 7, what: "how long an event is retried" }),
    request_timeout_seconds: number({
      least: 1,
      most: 300,
      otherwise: 10,
      what: "how long a service may take to answer",
    }),
    run_deadline_seconds: number({
      least: 10,
      most: 86_400,
      otherwise: 600,
      what: "how long one run of `send` may take",
    }),
    proxy: v.pipe(
      v.optional(proxy),
      v.description(
        'an HTTP proxy for all requests: `"http://proxy.example:3128"`; those of the environment are ignored',
      ),
    ),
    // Looked into by the service itself, if it is the one that is used.
    ...Object.fromEntries(SERVICE_NAMES.map((name) => [name, v.optional(v.custom(isTable, "must be a table"))])),
  },
  unexpected: {
    learning_days: number({
      least: 0,
      most: 365,
      otherwise: 7,
      what: "for how long after this host's first event what is new is told without being urgent",
    }),
  },
  allowlist: ALLOWLIST,
  history: {
    retention_days: number({
      least: 1,
      most: 36_500,
      otherwise: 365,
      what: "how long delivered events are kept; what is older is forgotten, so its users and addresses are new again",
    }),
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
