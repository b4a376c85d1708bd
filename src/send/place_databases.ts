// Opens place databases (https://maxmind.github.io/MaxMind-DB/) and looks up addresses. If a database
// cannot be used, only its part of the places is missing.

import { Buffer } from "node:buffer";
import { Reader } from "mmdb-lib";
import { messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import type { Log } from "../log.ts";
import type { Address } from "../session/address.ts";
import { type LookUpPlace, NO_PLACE, type Place } from "../session/place.ts";
import { isAboutPlaces, locationIn, operatorIn } from "./place_record.ts";

/** The maximum size of all databases together, in bytes: they are read into memory, of which the unit has 512 MiB. */
export const MAX_DATABASE_BYTES = 256 * 1024 * 1024;

/** Where the metadata begins: after this marker, in the last 128 KiB of the file. */
const MARKER = "\xab\xcd\xefMaxMind.com";
const METADATA_BYTES = 128 * 1024;

/** How many pointers one record may follow. Real ones follow some hundred; damaged ones could follow them endlessly. */
const MAX_POINTERS = 10_000;

/** How many bytes are decoded through pointers for one record, which may lead to the same long list again and again. */
const MAX_POINTED_BYTES = 1024 * 1024;

/** How many addresses are remembered during a run. */
const MAX_REMEMBERED = 10_000;

/** An open database. */
export interface PlaceDatabase {
  readonly kind: "open";
  readonly path: string;
  readonly size: number;
  /** Its own name: `GeoLite2-City`. */
  readonly type: string;
  /** When it was built, in milliseconds since the epoch; NaN if it does not say. */
  readonly builtAtMs: number;
  /** The record of an address; null if it has none. Throws if the database is damaged. */
  readonly get: (address: Address) => unknown;
}

/** Why a database cannot be used. */
export interface UnusableDatabase {
  readonly kind: "unusable";
  readonly id: Extract<Id, `place.${string}`>;
  readonly message: string;
}

/**
 * Creates the function that looks up places. Reads the databases at the first address, and logs once what is wrong.
 *
 * @param paths in order of precedence
 */
export function placesIn(paths: readonly string[], log: Log): LookUpPlace {
  const remembered = new Map<string, Place>();
  let databases: PlaceDatabase[] | undefined;
  return (address) => {
    const text = address.toString();
    const known = remembered.get(text);
    if (known !== undefined) return known;
    databases ??= openAll(paths).filter((database) => {
      if (database.kind === "unusable") warn(log, database);
      return database.kind === "open";
    });
    const records = databases.map((database) => {
      try {
        return database.get(address);
      } catch (error) {
        databases = databases?.filter((other) => other !== database);
        warn(log, unusable(database.path, `it is damaged: ${messageOf(error)}`));
        return null;
      }
    });
    const place = placeIn(records);
    if (remembered.size < MAX_REMEMBERED) remembered.set(text, place);
    return place;
  };
}

function warn(log: Log, { id, message }: UnusableDatabase): void {
  log("warning", `${message}; its places are not shown [${id}]`);
}

/** Combines records. City and country come from one database, because two may disagree. */
function placeIn(records: readonly unknown[]): Place {
  const location = records.map(locationIn).find((found) => found !== undefined);
  const operator = records.map(operatorIn).find((found) => found !== undefined);
  return { ...NO_PLACE, ...location, ...operator };
}

/** Opens all databases. */
export function openAll(paths: readonly string[]): (PlaceDatabase | UnusableDatabase)[] {
  let left = MAX_DATABASE_BYTES;
  return paths.map((path) => {
    const database = open(path, { maxBytes: left });
    if (database.kind === "open") left -= database.size;
    return database;
  });
}

function open(path: string, { maxBytes }: { maxBytes: number }): PlaceDatabase | UnusableDatabase {
  try {
    const { isFile, size, uid, mode } = Deno.statSync(path);
    // Reading a FIFO could block indefinitely.
    if (!isFile) return unusable(path, "it is not a regular file");
    // A user that can change it can make any login appear to come from a known place.
    if ((uid !== 0 && uid !== Deno.uid()) || ((mode ?? 0) & 0o022) !== 0) {
      return unusable(path, "users other than root can write it");
    }
    if (size > maxBytes) {
      return unusable(path, `the databases have more than ${MAX_DATABASE_BYTES / 1024 / 1024} MiB together`);
    }
    return parse(path, read(path, size));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { kind: "unusable", id: "place.database-missing", message: `the place database "${path}" does not exist` };
    }
    if (error instanceof Deno.errors.PermissionDenied) return unusable(path, "permission denied");
    if (error instanceof Deno.errors.NotCapable) return unusable(path, "it is outside the sandbox");
    return unusable(path, messageOf(error));
  }
}

/** Reads a file into one buffer; `Deno.readFileSync` needs twice the memory. Geoipupdate replaces files by a rename. */
function read(path: string, size: number): Buffer {
  using file = Deno.openSync(path);
  const bytes = Buffer.alloc(size);
  let length = 0;
  for (let count: number | null = 1; length < size && count !== null; length += count ?? 0) {
    count = file.readSync(bytes.subarray(length));
  }
  return bytes.subarray(0, length);
}

function unusable(path: string, reason: string): UnusableDatabase {
  return {
    kind: "unusable",
    id: "place.database-unusable",
    message: `cannot use the place database "${path}": ${reason}`,
  };
}

function parse(path: string, bytes: Buffer): PlaceDatabase | UnusableDatabase {
  // mmdb-lib would search the whole file for it.
  if (!bytes.subarray(-METADATA_BYTES).includes(MARKER, 0, "latin1")) {
    return unusable(path, "it is not a MaxMind database (MMDB), or it is truncated");
  }
  try {
    const pointers = limitPointers();
    const reader = new Reader<never>(bytes, { cache: pointers.cache });
    const { metadata } = reader;
    if (!isSound(metadata, bytes.length)) return unusable(path, "it is damaged: its metadata is invalid");
    const get = (address: string) => {
      pointers.reset();
      return reader.getWithPrefixLength(address);
    };
    const type = String(metadata.databaseType).slice(0, 64);
    const record = firstRecord(get);
    if (record !== undefined && !isAboutPlaces(record)) {
      return unusable(path, `a database of the type "${type}" has neither countries nor network operators`);
    }
    return {
      kind: "open",
      path,
      size: bytes.length,
      type,
      builtAtMs: metadata.buildEpoch.getTime(),
      // In a database of IPv4 alone, mmdb-lib would look up the first 32 bits.
      get: (address) => metadata.ipVersion === 4 && address.kind() === "ipv6" ? null : get(address.toString())[0],
    };
  } catch (error) {
    return unusable(path, `it is damaged: ${messageOf(error)}`);
  }
}

/** Checks the metadata, since mmdb-lib believes it. */
function isSound(metadata: Reader<never>["metadata"], size: number): boolean {
  const { binaryFormatMajorVersion, ipVersion, nodeCount, searchTreeSize } = metadata;
  return binaryFormatMajorVersion === 2 && (ipVersion === 4 || ipVersion === 6) && Number.isInteger(nodeCount) &&
    nodeCount > 0 && searchTreeSize < size;
}

/** Limits pointers through the cache of mmdb-lib, which gets and sets each, and otherwise remembers nothing. */
function limitPointers() {
  let left = { pointers: 0, bytes: 0 };
  const reset = () => void (left = { pointers: MAX_POINTERS, bytes: MAX_POINTED_BYTES });
  const check = () => {
    if (left.pointers < 0 || left.bytes < 0) throw new RangeError("a record has too many pointers");
  };
  const get = (): undefined => {
    left.pointers--;
    check();
  };
  const set = (offset: number, { offset: end }: { offset: number }) => {
    left.bytes -= end - offset;
    check();
  };
  reset();
  return { cache: { get, set }, reset };
}

/** The record of the lowest IPv4 address that has one; undefined if it is not soon found. */
function firstRecord(get: (address: string) => [unknown, number]): unknown {
  for (let address = 0, steps = 0; address < 2 ** 32 && steps < 1_000; steps++) {
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    const [record, prefixLength] = get(octets.join("."));
    if (record !== null) return record;
    address += 2 ** (32 - prefixLength);
  }
  return undefined;
}
