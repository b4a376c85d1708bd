// Converts the flags of `history` to a HistoryFilter. Pure.

import { contains, type Network, parseAddress, parseNetwork } from "../../session/address.ts";
import type { HistoryFilter } from "../../store/history.ts";
import { fingerprintOf, wrongValue } from "../flags.ts";
import type { RowOptions } from "./history_rows.ts";
import { parseWhen, WHEN_FORM } from "./when.ts";

/** The flags that filter entries; see the help. */
export interface HistoryWishes {
  readonly user?: string | undefined;
  readonly from?: string | undefined;
  readonly key?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly unexpected: boolean;
}

/**
 * Converts flags to a filter.
 *
 * @throws {Failure} with exit code 64 if a flag is invalid
 */
export function filterOf(
  { user, from, key, since, until, unexpected }: HistoryWishes,
  { nowMs, timezone, keyNames }: RowOptions & { readonly nowMs: number },
): HistoryFilter {
  const instantOf = (flag: string, text: string | undefined, atEnd: boolean) => {
    if (text === undefined) return undefined;
    const atMs = parseWhen(text, { nowMs, timezone, atEnd });
    if (atMs === undefined) throw wrongValue(`${flag} must be ${WHEN_FORM}, not "${text}"`, "history");
    return atMs;
  };
  return {
    user,
    isFrom: from === undefined ? undefined : within(from),
    keyFingerprint: key === undefined ? undefined : fingerprintOf(key, { keyNames, command: "history" }),
    sinceMs: instantOf("--since", since, false),
    untilMs: instantOf("--until", until, true),
    unexpectedOnly: unexpected,
  };
}

/** Returns a function that tells whether an address is in a network. It caches results, because addresses recur. */
function within(text: string): (address: string) => boolean {
  const network = networkIn(text);
  const known = new Map<string, boolean>();
  return (addressText) => {
    const found = known.get(addressText);
    if (found !== undefined) return found;
    const address = parseAddress(addressText);
    const isWithin = address !== undefined && contains(network, address);
    if (known.size < 10_000) known.set(addressText, isWithin);
    return isWithin;
  };
}

function networkIn(text: string): Network {
  try {
    return parseNetwork(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrongValue(`--from ${error.message}`, "history");
  }
}
