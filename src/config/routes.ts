// The routes of a configuration: the one in [notification], and those in [routes.NAME].

import * as v from "valibot";
import type { SessionEventType } from "../event.ts";
import { type ConfiguredService, services } from "../services/registry.ts";
import { faultOf } from "./config_error.ts";
import { certificatesIn } from "./files_beside.ts";
import { ROUTE_KEYS, SERVICE_NAMES } from "./schema.ts";
import { isTable } from "./schema_parts.ts";
import { configure, type FileContext, optionNames, readNamed, type RouteContext } from "./service_options.ts";

/** A route: a notification service with its settings. */
export interface Route {
  /** Its name in the store. It stays the same when the service or settings change. */
  readonly name: string;
  readonly service: ConfiguredService;
  /** The types of events that it delivers. */
  readonly events: readonly SessionEventType[];
  /** `unexpected`: only unexpected logins, and events with tampered values. */
  readonly notify: "all" | "unexpected";
  /** CA certificates that it trusts in addition to the host's, as PEM. */
  readonly caCert?: string;
}

/** The name of the route in `[notification]`. */
const DEFAULT_ROUTE = "default";

const ROUTE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

const routeSchema = v.strictObject(ROUTE_KEYS);

/** Parses the routes and returns the valid ones. Adds to the faults, except those that the schema reports. */
export function parseRoutes(toml: unknown, context: RouteContext): Route[] {
  if (!isTable(toml)) return [];
  const { notification, routes } = toml;
  const named = isTable(routes) ? Object.entries(routes) : [];
  const first = parseDefault(notification, { hasOthers: named.length > 0, context });
  const others = named.map(([name, table]) => parseNamed(name, table, context));
  return [first, ...others].filter((route) => route !== undefined);
}

/** Parses the route in `[notification]`, whose service options are in `[notification.<service>]`. */
function parseDefault(
  notification: unknown,
  { hasOthers, context }: { hasOthers: boolean; context: RouteContext },
): Route | undefined {
  const { faults } = context;
  if (notification === undefined && !hasOthers) {
    faults.push({ id: "config.missing-key", place: "notification", message: "is missing" });
  }
  if (!isTable(notification)) return undefined;
  const { service: name } = notification;
  if (name === undefined && !hasOthers) {
    faults.push({ id: "config.missing-key", place: "notification.service", message: "is missing" });
  }
  if (name === undefined && hasOthers) {
    for (const key of [...Object.keys(ROUTE_KEYS), ...SERVICE_NAMES]) {
      if (!Object.hasOwn(notification, key)) continue;
      faults.push({
        id: "config.conflicting-keys",
        place: `notification.${key}`,
        message: "has no effect: [notification] has no service",
      });
    }
  }
  const service = typeof name === "string" ? services.get(name) : undefined;
  const keys = v.safeParse(routeSchema, splitKeys(notification).keys);
  const options = service === undefined ? undefined : notification[service.name] ?? {};
  if (service === undefined || !isTable(options)) return undefined;
  const place = ["notification", service.name];
  const configured = configure(options, { service, place, known: optionNames(service), context });
  const caCert = keys.success ? readCaFile(keys.output.ca_file, { place: "notification", context }) : undefined;
  if (!keys.success || configured === undefined) return undefined;
  return route({ name: DEFAULT_ROUTE, service: configured, keys: keys.output, caCert });
}

/** Parses a route in `[routes.NAME]`, whose service options are in the same table. */
function parseNamed(name: string, table: unknown, context: RouteContext): Route | undefined {
  const { faults } = context;
  const at = ["routes", ROUTE_NAME.test(name) ? name : JSON.stringify(name)];
  const place = at.join(".");
  if (!ROUTE_NAME.test(name)) {
    faults.push({
      id: "config.wrong-value",
      place,
      message: "a route name must be 1 to 64 letters, digits, - or _",
    });
  } else if (name === DEFAULT_ROUTE) {
    faults.push({
      id: "config.wrong-value",
      place,
      message: "this name is reserved for the route in [notification]; use another",
    });
  }
  if (!isTable(table)) {
    faults.push({ id: "config.wrong-type", place, message: "must be a table" });
    return undefined;
  }
  const { keys: given, options } = splitKeys(table);
  const keys = v.safeParse(routeSchema, given);
  const known = (path: readonly string[]) => path.at(-1) === "service" ? SERVICE_NAMES : [];
  faults.push(...(keys.issues ?? []).map((issue) => faultOf(issue, { place: at, known })));
  const caCert = keys.success ? readCaFile(keys.output.ca_file, { place, context }) : undefined;
  const service = typeof given["service"] === "string" ? services.get(given["service"]) : undefined;
  if (service === undefined) return undefined;
  const allKeys = [...Object.keys(ROUTE_KEYS), ...optionNames(service)];
  const configured = configure(options, { service, place: at, known: allKeys, context });
  if (!keys.success || configured === undefined) return undefined;
  return route({ name, service: configured, keys: keys.output, caCert });
}

/** Splits a table into the keys of the route and the options of its service. */
function splitKeys(table: Record<string, unknown>): Record<"keys" | "options", Record<string, unknown>> {
  const entries = Object.entries(table);
  const isKey = ([key]: [string, unknown]) => Object.hasOwn(ROUTE_KEYS, key);
  return {
    keys: Object.fromEntries(entries.filter(isKey)),
    options: Object.fromEntries(entries.filter((entry) => !isKey(entry))),
  };
}

function route(
  { name, service, keys, caCert }: {
    name: string;
    service: ConfiguredService;
    keys: v.InferOutput<typeof routeSchema>;
    caCert: string | undefined;
  },
): Route {
  const { events, notify } = keys;
  return { name, service, events, notify, ...(caCert === undefined ? {} : { caCert }) };
}

function readCaFile(path: string | undefined, { place, context }: FileContext): string | undefined {
  return path === undefined ? undefined : readNamed(path, { place: `${place}.ca_file`, context }, certificatesIn);
}
