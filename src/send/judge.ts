// Decides what an event means: from which address it really came, whether it was tampered with,
// and whether the allowlist covers it. Pure.

import { contains, type Network, parseAddress } from "../config/address.ts";
import type { SessionEvent } from "../event.ts";

/** What an event means. */
export interface Meaning {
  /** The client's address in its usual form; empty where none is known for sure. */
  readonly address: string;
  /** The names of what somebody had a hand in, those of the hook included. */
  readonly tampered: readonly string[];
  readonly verdict: "notify" | "allowlisted";
  /** Whether it must not wait behind others. */
  readonly urgent: boolean;
}

/** What an event is judged by. */
export interface JudgeOptions {
  readonly allowlist: readonly Network[];
  /** The open event of the same session, for a close. */
  readonly opened?: SessionEvent | undefined;
}

/**
 * Judges an event. One that was tampered with is never allowlisted, and always urgent.
 *
 * `PAM_RHOST` decides the address wherever it is one, since pam_exec sets it last. `SSH_CONNECTION` decides only where
 * `PAM_RHOST` is a name (`UseDNS yes`), and at close only if the open event says the same: by then, a user may have
 * replaced it.
 */
export function judge(
  event: SessionEvent,
  { allowlist, opened }: JudgeOptions,
): Meaning {
  const fromHost = parseAddress(event.remoteHost);
  const fromConnection = parseAddress(event.connection.split(" ", 1)[0] ?? "");
  const tampered = new Set(event.tampered);
  if (fromHost !== undefined && event.connection !== "" && fromHost.toString() !== fromConnection?.toString()) {
    tampered.add("SSH_CONNECTION");
  }
  for (const name of opened === undefined ? [] : differing(event, opened)) {
    tampered.add(name);
  }

  const witnessed = event.type === "open" || opened?.connection === event.connection;
  const address = fromHost ?? (witnessed && event.remoteHost !== "" ? fromConnection : undefined);
  const allowlisted = tampered.size === 0 && address !== undefined &&
    allowlist.some((network) => contains(network, address));
  return {
    address: address?.toString() ?? "",
    tampered: [...tampered],
    verdict: allowlisted ? "allowlisted" : "notify",
    urgent: tampered.size > 0,
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
