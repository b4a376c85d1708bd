// SessionEvent -> Login: what is believed of an event. The environment of the hook is the user's to write in part, so
// each value is taken from the best witness that there is. Pure.

import { type Address, parseAddress } from "../config/address.ts";
import type { SessionEvent, SessionEventType } from "../event.ts";
import { parseAuthInfo, type UsedKeys, usedKeys } from "./auth_info.ts";

/** A login or logout, as far as it is known for sure. */
export interface Login {
  readonly type: SessionEventType;
  readonly occurredAtMs: number;
  readonly user: string;
  readonly service: string;
  /** `PAM_RHOST` as it came: an address, a name, or empty for a login on the machine itself. */
  readonly remoteHost: string;
  /** Undefined where none is known for sure. */
  readonly address: Address | undefined;
  /** The names of what somebody had a hand in, those of the hook included. */
  readonly tampered: readonly string[];
  /** None where somebody had a hand in anything. */
  readonly keys: UsedKeys;
  /** Of a close: how long the session was, in milliseconds, where that is known. */
  readonly durationMs: number | undefined;
}

const NO_KEYS: UsedKeys = { fingerprints: [], hasUnreadable: false };

/** A session that seems longer than that was none: the clock was wrong at one of its ends. In milliseconds. */
const MAX_DURATION_MS = 366 * 24 * 60 * 60 * 1000;

/**
 * What is believed of an event.
 *
 * `PAM_RHOST` decides the address wherever it is one, since pam_exec sets it last. `SSH_CONNECTION` decides only where
 * `PAM_RHOST` is a name (`UseDNS yes`), and at close only if the open event says the same: by then, a user may have
 * replaced it, and the authentication too.
 *
 * @param opened the open event of the same session, for a close
 */
export function loginOf(event: SessionEvent, opened?: SessionEvent): Login {
  const { type, occurredAtMs, user, service, remoteHost } = event;
  const fromHost = parseAddress(remoteHost);
  const fromConnection = parseAddress(event.connection.split(" ", 1)[0] ?? "");
  const tampered = new Set(event.tampered);
  if (fromHost !== undefined && event.connection !== "" && fromHost.toString() !== fromConnection?.toString()) {
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
    keys: isHonest ? usedKeys(parseAuthInfo(event.authInfo)) : NO_KEYS,
    durationMs: opened === undefined ? undefined : durationOf(event, opened),
  };
}

/** The variables in which a close differs from the open event of its session, the better witness. */
function differing(close: SessionEvent, open: SessionEvent): string[] {
  const names: string[] = [];
  if (close.remoteHost !== open.remoteHost) names.push("PAM_RHOST");
  if (close.connection !== open.connection) names.push("SSH_CONNECTION");
  if (close.authInfo !== open.authInfo) names.push("SSH_AUTH_INFO_0");
  return names;
}

/** By the uptime of the host if both hooks recorded it, since the clock may have been set in between. */
function durationOf(close: SessionEvent, open: SessionEvent): number | undefined {
  const ms = close.uptimeSeconds === undefined || open.uptimeSeconds === undefined
    ? close.occurredAtMs - open.occurredAtMs
    : (close.uptimeSeconds - open.uptimeSeconds) * 1_000;
  return ms >= 0 && ms <= MAX_DURATION_MS ? ms : undefined;
}
