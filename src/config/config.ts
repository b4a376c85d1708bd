// TOML -> Config. Says everything that is wrong at once, each with its place.

import * as v from "valibot";
import { DAY_MS } from "../duration.ts";
import type { AllowRule } from "./allowlist.ts";
import { allowRules, RULE } from "./allowlist_schema.ts";
import { ConfigError, type ConfigWarning, faultOf } from "./config_error.ts";
import type { ReadBeside } from "./files_beside.ts";
import { type Heartbeat, parseHeartbeat } from "./heartbeat.ts";
import { parseRoutes, type Route } from "./routes.ts";
import { schema, SECTIONS, SERVICE_NAMES } from "./schema.ts";
import { parseSyntax } from "./syntax.ts";

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
  /** Pinged after each run. */
  readonly heartbeat?: Heartbeat;
  /** Every value that must not be shown anywhere. */
  readonly secrets: readonly string[];
  /** What is unwise, though it works. */
  readonly warnings: readonly ConfigWarning[];
  /** The key paths of values that are still an example: nothing is delivered there. */
  readonly placeholders: readonly string[];
  /** The paths of the files that it names. */
  readonly files: readonly string[];
}

/** What reading a configuration needs to know of its surroundings. */
export interface ParseOptions {
  /** This machine's own name, for `name = "%H"`. */
  readonly hostName: () => string;
  /** Reads the files that it names. Default: it may name none. */
  readonly readBeside?: ReadBeside;
}

/**
 * Reads a configuration.
 *
 * @param text TOML 1.1
 * @throws {ConfigError} with everything that is wrong
 */
export function parseConfig(text: string, { hostName, readBeside = readNothing }: ParseOptions): Config {
  const toml = parseSyntax(text);
  const result = v.safeParse(schema, toml);
  const faults = (result.issues ?? []).map((issue) => faultOf(issue, { place: [], known: knownAt }));
  const warnings: ConfigWarning[] = [];
  const secrets: string[] = [];
  const placeholders: string[] = [];
  const files = new Set<string>();
  const readAndNote: ReadBeside = (path) => {
    const file = readBeside(path);
    files.add(path);
    return file;
  };
  // The options of the services are looked at even where something else is wrong, so that one look shows it all.
  const context = { readBeside: readAndNote, faults, warnings, secrets, placeholders };
  const routes = parseRoutes(toml, context);
  const heartbeat = parseHeartbeat(toml, context);
  if (!result.success || faults.length > 0) throw new ConfigError(faults);

  const { host, notification, unexpected, allowlist, key_names, history } = result.output;
  const { proxy } = notification;
  secrets.push(...routes.flatMap(({ service }) => service.secrets), ...secretsOf(proxy));
  return {
    host: {
      timezone: host.timezone,
      name: host.name.replaceAll("%H", () => hostName()),
      keyNames: key_names,
    },
    routes,
    giveUpAfterMs: notification.give_up_after_days * DAY_MS,
    requestTimeoutMs: notification.request_timeout_seconds * 1000,
    runDeadlineMs: notification.run_deadline_seconds * 1000,
    ...(proxy === undefined ? {} : { proxy }),
    allowlist: allowRules(allowlist),
    learningMs: unexpected.learning_days * DAY_MS,
    retentionDays: history.retention_days,
    ...(heartbeat === undefined ? {} : { heartbeat }),
    secrets: secrets.filter((secret) => secret !== ""),
    warnings,
    placeholders,
    files: [...files],
  };
}

function readNothing(): never {
  throw new Error("can't name a file here");
}

/** The keys that are known at a path, or the values where there are but a few. */
function knownAt(path: readonly string[]): readonly string[] {
  if (path.join(".") === "notification.service") return SERVICE_NAMES;
  const [section = "", ...more] = path;
  if (section === "allowlist" && more.length === 2 && more[0] === "rules") return Object.keys(RULE);
  if (more.length > 0) return [];
  return section === ""
    ? [...Object.keys(SECTIONS), "routes", "key_names"]
    : Object.keys(Object.entries(SECTIONS).find(([key]) => key === section)?.[1] ?? {});
}

function secretsOf(proxy: URL | undefined): string[] {
  return proxy === undefined ? [] : [proxy.password, decodeURIComponent(proxy.password)];
}
