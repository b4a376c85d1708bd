// `explain`: what would become of a login, and why, rule by rule. It asks the same functions as `send` does, so that
// the two can't disagree. Changes nothing.

import { parseAddress } from "../config/address.ts";
import { type AllowRule, type Condition, ruleName } from "../config/allowlist.ts";
import type { Config } from "../config/config.ts";
import { FINGERPRINT_FORM, isFingerprint } from "../config/fingerprint.ts";
import { readConfig } from "../config/read_config.ts";
import { ExitCode, Failure } from "../failure.ts";
import { oneLine } from "../log.ts";
import { CONFIG_FILE, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { conditionsAgainst, judge } from "../send/judge.ts";
import type { Login } from "../send/login.ts";
import { localTime, urgencyOf } from "../send/render.ts";
import { routesFor } from "../send/routes_for.ts";
import { type Known, NOTHING_KNOWN, openSeen, type SeenLogin } from "../store/seen.ts";
import { explainingStore } from "../store/store_failure.ts";
import { becomeSender } from "./become_sender.ts";

/** The login to explain. */
export interface ExplainedLogin {
  readonly user: string;
  /** A numeric address; without one, a login on the machine itself. */
  readonly ip?: string | undefined;
  /** The fingerprint of the key that it comes with, if it comes with one. */
  readonly key?: string | undefined;
  /** The PAM service. */
  readonly service: string;
}

/** What `explain` may be told. */
export interface ExplainOptions extends ExplainedLogin {
  /** In place of the fixed ones, for trying things out; any user may then run it. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/**
 * Prints what would become of a login now.
 *
 * @throws {Failure} where the login makes no sense, or the configuration or the history can't be read
 */
export function explain({ stateDir, configFile, ...explained }: ExplainOptions): ExitCode {
  const nowMs = Date.now();
  const login = loginFor(explained, nowMs);
  const paths = statePaths(stateDir);
  if (stateDir === undefined) becomeSender(paths, "explain");
  const config = readConfig(configFile ?? CONFIG_FILE);
  explainingStore(paths, () => {
    using seen = openSeen(paths.deliveriesDatabase);
    const known = (login: SeenLogin) => seen?.known(login) ?? NOTHING_KNOWN;
    for (const line of explanation(login, { config, known, nowMs })) print(oneLine(line));
    if (seen === undefined) print("history: send has not run yet, or not since an upgrade, so everybody is new");
  });
  return ExitCode.ok;
}

/**
 * The login as `send` would know it from an honest event.
 *
 * @throws {Failure} where it makes no sense
 */
export function loginFor({ user, ip, key, service }: ExplainedLogin, nowMs: number): Login {
  const address = ip === undefined ? undefined : parseAddress(ip);
  if (user === "") throw usage("--user must not be empty");
  if (ip !== undefined && address === undefined) {
    throw usage(`--ip must be a numeric address, such as 203.0.113.7 or 2001:db8::1, and not "${ip}"`);
  }
  if (key !== undefined && !isFingerprint(key)) throw usage(`--key must be ${FINGERPRINT_FORM}`);
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

/** What an explanation is made from. */
export interface ExplanationOptions {
  readonly config: Pick<Config, "allowlist" | "learningMs" | "routes" | "host">;
  readonly known: (login: SeenLogin) => Known;
  readonly nowMs: number;
}

/** The lines that `explain` prints. */
export function explanation(login: Login, { config, known, nowMs }: ExplanationOptions): string[] {
  const { allowlist, host, routes } = config;
  const meaning = judge(login, { ...config, known, nowMs });
  const { rule, reasons, unexpected } = meaning;
  const names = routesFor(routes, { type: login.type, ...meaning });
  const told = routes.filter(({ name }) => names.includes(name)).map(({ name, service }) =>
    `${name} (${service.name})`
  );
  const isAllowed = meaning.verdict === "allowlisted";
  return [
    `login: ${described(login, host.keyNames)}`,
    ...allowlist.map((rule) => `${ruleName(rule)}: ${answerOf(rule, { login, nowMs, timezone: host.timezone })}`),
    isAllowed && rule !== undefined
      ? `decided by: ${ruleName(rule)}; it is recorded, not notified`
      : "decided by: no rule of the allowlist; it is notified",
    `unexpected: ${unexpected ? `yes: ${reasons.join("; ")}` : "no"}`,
    `urgency: ${urgencyOf({ type: login.type, urgent: meaning.urgent })}`,
    `routes: ${told.length === 0 ? "none" : told.join(", ")}`,
  ];
}

function described({ user, address, service, keys }: Login, keyNames: ReadonlyMap<string, string>): string {
  const [key] = keys.fingerprints;
  const name = key === undefined ? undefined : keyNames.get(key);
  const withKey = key === undefined ? "without a key" : `with the key ${key}${name === undefined ? "" : ` (${name})`}`;
  return `"${user}" ${address === undefined ? "on the machine itself" : `from ${address}`} by ${service}, ${withKey}`;
}

function answerOf(
  rule: AllowRule,
  { login, nowMs, timezone }: { login: Login; nowMs: number; timezone: string },
): string {
  const failing = conditionsAgainst(login, { rule, nowMs });
  if (failing.length === 0) return "allows it";
  const whys: Readonly<Record<Condition, string>> = {
    expires_at: `it expired at ${localTime(rule.expiresAtMs ?? 0, timezone)}`,
    users: `users does not have "${login.user}"`,
    ips: login.address === undefined ? "ips needs an address" : `ips does not have ${login.address}`,
    key_fingerprints: login.keys.fingerprints.length === 0
      ? "key_fingerprints needs a key (--key)"
      : `key_fingerprints does not have ${login.keys.fingerprints.join(", ")}`,
    services: `services does not have "${login.service}"`,
  };
  return `does not allow it: ${failing.map((condition) => whys[condition]).join("; ")}`;
}

function usage(message: string): Failure {
  return new Failure(message, {
    code: "usage.wrong-value",
    exitCode: ExitCode.usage,
    hint: "ssh-session-notifier explain --help",
  });
}
