// Converts an event to a Login: the facts that are trusted. The user can write part of the hook's environment, so
// each value comes from its most trustworthy source. Pure.

import { type Address, parseAddress } from "./address.ts";
import type { SessionEventType } from "../event.ts";
import { type ParsedEvent, type UsedKeys, usedKeys } from "./auth_info.ts";

/** The facts about a login or logout that are certain. */
export interface Login {
  readonly type: SessionEventType;
  readonly occurredAtMs: number;
  readonly user: string;
  readonly service: string;
  /** `PAM_RHOST`, unchanged: an address, a name, or empty for a local login. */
  readonly remoteHost: string;
  /** Undefined if it is not certain. */
  readonly address: Address | undefined;
  /** The names of variables that were tampered with, including those that the hook found. */
  readonly tampered: readonly string[];
  /** Empty if they are not certain: a variable was tampered with, or the open of a close is unknown. */
  readonly keys: UsedKeys;
  /** For a close: the length of the session, in milliseconds, if known. */
  readonly durationMs: number | undefined;
}

const NO_KEYS: UsedKeys = { fingerprints: [], hasUnreadable: false };

/** The maximum length of a session, in milliseconds. A longer one means that a clock was wrong at its start or end. */
const MAX_DURATION_MS = 366 * 24 * 60 * 60 * 1000;

/**
 * Extracts the trusted facts from an event.
 *
 * If `PAM_RHOST` is an address, it is used, because pam_exec sets it last. `SSH_CONNECTION` is used only if `PAM_RHOST`
 * is a name (`UseDNS yes`), and at close only if it equals that of the open event: the user may have replaced it during
 * the session, and the authentication info too.
 *
 * @param opened for a close: the open event of the same session
 */
export function loginOf(event: ParsedEvent, opened?: ParsedEvent): Login {
  const { type, occurredAtMs, user, service, remoteHost } = event;
  const fromHost = parseAddress(remoteHost);
  const [client = ""] = event.connection.split(" ", 1);
  const fromConnection = client === remoteHost ? fromHost : parseAddress(client);
  const tampered = new Set(event.tampered);
  const isSame = fromHost === fromConnection || fromHost?.toString() === fromConnection?.toString();
  if (fromHost !== undefined && event.connection !== "" && !isSame) {
    tampered.add("SSH_CONNECTION");
  }
  for (const name of opened === undefined ? [] : differing(event, opened)) tampered.add(name);

  const isWitnessed = type === "open" || opened?.connection === event.connection;
  const address = fromHost ?? (isWitnessed && remoteHost !== "" ? fromConnection : undefined);
  const isHonest = tampered.size === 0 && (type === "open" || (opened !== undefined && opened.tampered.length === 0));
  return {
    type,
    occurredAtMs,
    user,
    service,
    remoteHost,
    address,
    tampered: [...tampered],
    keys: isHonest ? usedKeys(event.auth) : NO_KEYS,
    durationMs: opened === undefined ? undefined : durationOf(event, opened),
  };
}

/**
 * The variables of a close that differ from the more trustworthy open event of the same session. A change of the
 * authentication info that leaves the parsed values equal is harmless: nothing else of it is ever shown or compared.
 */
function differing(close: ParsedEvent, open: ParsedEvent): string[] {
  const names: string[] = [];
  if (close.remoteHost !== open.remoteHost) names.push("PAM_RHOST");
  if (close.connection !== open.connection) names.push("SSH_CONNECTION");
  if (JSON.stringify(close.auth) !== JSON.stringify(open.auth)) names.push("SSH_AUTH_INFO_0");
  return names;
}

/** Uses the uptime of the host if both hooks recorded it, because the clock may have been set in between. */
function durationOf(close: ParsedEvent, open: ParsedEvent): number | undefined {
  const ms = close.uptimeSeconds === undefined || open.uptimeSeconds === undefined
    ? close.occurredAtMs - open.occurredAtMs
    : (close.uptimeSeconds - open.uptimeSeconds) * 1_000;
  return ms >= 0 && ms <= MAX_DURATION_MS ? ms : undefined;
}
