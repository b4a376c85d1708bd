// The schema of the configuration, section by section. Each service defines the schema of its own options.

import * as v from "valibot";
import { services } from "../services/registry.ts";
import { FINGERPRINT_FORM, isFingerprint } from "../session/fingerprint.ts";
import { SERVICE_LEVELS, type ServiceLevel } from "../session/judge.ts";
import { PLACE_SIZES } from "../session/site.ts";
import { ALLOWLIST, name as pamService } from "./allowlist_schema.ts";
import { suggestion } from "./config_error.ts";
import { CONNECTION_KEYS } from "./connection.ts";
import { HEARTBEAT } from "./heartbeat.ts";
import { PLACE } from "./place.ts";
import { MESSAGE } from "./message.ts";
import { REPORT } from "./report.ts";
import { isTable, line, table } from "./schema_parts.ts";

/** The names of all services, as used in the configuration. */
export const SERVICE_NAMES: readonly string[] = [...services.keys()];

const timezone = v.pipe(
  v.string(),
  v.check(
    isTimezone,
    ({ input }) => `${JSON.stringify(input)} is not a time zone; use a name such as "Pacific/Auckland"`,
  ),
);

/** A number between two bounds. `otherwise` is the default. */
function number({ least, most, otherwise, what }: Record<"least" | "most" | "otherwise", number> & { what: string }) {
  const isBetween = (value: number) => value >= least && value <= most;
  return v.pipe(
    v.optional(v.pipe(v.number(), v.check(isBetween, `must be between ${least} and ${most}`)), otherwise),
    v.description(`${what}; ${least} to ${most}`),
  );
}

const serviceName = v.picklist(SERVICE_NAMES, `must be one of ${SERVICE_NAMES.join(", ")}`);

// The descriptions (`v.description`, in Markdown) appear in ssh-session-notifier.toml(5).

/** The keys of every route. No service option has one of these names. */
export const ROUTE_KEYS = {
  service: v.pipe(
    serviceName,
    v.description("the service to use; its options are keys of the same table"),
  ),
  events: v.pipe(
    v.optional(
      v.pipe(
        v.array(v.picklist(["open", "close"], 'must be "open" or "close"')),
        v.minLength(1, "must not be empty: the route would deliver nothing"),
      ),
      ["open", "close"],
    ),
    v.description("which events to deliver: logins (`open`), logouts (`close`)"),
  ),
  notify: v.pipe(
    v.optional(v.picklist(["all", "unexpected"], 'must be "all" or "unexpected"'), "all"),
    v.description(
      '`"all"`, or `"unexpected"`: only unexpected logins, and logins and logouts with ' +
        "tampered values",
    ),
  ),
  message: v.pipe(
    v.optional(table(MESSAGE)),
    v.description("templates for this route, with the keys of `[message]`, which they replace"),
  ),
  ...CONNECTION_KEYS,
};

/** The keys of each section. */
export const SECTIONS = {
  host: {
    timezone: v.pipe(
      v.optional(timezone, "Etc/UTC"),
      v.description("the time zone in which times are shown, an IANA name such as `Pacific/Auckland`"),
    ),
    name: v.pipe(
      v.optional(line(253), "%H"),
      v.description("this machine's name in notifications; `%H` is replaced with its host name"),
    ),
  },
  notification: {
    ...ROUTE_KEYS,
    // Optional if there are other routes.
    service: v.pipe(
      v.optional(serviceName),
      v.description(
        "the service to use; its options are in `[notification.<service>]`. Required if there is no " +
          "`[routes.NAME]`",
      ),
    ),
    give_up_after_days: number({
      least: 1,
      most: 365,
      otherwise: 7,
      what: "days after which an undelivered event is given up",
    }),
    request_timeout_seconds: number({
      least: 1,
      most: 300,
      otherwise: 10,
      what:
        "seconds to wait for a service to answer; for a mail, at least a minute or six times as many seconds, whichever is less",
    }),
    run_deadline_seconds: number({
      least: 10,
      most: 86_400,
      otherwise: 600,
      what: "longest duration of one run of `send`, in seconds",
    }),
    // The service itself validates its table, if it is the one in use.
    ...Object.fromEntries(SERVICE_NAMES.map((name) => [name, v.optional(v.custom(isTable, "must be a table"))])),
  },
  unexpected: {
    learning_days: number({
      least: 0,
      most: 365,
      otherwise: 7,
      what: "days after this host's first event in which a new user, address or key alone does not make a login urgent",
    }),
    place: v.pipe(
      v.optional(v.picklist(PLACE_SIZES, `must be one of ${PLACE_SIZES.join(", ")}`), "address"),
      v.description(
        'what counts as the same place: `"address"`, an IPv4 address or an IPv6 /64; `"network"`, an IPv4 /24 or an ' +
          'IPv6 /48; `"operator"` or `"country"`, which need databases in `[place]`. Where these do not have an ' +
          "address, the address decides. A new country is always unexpected",
      ),
    ),
  },
  place: PLACE,
  allowlist: ALLOWLIST,
  history: {
    retention_days: number({
      least: 1,
      most: 36_500,
      otherwise: 365,
      what: "days to keep delivered events; users and addresses seen only in older events count as new again",
    }),
  },
  heartbeat: HEARTBEAT,
  report: REPORT,
  message: MESSAGE,
};

/** Longer names would leave no room for the rest of a message. In UTF-16 code units. */
const MAX_KEY_NAME_LENGTH = 64;

const keyName = line(MAX_KEY_NAME_LENGTH);

/**
 * A section with any keys, as a map. valibot's record is not used: it skips keys such as `__proto__`.
 *
 * @param parse returns the value, or what is wrong with it or its key
 */
function mapOf<Value>(parse: (key: string, value: unknown) => { readonly value: Value } | { readonly fault: string }) {
  return v.pipe(
    v.custom<Record<string, unknown>>(isTable, "must be a table"),
    v.rawTransform(({ dataset: { value: input }, addIssue }) => {
      const map = new Map<string, Value>();
      for (const [key, value] of Object.entries(input)) {
        const parsed = parse(key, value);
        if ("value" in parsed) map.set(key, parsed.value);
        else addIssue({ message: parsed.fault, path: [{ type: "object", origin: "value", input, key, value }] });
      }
      return map;
    }),
  );
}

const keyNames = v.pipe(
  mapOf((key, value) => {
    const parsed = v.safeParse(keyName, value);
    if (!isFingerprint(key)) return { fault: `this key must be ${FINGERPRINT_FORM}` };
    return parsed.success ? { value: parsed.output } : { fault: keyNameFault(parsed) };
  }),
  v.description("the name that notifications show for a key or a certificate authority's key"),
);

/** The name of a PAM service can be any, so that a section can be written before the service is installed. */
const serviceLevels = v.pipe(
  mapOf<ServiceLevel>((key, value) => {
    const level = SERVICE_LEVELS.find((level) => level === value);
    if (!v.is(pamService, key)) return { fault: "this key must be the name of a PAM service" };
    if (level !== undefined) return { value: level };
    if (typeof value !== "string") return { fault: "must be a quoted string" };
    return { fault: `is not a known value${suggestion(value, SERVICE_LEVELS)}` };
  }),
  v.description(
    'which sessions of the PAM service of this name are notified: `"all"`, as if it were not named; ' +
      '`"unexpected"`, only unexpected logins; `"urgent"`, all, each as urgent; `"none"`, which only records them. ' +
      "A session with tampered values, or for which the hook could not run, is always notified, as urgent",
  ),
);

/** The whole configuration. */
export const schema = v.strictObject({
  host: v.optional(table(SECTIONS.host), {}),
  notification: v.optional(table(SECTIONS.notification), {}),
  // Validated one by one, since each has the options of its own service.
  routes: v.optional(v.custom(isTable, "must be a table"), {}),
  unexpected: v.optional(table(SECTIONS.unexpected), {}),
  place: v.optional(table(SECTIONS.place), {}),
  allowlist: v.optional(table(SECTIONS.allowlist), {}),
  services: v.optional(serviceLevels, {}),
  key_names: v.optional(keyNames, {}),
  history: v.optional(table(SECTIONS.history), {}),
  heartbeat: v.optional(table(SECTIONS.heartbeat), {}),
  report: v.optional(table(SECTIONS.report)),
  message: v.optional(table(SECTIONS.message), {}),
});

function keyNameFault({ issues }: v.SafeParseResult<typeof keyName>): string {
  const [issue] = issues ?? [];
  return issue?.kind === "validation" ? issue.message : "must be a quoted string";
}

function isTimezone(name: string): boolean {
  try {
    // Test with the class that formats the times: other parts of the runtime accept other names.
    new Temporal.ZonedDateTime(0n, name);
    return true;
  } catch {
    return false;
  }
}
