import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type Address, contains, type Network, parseAddress, parseNetwork } from "../../src/session/address.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

function syntaxErrorOf(text: string): string {
  try {
    parseNetwork(text);
  } catch (error) {
    assert.ok(error instanceof SyntaxError, `${text}: ${error}`);
    return error.message;
  }
  return assert.fail(`"${text}" was accepted`);
}

/** The network that the error message suggests. */
function suggestionOf(text: string): string {
  return /did you mean "([^"]+)"/.exec(syntaxErrorOf(text))?.[1] ?? assert.fail(`no suggestion for "${text}"`);
}

Deno.test("parseAddress() normalizes addresses", () => {
  const table = {
    "203.0.113.7": "203.0.113.7",
    "0.0.0.0": "0.0.0.0",
    "255.255.255.255": "255.255.255.255",
    "2001:DB8:0:0::1": "2001:db8::1",
    "::": "::",
    "::1": "::1",
    "64:ff9b::10.0.0.1": "64:ff9b::a00:1",
    "fe80::1%eth0": "fe80::1%eth0",
    "::ffff:10.0.0.2": "10.0.0.2",
    "::ffff:a00:2": "10.0.0.2",
    "0:0:0:0:0:FFFF:10.0.0.2": "10.0.0.2",
  };
  for (const [text, expected] of Object.entries(table)) assert.equal(parseAddress(text)?.toString(), expected, text);
});

Deno.test("parseAddress() accepts only complete numeric addresses, IPv4 in decimal", () => {
  const refused = [
    ...["", " ", "localhost", "example.com", "10.0.0.2 ", " 10.0.0.2", "10.0.0.2\n", "10.0.0.0/8", "[::1]", "::1 "],
    // Forms that inet_aton(3) accepts: fewer parts, octal, hexadecimal, one number.
    ...["10.1", "10.0.1", "167772162", "010.0.0.2", "10.0.0.02", "0x0a.0.0.2", "0xa000002", "00.0.0.0"],
    ...["256.0.0.1", "10.0.0.999", "10.0.0.2.3", "-1.0.0.0", "+1.0.0.0", "1.2.3.4%eth0", "１.2.3.4"],
    ...["1::2::3", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":", ":::", "g::", "fe80::1%"],
    ...["::ffff:10.1", "::ffff:256.0.0.1"],
  ];
  for (const text of refused) assert.equal(parseAddress(text)?.toString(), undefined, JSON.stringify(text));
});

Deno.test("parseAddress() rejects octal and hexadecimal after ::ffff: too", () => {
  for (const text of ["::ffff:010.0.0.2", "::ffff:0x0a.0.0.2", "::ffff:0010.0.0.2", "64:ff9b::010.0.0.1"]) {
    assert.equal(parseAddress(text)?.toString(), undefined, text);
  }
});

// inet_ntop(3) writes the IPv6 address ::a00:1 as ::10.0.0.1, which is not ::ffff:10.0.0.1.
Deno.test("parseAddress() converts an IPv6 address with an IPv4 ending to IPv4 only after ::ffff:", () => {
  assert.notEqual(parseAddress("::10.0.0.1")?.toString(), "10.0.0.1");
  assert.ok(!contains(parseNetwork("10.0.0.1"), address("::a00:1")));
});

Deno.test("contains() matches exactly the addresses of a parsed network", () => {
  const table: [network: string, inside: string[], outside: string[]][] = [
    ["10.0.0.2", ["10.0.0.2", "::ffff:10.0.0.2"], ["10.0.0.3", "::a00:2", "::1"]],
    ["192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:c000:201"], ["192.0.1.255", "192.0.3.0", "::"]],
    ["198.51.100.128/25", ["198.51.100.128", "198.51.100.255"], ["198.51.100.127"]],
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::", "2001:db8::1"]],
    ["2001:db8::/32", ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], ["2001:db7::", "2001:db9::"]],
    ["2001:db8::1", ["2001:db8::1", "2001:0db8:0::0001"], ["2001:db8::2"]],
    ["::/0", ["::1", "2001:db8::1"], ["10.0.0.1", "::ffff:10.0.0.1"]],
    ["::ffff:10.0.0.0/104", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "::a00:1"]],
    ["::ffff:10.0.0.2", ["10.0.0.2"], ["10.0.0.3"]],
    ["::ffff:0:0/96", ["0.0.0.0", "203.0.113.7"], ["::1"]],
    ["fe80::/10", ["fe80::1", "fe80::1%eth0", "febf::1%wlan0"], ["fec0::1"]],
    ["fe80::1%eth0", ["fe80::1%eth0"], ["fe80::1%eth1", "fe80::1"]],
    ["fe80::%eth0/64", ["fe80::1%eth0"], ["fe80::1%eth1", "fe80::1"]],
    [" 10.0.0.2 ", ["10.0.0.2"], ["10.0.0.3"]],
  ];
  for (const [text, inside, outside] of table) {
    const network = parseNetwork(text);
    for (const other of inside) assert.ok(contains(network, address(other)), `${other} in ${text}`);
    for (const other of outside) assert.ok(!contains(network, address(other)), `${other} not in ${text}`);
  }
});

Deno.test("parseNetwork() reports an invalid address or prefix length", () => {
  const table: [string, RegExp][] = [
    ["", /^"" is not an IP address/],
    ["example.com", /^"example.com" is not an IP address/],
    ["10.1/16", /is not an IP address/],
    ["010.0.0.0/8", /is not an IP address/],
    ["10.0.0.0/8/8", /is not an IP address/],
    ["10.0.0.1-10.0.0.9", /is not an IP address/],
    ["10.0.0.*", /is not an IP address/],
    ["10.0.0.0/", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/33", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/-1", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/8.0", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/255.0.0.0", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/1e1", /prefix length must be between 0 and 32$/],
    ["10.0.0.0/ 8", /prefix length must be between 0 and 32$/],
    ["2001:db8::/129", /prefix length must be between 0 and 128$/],
    ["::ffff:10.0.0.0/8", /prefix length must be between 96 and 128$/],
    ["::ffff:10.0.0.0/129", /prefix length must be between 96 and 128$/],
  ];
  for (const [text, expected] of table) assert.match(syntaxErrorOf(text), expected, text);
});

Deno.test("parseNetwork() rejects host bits and suggests the network", () => {
  assert.equal(suggestionOf("10.0.0.1/8"), "10.0.0.0/8");
  assert.equal(suggestionOf("192.0.2.255/25"), "192.0.2.128/25");
  assert.equal(suggestionOf("2001:db8::1/32"), "2001:db8::/32");
});

Deno.test("parseNetwork() suggests a valid network that contains the given address and no other zone", () => {
  for (const text of ["10.0.0.1/8", "2001:db8::1/32", "::ffff:10.0.0.1/104", "fe80::1%eth0/64"]) {
    const suggested = parseNetwork(suggestionOf(text));
    assert.ok(contains(suggested, address(text.split("/")[0] ?? "")), text);
    assert.ok(!contains(suggested, address("fe80::1%eth1")), text);
  }
});

/** Formats the bytes of an IPv4 or IPv6 address. */
function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)).toString(16));
  return groups.join(":");
}

const isMapped = (bytes: readonly number[]) =>
  bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
const anyBytes = fc.constantFrom(4, 16)
  .chain((length) => fc.array(fc.nat(255), { minLength: length, maxLength: length }))
  .filter((bytes) => !isMapped(bytes));

function flipped(bytes: readonly number[], bit: number): number[] {
  return bytes.map((byte, index) => index === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte);
}

Deno.test("contains() holds for an address in its own network, and fails if any bit of the prefix changes", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const own = address(textOf(bytes));
      for (let prefixLength = 0; prefixLength <= bytes.length * 8; prefixLength++) {
        const network: Network = { address: own, prefixLength };
        assert.ok(contains(network, own), `/${prefixLength}`);
        for (const bit of [0, prefixLength >> 1, prefixLength - 1, prefixLength]) {
          const other = flipped(bytes, bit);
          if (bit < 0 || bit >= bytes.length * 8 || isMapped(other)) continue;
          assert.equal(contains(network, address(textOf(other))), bit >= prefixLength, `/${prefixLength}, bit ${bit}`);
        }
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("parseNetwork() accepts a network only if no host bits are set", () => {
  fc.assert(fc.property(anyBytes, fc.nat(128), (bytes, seed) => {
    const prefixLength = seed % (bytes.length * 8 + 1);
    const masked = bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - index * 8))));
    fc.pre(!isMapped(masked));
    assert.equal(parseNetwork(`${textOf(masked)}/${prefixLength}`).prefixLength, prefixLength);
    if (masked.some((byte, index) => byte !== bytes[index])) {
      const suggested = parseNetwork(suggestionOf(`${textOf(bytes)}/${prefixLength}`));
      assert.equal(suggested.address.toString(), address(textOf(masked)).toString());
    }
  }));
});

Deno.test("parseAddress() never throws, and parseNetwork() throws only a SyntaxError, for any text", () => {
  const pieces = fc.array(fc.constantFrom("::", ":", "ffff", "10.0.0.1", ".", "/", "8", "%", "eth0", "0x", " ", "g"));
  const texts = fc.oneof(fc.string({ unit: "binary" }), pieces.map((parts) => parts.join("")));
  fc.assert(fc.property(texts, (text) => {
    parseAddress(text);
    try {
      parseNetwork(text);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
    }
  }));
});
