// The routes of a configuration: the one in [notification], and those in [routes.NAME].

import { createHash } from "node:crypto";
import * as v from "valibot";
import type { SessionEventType } from "../event.ts";
import { type ConfiguredService, services } from "../services/registry.ts";
import type { Templates } from "../services/service.ts";
import { faultsOf } from "./config_error.ts";
import { type Connection, parseConnection } from "./connection.ts";
import { MESSAGE } from "./message.ts";
import { ROUTE_KEYS, SERVICE_NAMES } from "./schema.ts";
import { isTable } from "./schema_parts.ts";
import { configure, optionNames, type RouteContext } from "./service_options.ts";

/** A route: a notification service with its settings. */
export interface Route {
  /** Its name in the store. It stays the same when the service or settings change. */
  readonly name: string;
  readonly service: ConfiguredService;
  /** The types of events that it delivers. */
  readonly events: readonly SessionEventType[];
  /** `unexpected`: only unexpected logins, and events with tampered values. */
  readonly notify: "all" | "unexpected";
  /** The administrator's own words. */
  readonly templates: Templates;
  /** How its requests reach the service. */
  readonly connection: Connection;
}

/** The name of the route in `[notification]`. */
const DEFAULT_ROUTE = "default";

const ROUTE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** The keys of every route; ignores the options of its service. */
const routeSchema = v.object(ROUTE_KEYS);

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
      // The proxy is for other routes too.
      if (!Object.hasOwn(notification, key) || key === "proxy") continue;
      faults.push({
        id: "config.conflicting-keys",
        place: `notification.${key}`,
        message: "has no effect: [notification] has no service",
      });
    }
  }
  const service = typeof name === "string" ? services.get(name) : undefined;
  const keys = v.safeParse(routeSchema, notification);
  const options = service === undefined ? undefined : notification[service.name] ?? {};
  if (service === undefined || !isTable(options)) return undefined;
  const place = ["notification", service.name];
  const configured = configure(options, { service, place, known: optionNames(service), context });
  return routeOf(DEFAULT_ROUTE, { keys, configured, place: "notification", context });
}

/** Parses a route in `[routes.NAME]`, whose service options are in the same table. */
function parseNamed(name: string, table: unknown, context: RouteContext): Route | undefined {
  const { faults } = context;
  const at = ["routes", ROUTE_NAME.test(name) ? name : JSON.stringify(name)];
  const place = at.join(".");
  const wrongName = !ROUTE_NAME.test(name)
    ? "a route name must be 1 to 64 letters, digits, - or _"
    : name === DEFAULT_ROUTE
    ? "this name is reserved for the route in [notification]; use another"
    : undefined;
  if (wrongName !== undefined) faults.push({ id: "config.wrong-value", place, message: wrongName });
  if (!isTable(table)) {
    faults.push({ id: "config.wrong-type", place, message: "must be a table" });
    return undefined;
  }
  const options = Object.fromEntries(Object.entries(table).filter(([key]) => !Object.hasOwn(ROUTE_KEYS, key)));
  const keys = v.safeParse(routeSchema, table);
  const known = (path: readonly string[]) => path.at(-1) === "message" ? Object.keys(MESSAGE) : [];
  faults.push(...faultsOf(keys.issues ?? [], { place: at, known }));
  const service = typeof table["service"] === "string" ? services.get(table["service"]) : undefined;
  if (service === undefined) return undefined;
  const allKeys = [...Object.keys(ROUTE_KEYS), ...optionNames(service)];
  const configured = configure(options, { service, place: at, known: allKeys, context });
  return routeOf(name, { keys, configured, place, context });
}

interface RouteParts {
  readonly keys: v.SafeParseResult<typeof routeSchema>;
  readonly configured: ConfiguredService | undefined;
  readonly place: string;
  readonly context: RouteContext;
}

/** A route of its keys and its configured service, if both are valid; adds to the faults. */
function routeOf(name: string, { keys, configured, place, context }: RouteParts): Route | undefined {
  if (!keys.success || configured === undefined) return undefined;
  const { events, notify, message } = keys.output;
  const connection = parseConnection(keys.output, { service: configured, place, context });
  return {
    name,
    service: withConnection(configured, connection),
    events,
    notify,
    templates: message ?? {},
    connection,
  };
}

/** Makes a change of the connection count as a change of the service's settings, after which `send` tries again at once. */
function withConnection(service: ConfiguredService, connection: Connection): ConfiguredService {
  if (Object.keys(connection).length === 0) return service;
  const settings = JSON.stringify([service.fingerprint, connection]);
  return { ...service, fingerprint: createHash("sha256").update(settings).digest("base64url") };
}
