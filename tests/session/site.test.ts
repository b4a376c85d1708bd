import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type Address, contains, parseAddress, parseNetwork } from "../../src/session/address.ts";
import { networkSites, networkText, siteOf, siteText } from "../../src/session/site.ts";

function address(text: string): Address {
  return parseAddress(text) ?? assert.fail(text);
}

Deno.test("siteOf() is an IPv4 address, an IPv6 /64, or the address where a /64 is shared by strangers", () => {
  const table: [address: string, site: string, siteText: string, networkText: string][] = [
    ["203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.0/24"],
    ["::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.0/24"],
    ["2001:db8:1:2:a:b:c:d", "2001:0db8:0001:0002", "2001:db8:1:2::/64", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:0db8:0000:0000", "2001:db8::/64", "2001:db8::/48"],
    ["fd00::1", "fd00:0000:0000:0000", "fd00::/64", "fd00::/48"],
    ["fe80::1%eth0", "fe80::1%eth0", "fe80::1%eth0", "fe80::1%eth0"],
    ["64:ff9b::203.0.113.7", "64:ff9b::cb00:7107", "64:ff9b::cb00:7107", "64:ff9b::cb00:7107"],
    ["2001:0:1::1", "2001:0:1::1", "2001:0:1::1", "2001:0:1::1"],
    ["::1", "::1", "::1", "::1"],
  ];
  for (const [text, ...expected] of table) {
    const one = address(text);
    assert.deepEqual([siteOf(one), siteText(one), networkText(one)], expected, text);
  }
});

Deno.test("siteOf() and networkSites() agree with the networks that are shown, for any two addresses", () => {
  const ipv4 = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(255)).map(([b, c, d]) => `203.${b}.${c}.${d}`);
  const group = fc.constantFrom("0", "1", "cb00", "ffff");
  const ipv6 = fc.array(group, { minLength: 6, maxLength: 6 }).map((groups) => `2003:db8:${groups.join(":")}`);
  const any = fc.oneof(ipv4, ipv6).map(address);
  fc.assert(fc.property(any, any, (one, other) => {
    const isIn = (network: string) => contains(parseNetwork(network), other);
    const { from, to } = networkSites(one);
    const site = siteOf(other);
    assert.equal(siteOf(one) === site, isIn(siteText(one)));
    assert.equal(from <= site && site <= to, isIn(networkText(one)));
  }));
});
