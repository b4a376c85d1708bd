// The size of a place in the history: an IPv4 address or an IPv6 /64 (a "site"), and the network around it. Pure.
// One IPv6 subscriber has at least a /64, and the address in it changes every day (RFC 8981).

import { type Address, networkAround } from "./address.ts";

/** What counts as the same place, from `[unexpected] place`. */
export const PLACE_SIZES = ["address", "network", "operator", "country"] as const;

/** One of {@link PLACE_SIZES}. */
export type PlaceSize = typeof PLACE_SIZES[number];

/**
 * Ranges in which a /64 does not belong to one subscriber: link-local addresses are the same in every network, and the
 * others contain IPv4 addresses (RFC 6052, RFC 6145, RFC 4380). There, each address counts alone.
 */
const SHARED_RANGES: readonly string[] = ["linkLocal", "rfc6052", "rfc6145", "teredo", "loopback"];

function isAlone(address: Address): boolean {
  return address.kind() === "ipv4" || SHARED_RANGES.includes(address.range());
}

/**
 * The site of an address, in a form for the store: an IPv4 address as it is, the /64 of an IPv6 address as its first four
 * groups in full (`2001:0db8:0001:0002`), so that sites of one network have the same prefix.
 */
export function siteOf(address: Address): string {
  return isAlone(address) ? address.toString() : groupsOf(address).slice(0, 4).join(":");
}

/** The least and the greatest {@link siteOf} in the network of an address: an IPv4 /24 or an IPv6 /48. */
export function networkSites(address: Address): { readonly from: string; readonly to: string } {
  const site = siteOf(address);
  const prefix = address.kind() === "ipv4" ? site.replace(/\d+$/, "") : `${groupsOf(address).slice(0, 3).join(":")}:`;
  // A tilde sorts after all digits.
  return isAlone(address) && address.kind() === "ipv6" ? { from: site, to: site } : { from: prefix, to: `${prefix}~` };
}

/** The site for people: `203.0.113.7`, `2001:db8:1:2::/64`. */
export function siteText(address: Address): string {
  return isAlone(address) ? address.toString() : networkAround(address, 64);
}

/** The network for people: `203.0.113.0/24`, `2001:db8:1::/48`. */
export function networkText(address: Address): string {
  if (address.kind() === "ipv4") return networkAround(address, 24);
  return isAlone(address) ? address.toString() : networkAround(address, 48);
}

/** The eight groups of an IPv6 address, with four digits each. */
function groupsOf(address: Address): string[] {
  const bytes = address.toByteArray();
  return Array.from(
    { length: 8 },
    (_, index) =>
      [bytes[2 * index] ?? 0, bytes[2 * index + 1] ?? 0].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  );
}
