// Resolves the hosts that requests go to, while this isolate still has network access.

import { isIP } from "node:net";
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import type { Address } from "./exchange.ts";

/** How long name resolution may delay the start, in milliseconds. */
const RESOLVE_MS = 5_000;

/** How many addresses of each family are used. Both families are used, because IPv6 may be broken on this host. */
const MAX_OF_FAMILY = 4;

/** Resolves a name. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * The addresses of each host that has several, and of the mail servers. Omits other hosts, and hosts that cannot be
 * resolved in time: requests to them use the name, and report the error.
 *
 * @param hosts each as `host:port`
 * @param options.mailServers those of the hosts that are reached by address only
 * @param options.resolve by default like getaddrinfo(3), which also reads /etc/hosts
 */
export async function severalAddresses(
  hosts: readonly string[],
  { resolve = resolveAll, timeoutMs = RESOLVE_MS, mailServers = [] }: {
    resolve?: Resolve | undefined;
    timeoutMs?: number;
    mailServers?: readonly string[];
  } = {},
): Promise<ReadonlyMap<string, readonly Address[]>> {
  const { promise: isOver, resolve: end } = Promise.withResolvers<readonly LookupAddress[]>();
  const timer = setTimeout(() => end([]), timeoutMs);
  const entries = await Promise.all(
    [...new Set(hosts)].map(async (host): Promise<[string, Address[]]> => {
      const colon = host.lastIndexOf(":");
      const found = await Promise.race([resolve(host.slice(0, colon)).catch(() => []), isOver]);
      return [host, usable(found).map((hostname) => ({ hostname, port: Number(host.slice(colon + 1)) }))];
    }),
  );
  clearTimeout(timer);
  return new Map(entries.filter(([host, { length }]) => length > (mailServers.includes(host) ? 0 : 1)));
}

async function resolveAll(name: string): Promise<readonly LookupAddress[]> {
  // An address needs no resolver.
  if (isIP(name.replace(/^\[|\]$/g, "")) !== 0) return [];
  return await lookup(name, { all: true, order: "verbatim" });
}

/**
 * Selects the first addresses of each family, without IPv6 addresses that have a zone. Puts IPv6 addresses in brackets,
 * as URLs, permissions and Deno's HTTP client expect.
 */
function usable(found: readonly LookupAddress[]): string[] {
  const known = new Set(found.map(({ address }) => address));
  const ofFamily = (family: number) => [...known].filter((address) => isIP(address) === family).slice(0, MAX_OF_FAMILY);
  const taken = new Set([...ofFamily(4), ...ofFamily(6).filter((address) => !address.includes("%"))]);
  return [...known].filter((address) => taken.has(address)).map((one) => isIP(one) === 6 ? `[${one}]` : one);
}
