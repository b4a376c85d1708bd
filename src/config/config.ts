// TOML -> Config. Reports all faults at once, each with its key path.

import * as v from "valibot";
import { DAY_MS } from "../text.ts";
import { CONFIG_FILE } from "../paths.ts";
import type { AllowRule } from "../session/allowlist.ts";
import type { ServiceLevel } from "../session/judge.ts";
import type { PlaceSize } from "../session/site.ts";
import { readAllowlistFiles } from "./allowlist_files.ts";
import { allowRules, RULE } from "./allowlist_schema.ts";
import { ConfigError, type ConfigWarning, faultsOf } from "./config_error.ts";
import { proxyForAll } from "./connection.ts";
import type { ReadBeside } from "./files_beside.ts";
import { type Heartbeat, parseHeartbeat } from "./heartbeat.ts";
import { placeFaults } from "./place.ts";
import { type ReportSchedule, reportSchedule } from "./report.ts";
import { MESSAGE } from "./message.ts";
import { parseRoutes, type Route } from "./routes.ts";
import { schema, SECTIONS } from "./schema.ts";
import { parseSyntax } from "./syntax.ts";

/** A complete, valid configuration. */
export interface Config {
  readonly host: {
    /** An IANA time zone. */
    readonly timezone: string;
    readonly name: string;
    /** Display names of keys, by fingerprint. */
    readonly keyNames: ReadonlyMap<string, string>;
  };
  readonly routes: readonly Route[];
  readonly giveUpAfterMs: number;
  readonly requestTimeoutMs: number;
  readonly runDeadlineMs: number;
  /** The allowlist's rules, in the order in which they are tried. */
  readonly allowlist: readonly AllowRule[];
  /** Which events of PAM services are notified, by the name of the service. */
  readonly services: ReadonlyMap<string, ServiceLevel>;
  /** How long after the host's first event a new user, address or key alone does not make a login urgent. */
  readonly learningMs: number;
  /** The paths of the place databases, in order of precedence. */
  readonly placeDatabases: readonly string[];
  /** What counts as the same place. */
  readonly placeSize: PlaceSize;
  /** How long delivered events are kept. */
  readonly retentionDays: number;
  /** Requested after a run. */
  readonly heartbeat?: Heartbeat;
  /** When to send a report of the logins. */
  readonly report?: ReportSchedule;
  /** Every value that must never be shown. */
  readonly secrets: readonly string[];
  /** Settings that work but are unsafe. */
  readonly warnings: readonly ConfigWarning[];
  /** The key paths of values that are still placeholders; their routes cannot deliver. */
  readonly placeholders: readonly string[];
  /** The paths of the files that the configuration names. */
  readonly files: readonly string[];
}

/**
 * Parses a configuration in TOML 1.1. Throws a {@link ConfigError} with all faults.
 *
 * @param options.hostName returns this machine's host name, for `name = "%H"`
 * @param options.directory the directory of the configuration
 * @param options.readBeside reads the files that the configuration names; without it, files are an error
 */
export function parseConfig(
  text: string,
  { hostName, readBeside = readNothing, directory = folderOf(CONFIG_FILE) }: {
    hostName: () => string;
    readBeside?: ReadBeside;
    directory?: string;
  },
): Config {
  const toml = parseSyntax(text);
  const result = v.safeParse(schema, toml);
  const faults = faultsOf(result.issues ?? [], { place: [], known: knownAt });
  const warnings: ConfigWarning[] = [];
  const secrets: string[] = [];
  const placeholders: string[] = [];
  const files = new Set<string>();
  const readAndNote: ReadBeside = (path) => {
    const file = readBeside(path);
    files.add(path);
    return file;
  };
  // Check the services' options even after other faults, to report everything at once.
  const notes = { readBeside: readAndNote, faults, warnings, secrets, placeholders };
  const context = { ...notes, proxy: proxyForAll(toml, notes) };
  const routes = parseRoutes(toml, context);
  const heartbeat = parseHeartbeat(toml, context);
  const sharedRules = readAllowlistFiles(toml, context);
  faults.push(...placeFaults(toml, { directory }));
  // Only without other faults: a route with a fault would be reported as unknown.
  const section = result.success && faults.length === 0 ? result.output.report : undefined;
  const report = section === undefined
    ? undefined
    : reportSchedule(section, { routes: routes.map(({ name }) => name), faults });
  if (!result.success || faults.length > 0) throw new ConfigError(faults);

  const { host, notification, unexpected, place, allowlist, services, key_names, history, message } = result.output;
  secrets.push(...routes.flatMap(({ service }) => service.secrets));
  return {
    host: {
      timezone: host.timezone,
      name: host.name.replaceAll("%H", () => hostName()),
      keyNames: key_names,
    },
    routes: routes.map((route) => ({ ...route, templates: { ...message, ...route.templates } })),
    giveUpAfterMs: notification.give_up_after_days * DAY_MS,
    requestTimeoutMs: notification.request_timeout_seconds * 1000,
    runDeadlineMs: notification.run_deadline_seconds * 1000,
    allowlist: [...allowRules(allowlist), ...sharedRules],
    services,
    learningMs: unexpected.learning_days * DAY_MS,
    placeDatabases: place.databases,
    placeSize: unexpected.place,
    retentionDays: history.retention_days,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(report === undefined ? {} : { report }),
    secrets: secrets.filter((secret) => secret !== ""),
    warnings,
    placeholders,
    files: [...files],
  };
}

/** The directory of a file. */
export function folderOf(path: string): string {
  return path.replace(/\/[^/]*$/, "");
}

function readNothing(): never {
  throw new Error("cannot be used here: files are not available");
}

/** The keys that are known in the table at a path. */
function knownAt(path: readonly string[]): readonly string[] {
  if (path.at(-1) === "message") return Object.keys(MESSAGE);
  const [section = "", ...more] = path;
  if (section === "allowlist" && more.length === 2 && more[0] === "rules") return Object.keys(RULE);
  if (more.length > 0) return [];
  return section === ""
    ? [...Object.keys(SECTIONS), "routes", "services", "key_names"]
    : Object.keys(Object.entries(SECTIONS).find(([key]) => key === section)?.[1] ?? {});
}
