// Writes small place databases in the MMDB format (https://maxmind.github.io/MaxMind-DB/).

import { type Network, parseNetwork } from "../../src/session/address.ts";

/** A value of a record; a number is written as uint32. `Raw` is written as it is. */
export type MmdbValue = string | number | boolean | Raw | readonly MmdbValue[] | { readonly [key: string]: MmdbValue };

/** Encoded bytes: whatever a hostile database may have. */
export class Raw {
  readonly bytes: readonly number[];

  constructor(...bytes: readonly number[]) {
    this.bytes = bytes;
  }
}

/** Options of {@link mmdb}. */
export interface MmdbOptions {
  readonly type?: string;
  readonly ipVersion?: 4 | 6;
  readonly builtAtMs?: number;
  /** Replaces values of the metadata. */
  readonly metadata?: Readonly<Record<string, MmdbValue>>;
  /** Bytes of unused data, to make a database large. */
  readonly padding?: number;
}

interface Node {
  left?: Node | number;
  right?: Node | number;
}

/**
 * Builds a database.
 *
 * @param records by address or network; a later one must not contain an earlier one
 */
export function mmdb(records: Readonly<Record<string, MmdbValue>>, options: MmdbOptions = {}): Uint8Array<ArrayBuffer> {
  const { type = "Test-City", ipVersion = 6, builtAtMs = Date.now(), metadata = {}, padding = 0 } = options;
  const root: Node = {};
  const data: number[] = [];
  for (const [network, record] of Object.entries(records)) {
    insert(root, bitsOf(parseNetwork(network), ipVersion), data.length);
    data.push(...encoded(record));
  }
  const nodes: Node[] = [];
  const number = (node: Node) => {
    nodes.push(node);
    for (const child of [node.left, node.right]) if (typeof child === "object") number(child);
  };
  number(root);
  const pointer = (child: Node | number | undefined) => {
    if (child === undefined) return nodes.length;
    return typeof child === "number" ? nodes.length + 16 + child : nodes.indexOf(child);
  };
  const tree = nodes.flatMap(({ left, right }) => [...bigEndian(pointer(left), 4), ...bigEndian(pointer(right), 4)]);
  const end = encoded({
    // The types that libmaxminddb insists on.
    binary_format_major_version: uint16(2),
    binary_format_minor_version: uint16(0),
    build_epoch: new Raw(...control(9, 8), ...bigEndian(Math.floor(builtAtMs / 1000), 8)),
    database_type: type,
    description: { en: "a database of the tests" },
    ip_version: uint16(ipVersion),
    languages: ["en"],
    node_count: nodes.length,
    record_size: uint16(32),
    ...metadata,
  });
  const parts = [tree, Array(16).fill(0), data, new Uint8Array(padding)];
  const marker = [0xab, 0xcd, 0xef, ...new TextEncoder().encode("MaxMind.com")];
  return joined([...parts, marker, end]);
}

function joined(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The bits of a network's prefix. In a database of both versions, IPv4 is at `::/96`. */
function bitsOf({ address, prefixLength }: Network, ipVersion: 4 | 6): number[] {
  const bits = address.toByteArray().flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => byte >> shift & 1));
  const isPadded = ipVersion === 6 && address.kind() === "ipv4";
  return [...isPadded ? Array(96).fill(0) : [], ...bits.slice(0, prefixLength)];
}

function insert(root: Node, bits: readonly number[], data: number): void {
  let node = root;
  bits.forEach((bit, index) => {
    const side = bit === 0 ? "left" : "right";
    const child = node[side];
    if (index === bits.length - 1) node[side] = data;
    else node = node[side] = typeof child === "object" ? child : {};
  });
}

function encoded(value: MmdbValue): number[] {
  if (value instanceof Raw) return [...value.bytes];
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return [...control(2, bytes.length), ...bytes];
  }
  if (typeof value === "number") return [...control(6, 4), ...bigEndian(value, 4)];
  if (typeof value === "boolean") return control(14, Number(value));
  if (isList(value)) return [...control(11, value.length), ...value.flatMap(encoded)];
  const entries = Object.entries(value);
  return [...control(7, entries.length), ...entries.flatMap(([key, inner]) => [...encoded(key), ...encoded(inner)])];
}

function uint16(value: number): Raw {
  return new Raw(...control(5, 2), ...bigEndian(value, 2));
}

function isList(value: MmdbValue): value is readonly MmdbValue[] {
  return Array.isArray(value);
}

/** The control byte of a value, with its type and size. */
export function control(type: number, size: number): number[] {
  const [short, ...long] = size < 29
    ? [size]
    : size < 285
    ? [29, size - 29]
    : size < 65_821
    ? [30, ...bigEndian(size - 285, 2)]
    : [31, ...bigEndian(size - 65_821, 3)];
  return type < 8 ? [type << 5 | (short ?? 0), ...long] : [short ?? 0, type - 7, ...long];
}

function bigEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Math.floor(value / 2 ** (8 * (bytes - 1 - index))) % 256);
}

/** A record of GeoLite2-City and DB-IP City Lite. */
export function cityRecord(city: string, country: string, code: string): MmdbValue {
  return {
    city: { geoname_id: 1, names: { de: `${city} (de)`, en: city } },
    continent: { code: "OC", names: { en: "Oceania" } },
    country: { iso_code: code, names: { de: `${country} (de)`, en: country } },
    subdivisions: [{ iso_code: "AUK", names: { en: "Auckland" } }],
  };
}

/** A record of GeoLite2-ASN and DB-IP ASN Lite. */
export function asnRecord(asn: number, operator: string): MmdbValue {
  return { autonomous_system_number: asn, autonomous_system_organization: operator };
}
