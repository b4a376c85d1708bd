// TOML -> Config. Says everything that is wrong at once, each with its place, and never shows a secret.

import leven, { closestMatch } from "leven";
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { type ConfiguredService, services } from "../services/registry.ts";
import { type Network, parseNetwork } from "./address.ts";

/** One way to a notification service. */
export interface Route {
  /** Its name in the store, which outlives a change of its service or settings. */
  readonly name: string;
  readonly service: ConfiguredService;
}

/** The configuration, complete and valid. */
export interface Config {
  readonly host: {
    /** An IANA time zone. */
    readonly timezone: string;
    readonly name: string;
  };
  readonly routes: readonly Route[];
  readonly giveUpAfterMs: number;
  readonly requestTimeoutMs: number;
  readonly runDeadlineMs: number;
  /** An HTTP proxy for all requests. */
  readonly proxy?: URL;
  readonly allowlist: readonly Network[];
  /** Every value that must not be shown anywhere. */
  readonly secrets: readonly string[];
}

/** One thing that is wrong with a configuration. */
export interface ConfigFault {
  /** Key path (`notification.discord.webhook_url`), or `line 3, column 7` where the syntax is wrong. */
  readonly place: string;
  readonly message: string;
}

/** A configuration that can't be used, with all that is wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ place, message }) => `${place}: ${message}`).join("\n"));
    this.faults = faults;
  }
}

/** The route of `[notification]`. */
const DEFAULT_ROUTE = "default";

const DAY_MS = 24 * 60 * 60 * 1000;

const timezone = v.pipe(
  v.string(),
  v.check(
    isTimezone,
    ({ input }) => `${JSON.stringify(input)} is not a time zone; it must be a name such as "Pacific/Auckland"`,
  ),
);

const hostName = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, "must not be empty"),
  v.maxLength(253, "must have at most 253 characters"),
  v.check(
    (text) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text),
    "must be one line, without control characters",
  ),
);

const network = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseNetwork(dataset.value);
    } catch (error) {
      addIssue({
        message: error instanceof SyntaxError ? error.message : "is no address",
      });
      return NEVER;
    }
  }),
);

const proxy = v.pipe(
  v.string(),
  v.check(
    (text) => /^https?:/i.test(text) && URL.canParse(text),
    "must be a URL such as http://proxy.example:3128",
  ),
  v.transform((text) => new URL(text)),
);

const number = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.check(
      (value) => value >= least && value <= most,
      `must be between ${least} and ${most}`,
    ),
  );

const schema = v.strictObject({
  host: v.optional(
    v.strictObject({
      timezone: v.optional(timezone, "Etc/UTC"),
      name: v.optional(hostName, "%H"),
    }),
    {},
  ),
  notification: v.strictObject({
    service: v.picklist(
      [...services.keys()],
      `must be one of ${[...services.keys()].join(", ")}`,
    ),
    give_up_after_days: v.optional(number(1, 365), 7),
    request_timeout_seconds: v.optional(number(1, 300), 10),
    run_deadline_seconds: v.optional(number(10, 86_400), 600),
    proxy: v.optional(proxy),
    ...Object.fromEntries([...services.keys()].map((name) => [name, v.optional(v.record(v.string(), v.unknown()))])),
  }),
  allowlist: v.optional(
    v.strictObject({ ips: v.optional(v.array(network), []) }),
    {},
  ),
});

/**
 * Reads a configuration.
 *
 * @param text TOML 1.1
 * @param options.hostName this machine's own name, for `name = "%H"`
 * @throws {ConfigError} with everything that is wrong
 */
export function parseConfig(
  text: string,
  options: { hostName: () => string },
): Config {
  const result = v.safeParse(schema, parseSyntax(text));
  const faults = result.success ? [] : result.issues.map((issue) => faultOf(issue));
  // The options of a service are looked at even where something else is wrong, so that one look shows it all.
  const { route, routeFaults } = parseRoute(result.output);
  faults.push(...routeFaults);
  if (!result.success || route === undefined || faults.length > 0) {
    throw new ConfigError(faults);
  }

  const { host, notification, allowlist } = result.output;
  return {
    host: {
      timezone: host.timezone,
      name: host.name.replaceAll("%H", () => options.hostName()),
    },
    routes: [route],
    giveUpAfterMs: notification.give_up_after_days * DAY_MS,
    requestTimeoutMs: notification.request_timeout_seconds * 1000,
    runDeadlineMs: notification.run_deadline_seconds * 1000,
    ...(notification.proxy === undefined ? {} : { proxy: notification.proxy }),
    allowlist: allowlist.ips,
    secrets: [...route.service.secrets, ...proxySecrets(notification.proxy)]
      .filter((secret) => secret !== ""),
  };
}

function parseSyntax(text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The rest of the message quotes the lines around, which may hold a secret.
    const reason = error.message.split("\n", 1)[0] ?? "";
    throw new ConfigError([{
      place: `line ${error.line}, column ${error.column}`,
      message: reason.replace(/^Invalid TOML document: /, ""),
    }]);
  }
}

/** The route that `[notification]` describes, as far as it can be told; `output` may be only half valid. */
function parseRoute(output: unknown): { route?: Route; routeFaults: ConfigFault[] } {
  const notification = fieldOf(output, "notification");
  const service = services.get(String(fieldOf(notification, "service")));
  if (service === undefined) return { routeFaults: [] };
  const place = ["notification", service.name];
  const configured = service.configure(fieldOf(notification, service.name) ?? {});
  if ("service" in configured) {
    return {
      route: { name: DEFAULT_ROUTE, service: configured.service },
      routeFaults: [],
    };
  }
  return {
    routeFaults: configured.issues.map((issue) => faultOf(issue, place, service.optionNames)),
  };
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** Turns an issue of the schema into words. Never quotes what was received, unless the schema itself did. */
function faultOf(
  issue: v.BaseIssue<unknown>,
  place: readonly string[] = [],
  names?: readonly string[],
): ConfigFault {
  const path = [...place, ...(issue.path ?? []).map(({ key }) => String(key))];
  const at = path.join(".");
  if (issue.type === "strict_object") {
    const key = path.at(-1) ?? "";
    if (issue.expected !== "never") return { place: at, message: "is missing" };
    const known = names ?? keysAt(path.slice(0, -1));
    return {
      place: at,
      message: `is not a key that is known here${suggestion(key, known)}`,
    };
  }
  const expected = TYPE_NAMES[issue.expected ?? ""];
  if (issue.kind === "schema" && issue.type !== "picklist" && expected !== undefined) {
    return { place: at, message: `must be ${expected}` };
  }
  if (issue.type === "picklist") {
    const known = [...services.keys()];
    return {
      place: at,
      message: `${issue.message}${suggestion(String(issue.input), known)}`,
    };
  }
  return { place: at, message: issue.message };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text, in quotes",
  number: "a number",
  Array: "an array",
  Object: "a table",
};

/** The keys that the schema has at a path. */
function keysAt(path: readonly string[]): string[] {
  let entries: v.ObjectEntries = schema.entries;
  for (const key of path) {
    const entry: unknown = entries[key];
    const inner = fieldOf(entry, "wrapped") ?? entry;
    const next = fieldOf(inner, "entries");
    if (next === undefined) return [];
    entries = next as v.ObjectEntries;
  }
  return Object.keys(entries);
}

function suggestion(key: string, known: readonly string[]): string {
  const closest = closestMatch(key, known, { maxDistance: 3 });
  const near = closest !== undefined && leven(key, closest) < closest.length;
  return near ? `; did you mean "${closest}"?` : known.length > 0 ? `; known are: ${known.join(", ")}` : "";
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function proxySecrets(url: URL | undefined): string[] {
  return url === undefined ? [] : [url.password, decodeURIComponent(url.password)];
}
