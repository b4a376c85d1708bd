// `explain`: shows how a login would be handled, rule by rule. Uses the same functions as `send`, so the two always
// agree. Changes nothing.

import { parseAddress } from "../session/address.ts";
import { type AllowRule, type Condition, failingConditions, ruleName } from "../session/allowlist.ts";
import type { Config } from "../config/config.ts";
import { readConfig } from "../config/read_config.ts";
import { ExitCode } from "../failure.ts";
import { createLog, oneLine } from "../log.ts";
import { CONFIG_FILE, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { judge, type ServiceLevel } from "../session/judge.ts";
import type { Login } from "../session/login.ts";
import { NO_PLACE, type Place, placeText } from "../session/place.ts";
import { routesFor, silences } from "../send/judge_pending.ts";
import { lookUpPlaces } from "../send/places.ts";
import { localTime, urgencyOf } from "../send/render.ts";
import { type Known, NOTHING_KNOWN, type SeenLogin } from "../session/seen.ts";
import { openToRead } from "../store/open.ts";
import { seen } from "../store/seen.ts";
import { explainingStore } from "../store/store_failure.ts";
import { becomeSender } from "./become_sender.ts";
import { fingerprintOf, type Places, wrongValue } from "./flags.ts";

/** The login to explain. */
export interface ExplainedLogin {
  readonly user: string;
  /** A numeric address; undefined for a login on the host itself. */
  readonly ip?: string | undefined;
  /** The fingerprint of the key, if the login uses one. */
  readonly key?: string | undefined;
  /** The PAM service. */
  readonly service: string;
}

/**
 * Prints how a login would be handled now. `key` can also be a name from [key_names].
 *
 * @throws {Failure} if the login is invalid, or the configuration or the history cannot be read
 */
export async function explain({ stateDir, configFile, key, ...explained }: ExplainedLogin & Places): Promise<ExitCode> {
  const nowMs = Date.now();
  const keyless = loginFor(explained, nowMs);
  const paths = statePaths(stateDir);
  if (stateDir === undefined) becomeSender(paths, "explain");
  const config = readConfig(configFile ?? CONFIG_FILE);
  const { keyNames } = config.host;
  const login = key === undefined
    ? keyless
    : loginFor({ ...explained, key: fingerprintOf(key, { keyNames, command: "explain" }) }, nowMs);
  const { address } = login;
  const place = address === undefined ? NO_PLACE : (await lookUpPlaces(config, createLog()))(address);
  explainingStore(paths, () => {
    using database = openToRead(paths.deliveriesDatabase);
    const known = (login: SeenLogin) => database === undefined ? NOTHING_KNOWN : seen(database, login);
    for (const line of explanation(login, { config, known, place, nowMs })) print(oneLine(line));
    if (database === undefined) print("history: send has not run yet, or not since an upgrade; every user is new");
  });
  return ExitCode.ok;
}

/**
 * Creates the login that `send` would read from a genuine event.
 *
 * @throws {Failure} if the user or the address is invalid
 */
export function loginFor({ user, ip, key, service }: ExplainedLogin, nowMs: number): Login {
  const address = ip === undefined ? undefined : parseAddress(ip);
  if (user === "") throw wrongValue("--user must not be empty", "explain");
  if (ip !== undefined && address === undefined) {
    const message = `--ip must be a numeric address, such as 203.0.113.7 or 2001:db8::1, not "${ip}"`;
    throw wrongValue(message, "explain");
  }
  return {
    type: "open",
    occurredAtMs: nowMs,
    user,
    service,
    remoteHost: ip ?? "",
    address,
    tampered: [],
    keys: { fingerprints: key === undefined ? [] : [key], hasUnreadable: false },
    durationMs: undefined,
  };
}

/** Returns the lines that `explain` prints. */
export function explanation(
  login: Login,
  { config, known, place = NO_PLACE, nowMs }: {
    config: Pick<Config, "allowlist" | "services" | "learningMs" | "routes" | "host" | "placeDatabases" | "placeSize">;
    place?: Place;
    known: (login: SeenLogin) => Known;
    nowMs: number;
  },
): string[] {
  const { allowlist, services, host, routes } = config;
  const verdict = judge(login, { ...config, known, place, nowMs });
  const { rule, reasons, unexpected, urgent } = verdict;
  const setting = services.has(login.service) ? `[services] ${login.service} = "${verdict.level}"` : undefined;
  const names = routesFor(routes, { type: login.type, verdict });
  const notified = routes.filter(({ name }) => names.includes(name)).map(({ name, service }) =>
    `${name} (${service.name})`
  );
  return [
    `login: ${described(login, host.keyNames)}`,
    ...login.address === undefined || config.placeDatabases.length === 0
      ? []
      : [`place: ${placeText(place) || "unknown to the databases"}`],
    ...allowlist.map((rule) => `${ruleName(rule)}: ${answerOf(rule, { login, nowMs, timezone: host.timezone })}`),
    ...setting === undefined ? [] : [`${setting}: ${MEANINGS[verdict.level]}`],
    rule !== undefined
      ? `decision: ${ruleName(rule)} allows it, so it is recorded but not notified`
      : silences(verdict)
      ? `decision: ${setting}, so it is recorded but not notified`
      : "decision: no allowlist rule allows it, so it is notified",
    `unexpected: ${unexpected ? `yes: ${reasons.join("; ")}` : "no"}`,
    `urgency: ${urgencyOf({ type: login.type, urgent })}`,
    `routes: ${notified.length === 0 ? "none" : notified.join(", ")}`,
  ];
}

const MEANINGS: Readonly<Record<ServiceLevel, string>> = {
  all: "its sessions are notified",
  unexpected: "only its unexpected logins are notified",
  urgent: "its sessions are notified, each as urgent",
  none: "its sessions are not notified",
};

function described({ user, address, service, keys }: Login, keyNames: ReadonlyMap<string, string>): string {
  const [key] = keys.fingerprints;
  const name = key === undefined ? undefined : keyNames.get(key);
  const withKey = key === undefined ? "without a key" : `with the key ${key}${name === undefined ? "" : ` (${name})`}`;
  return `"${user}" ${address === undefined ? "on the host itself" : `from ${address}`} by ${service}, ${withKey}`;
}

function answerOf(
  rule: AllowRule,
  { login, nowMs, timezone }: { login: Login; nowMs: number; timezone: string },
): string {
  const failing = failingConditions(rule, { login, nowMs });
  if (failing.length === 0) return "allows it";
  const whys: Readonly<Record<Condition, string>> = {
    expires_at: `it expired at ${localTime(rule.expiresAtMs ?? 0, timezone)}`,
    users: `users does not include "${login.user}"`,
    ips: login.address === undefined ? "ips requires an address" : `ips does not include ${login.address}`,
    key_fingerprints: login.keys.fingerprints.length === 0
      ? "key_fingerprints requires a key (--key)"
      : `key_fingerprints does not include ${login.keys.fingerprints.join(", ")}`,
    services: `services does not include "${login.service}"`,
  };
  return `does not allow it: ${failing.map((condition) => whys[condition]).join("; ")}`;
}
