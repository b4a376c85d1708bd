// IPv4 and IPv6 addresses and networks. An IPv4-mapped IPv6 address counts as its IPv4 address.

import ipaddr from "ipaddr.js";

/** A parsed address. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A network: all addresses that share the first `prefixLength` bits with `address`. */
export interface Network {
  readonly address: Address;
  readonly prefixLength: number;
}

/**
 * Parses a numeric address in the form that sshd writes. A zone (`fe80::1%eth0`) is kept.
 *
 * @returns undefined for anything else, such as a host name
 */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return isIpv4(text) ? ipaddr.IPv4.parse(text) : undefined;
  // ipaddr.js parses `::10.0.0.1` as `::ffff:10.0.0.1` and accepts octal in it, so convert an IPv4 ending first.
  const [ipv4End] = /[^:]*\.[^%]*/.exec(text.split("%", 1)[0] ?? "") ?? [];
  if (ipv4End !== undefined && !isIpv4(ipv4End)) return undefined;
  const inGroups = ipv4End === undefined ? text : text.replace(ipv4End, twoGroups(ipv4End));
  if (!ipaddr.IPv6.isValid(inGroups)) return undefined;
  const address = ipaddr.process(inGroups);
  // An IPv4 address has no zone, so the zone would be lost.
  return address.kind() === "ipv4" && text.includes("%") ? undefined : address;
}

/**
 * Whether a string is an IPv4 address of four decimal parts. ipaddr.js also accepts the forms of inet_aton(3) (octal,
 * hexadecimal, fewer than four parts), but in an allowlist `10.1` or `010.0.0.2` is a mistake.
 */
function isIpv4(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** Converts an IPv4 address to the last two groups of an IPv6 address. */
function twoGroups(text: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(text).octets;
  return `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
}

/**
 * Parses an address, or a network in CIDR notation.
 *
 * @throws {SyntaxError} if it is invalid; the message gives the reason
 */
export function parseNetwork(text: string): Network {
  const [addressText = "", prefixText, ...more] = text.trim().split("/");
  const address = parseAddress(addressText);
  if (address === undefined || more.length > 0) {
    throw new SyntaxError(`"${text}" is not an IP address or a network such as 192.0.2.0/24`);
  }
  const mapped = address.kind() === "ipv4" && addressText.includes(":");
  const bits = address.kind() === "ipv4" ? 32 : 128;
  if (prefixText === undefined) return { address, prefixLength: bits };
  const least = mapped ? 96 : 0;
  const prefixLength = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) - least : NaN;
  if (!(prefixLength >= 0 && prefixLength <= bits)) {
    throw new SyntaxError(`"${text}": the prefix length must be between ${least} and ${bits + least}`);
  }
  const network = networkAddress(address, prefixLength);
  if (network !== zoneless(address)) {
    const zone = addressText.slice(addressText.replace(/%.*/, "").length);
    throw new SyntaxError(`"${text}" has host bits set; did you mean "${network}${zone}/${prefixLength}"?`);
  }
  return { address, prefixLength };
}

/** The network around an address in CIDR notation, without a zone: `2001:db8:1:2::/64`. */
export function networkAround(address: Address, prefixLength: number): string {
  return `${networkAddress(address, prefixLength)}/${prefixLength}`;
}

function networkAddress(address: Address, prefixLength: number): string {
  const version = address.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  return version.networkAddressFromCIDR(`${zoneless(address)}/${prefixLength}`).toString();
}

function zoneless(address: Address): string {
  return ipaddr.fromByteArray(address.toByteArray()).toString();
}

/** Whether a network contains an address. A network without a zone matches addresses of any zone. */
export function contains(network: Network, address: Address): boolean {
  const zone = zoneOf(network.address);
  if (zone !== undefined && zone !== zoneOf(address)) return false;
  return network.address.kind() === address.kind() && address.match([network.address, network.prefixLength]);
}

function zoneOf(address: Address): string | undefined {
  return "zoneId" in address && typeof address.zoneId === "string" ? address.zoneId : undefined;
}
