// The schema of the configuration, section by section. Each service defines the schema of its own options.

import * as v from "valibot";
import { services } from "../services/registry.ts";
import { FINGERPRINT_FORM, isFingerprint } from "../session/fingerprint.ts";
import { PLACE_SIZES } from "../session/site.ts";
import { ALLOWLIST } from "./allowlist_schema.ts";
import { CONNECTION_KEYS } from "./connection.ts";
import { HEARTBEAT } from "./heartbeat.ts";
import { PLACE } from "./place.ts";
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
      what: "seconds to wait for a service to answer; a mail may take six times as long, but no more than a minute",
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
};

/** Longer names would leave no room for the rest of a message. In UTF-16 code units. */
const MAX_KEY_NAME_LENGTH = 64;

const keyName = line(MAX_KEY_NAME_LENGTH);

/** The section as a map. valibot's record is not used: it skips keys such as `__proto__`. */
const keyNames = v.pipe(
  v.custom<Record<string, unknown>>(isTable, "must be a table"),
  v.rawTransform(({ dataset: { value: input }, addIssue }) => {
    const names = new Map<string, string>();
    for (const [key, value] of Object.entries(input)) {
      const parsed = v.safeParse(keyName, value);
      if (isFingerprint(key) && parsed.success) names.set(key, parsed.output);
      else {
        const path: [v.IssuePathItem] = [{ type: "object", origin: "value", input, key, value }];
        addIssue({ message: isFingerprint(key) ? keyNameFault(parsed) : `this key must be ${FINGERPRINT_FORM}`, path });
      }
    }
    return names;
  }),
  v.description("the name that notifications show for a key or a certificate authority's key"),
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
  key_names: v.optional(keyNames, {}),
  history: v.optional(table(SECTIONS.history), {}),
  heartbeat: v.optional(table(SECTIONS.heartbeat), {}),
  report: v.optional(table(SECTIONS.report)),
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
