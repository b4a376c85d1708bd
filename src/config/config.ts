// TOML -> Config. Says everything that is wrong at once, each with its place.

import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { type ConfiguredService, services } from "../services/registry.ts";
import type { AllowRule } from "./allowlist.ts";
import { allowRules, RULE } from "./allowlist_schema.ts";
import { ConfigError, type ConfigFault, faultOf } from "./config_error.ts";
import { schema, SECTIONS, SERVICE_NAMES } from "./schema.ts";
import { isTable } from "./schema_parts.ts";

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
    /** What people call keys, by their fingerprints. */
    readonly keyNames: ReadonlyMap<string, string>;
  };
  readonly routes: readonly Route[];
  readonly giveUpAfterMs: number;
  readonly requestTimeoutMs: number;
  readonly runDeadlineMs: number;
  /** An HTTP proxy for all requests. */
  readonly proxy?: URL;
  /** The rules of the allowlist, in the order in which they are tried. */
  readonly allowlist: readonly AllowRule[];
  /** How long after the first event of the host novelty alone does not make a login urgent. */
  readonly learningMs: number;
  /** How long a delivered event is kept. */
  readonly retentionDays: number;
  /** Every value that must not be shown anywhere. */
  readonly secrets: readonly string[];
}

/** The route of `[notification]`. */
const DEFAULT_ROUTE = "default";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Reads a configuration.
 *
 * @param text TOML 1.1
 * @param options.hostName this machine's own name, for `name = "%H"`
 * @throws {ConfigError} with everything that is wrong
 */
export function parseConfig(text: string, options: { hostName: () => string }): Config {
  const toml = parseSyntax(text);
  const result = v.safeParse(schema, toml);
  const faults = (result.issues ?? []).map((issue) => faultOf(issue, { place: [], known: knownAt }));
  // The options of a service are looked at even where something else is wrong, so that one look shows it all.
  const route = parseRoute(toml, faults);
  if (!result.success || route === undefined || faults.length > 0) throw new ConfigError(faults);

  const { host, notification, unexpected, allowlist, key_names, history } = result.output;
  const { proxy } = notification;
  return {
    host: {
      timezone: host.timezone,
      name: host.name.replaceAll("%H", () => options.hostName()),
      keyNames: key_names,
    },
    routes: [route],
    giveUpAfterMs: notification.give_up_after_days * DAY_MS,
    requestTimeoutMs: notification.request_timeout_seconds * 1000,
    runDeadlineMs: notification.run_deadline_seconds * 1000,
    ...(proxy === undefined ? {} : { proxy }),
    allowlist: allowRules(allowlist),
    learningMs: unexpected.learning_days * DAY_MS,
    retentionDays: history.retention_days,
    secrets: [...route.service.secrets, ...secretsOf(proxy)].filter((secret) => secret !== ""),
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

/** The route that `[notification]` describes; adds what is wrong with its service's options to `faults`. */
function parseRoute(toml: unknown, faults: ConfigFault[]): Route | undefined {
  const notification = isTable(toml) ? toml["notification"] : undefined;
  const name = isTable(notification) ? notification["service"] : undefined;
  const service = typeof name === "string" ? services.get(name) : undefined;
  const options = service === undefined || !isTable(notification) ? undefined : notification[service.name] ?? {};
  // What is no table is a fault that the schema has named already.
  if (service === undefined || !isTable(options)) return undefined;
  const configured = service.configure(options);
  if ("service" in configured) return { name: DEFAULT_ROUTE, service: configured.service };
  const context = { place: ["notification", service.name], known: () => service.optionNames };
  faults.push(...configured.issues.map((issue) => faultOf(issue, context)));
  return undefined;
}

/** The keys that are known at a path, or the values where there are but a few. */
function knownAt(path: readonly string[]): readonly string[] {
  if (path.join(".") === "notification.service") return SERVICE_NAMES;
  const [section = "", ...more] = path;
  if (section === "allowlist" && more.length === 2 && more[0] === "rules") return Object.keys(RULE);
  if (more.length > 0) return [];
  return section === ""
    ? [...Object.keys(SECTIONS), "key_names"]
    : Object.keys(Object.entries(SECTIONS).find(([key]) => key === section)?.[1] ?? {});
}

function secretsOf(proxy: URL | undefined): string[] {
  return proxy === undefined ? [] : [proxy.password, decodeURIComponent(proxy.password)];
}
