// Looks up addresses in databases that the test writes: good, missing, damaged, hostile and replaced ones.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { MAX_DATABASE_BYTES, openAll, placesIn } from "../../src/send/place_databases.ts";
import { parseAddress } from "../../src/session/address.ts";
import { placeText } from "../../src/session/place.ts";
import { asnRecord, cityRecord, control, mmdb, type MmdbOptions, type MmdbValue, Raw } from "../helpers/mmdb.ts";

/** Places that are looked up in files of a directory of the test's own. */
class Shelf implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "place-test-" });
  readonly logged: string[] = [];

  write(name: string, bytes: Uint8Array): string {
    const path = this.path(name);
    Deno.writeFileSync(path, bytes, { mode: 0o644 });
    return path;
  }

  path(name: string): string {
    return `${this.directory}/${name}.mmdb`;
  }

  /** What is shown about an address, by databases of these names. */
  looker(...names: string[]): (address: string) => string {
    const lookUp = placesIn(names.map((name) => this.path(name)), (_, message) => void this.logged.push(message));
    return (text) => placeText(lookUp(parseAddress(text) ?? assert.fail(text)));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const CITY = cityRecord("Auckland", "New Zealand", "NZ");
const RECORDS = { "203.0.113.0/24": CITY, "2001:db8:1::/48": cityRecord("Singapore", "Singapore", "SG") };
const OPERATORS = { "203.0.113.0/25": asnRecord(64_500, "Example Net"), "198.51.100.0/24": asnRecord(64_501, "Other") };

Deno.test("placesIn() combines a city and an operator database, IPv4 and IPv6", () => {
  using shelf = new Shelf();
  shelf.write("city", mmdb(RECORDS));
  shelf.write("asn", mmdb(OPERATORS, { type: "Test-ASN", ipVersion: 4 }));
  const place = shelf.looker("city", "asn");
  assert.equal(place("203.0.113.7"), "Auckland, New Zealand; AS64500 Example Net");
  assert.equal(place("203.0.113.200"), "Auckland, New Zealand");
  assert.equal(place("198.51.100.1"), "AS64501 Other");
  assert.equal(place("2001:db8:1:2::5"), "Singapore");
  assert.equal(place("192.0.2.1"), "");
  // Its first 32 bits are an IPv4 address of the second database.
  assert.equal(place("c633:6401::1"), "");
  assert.deepEqual(shelf.logged, []);
});

Deno.test("placesIn() takes city and country from the first database that has the address", () => {
  using shelf = new Shelf();
  shelf.write("country", mmdb({ "203.0.113.0/24": { country: { iso_code: "NZ" } } }));
  shelf.write("city", mmdb({ "203.0.0.0/16": cityRecord("Sydney", "Australia", "AU") }));
  assert.equal(shelf.looker("country", "city")("203.0.113.7"), "New Zealand");
  assert.equal(shelf.looker("country", "city")("203.0.1.1"), "Sydney, Australia");
  assert.equal(shelf.looker("city", "country")("203.0.113.7"), "Sydney, Australia");
});

Deno.test("placesIn() reads a database once, at the first address, and a refreshed one in the next run", () => {
  using shelf = new Shelf();
  const place = shelf.looker("city");
  shelf.write("city", mmdb(RECORDS));
  assert.equal(place("203.0.113.7"), "Auckland, New Zealand");
  shelf.write("new", mmdb({ "203.0.113.0/24": cityRecord("Wellington", "New Zealand", "NZ") }));
  Deno.renameSync(shelf.path("new"), shelf.path("city"));
  assert.equal(place("203.0.113.8"), "Auckland, New Zealand");
  assert.equal(shelf.looker("city")("203.0.113.8"), "Wellington, New Zealand");
  Deno.removeSync(shelf.path("city"));
  assert.equal(place("203.0.113.9"), "Auckland, New Zealand");
  assert.deepEqual(shelf.logged, []);
});

Deno.test("placesIn() warns once about a database that it cannot use, with an id, and uses the others", () => {
  using shelf = new Shelf();
  const good = mmdb(RECORDS);
  shelf.write("asn", mmdb(OPERATORS));
  Deno.mkdirSync(shelf.path("folder"));
  Deno.chmodSync(shelf.write("writable", good), 0o666);
  shelf.write("empty", new Uint8Array());
  shelf.write("sqlite", new TextEncoder().encode(`SQLite format 3\0${"\0".repeat(100_000)}`));
  shelf.write("truncated", good.subarray(0, good.length / 2));
  shelf.write("half_metadata", good.subarray(0, -40));
  shelf.write("beginning_lost", good.subarray(-300));
  shelf.write("anonymous", mmdb({ "203.0.113.0/24": { is_anonymous: true } }, { type: "GeoIP2-Anonymous-IP" }));
  for (const [key, value] of Object.entries({ node_count: "x", ip_version: 5, binary_format_major_version: 3 })) {
    shelf.write(key, mmdb(RECORDS, { metadata: { [key]: value } }));
  }
  shelf.write("record_size", mmdb(RECORDS, { metadata: { record_size: 33 } }));
  Deno.symlinkSync("nowhere", shelf.path("dangling"));
  for (const name of ["missing", "dangling"]) assertWarns(name, "place.database-missing");
  const others = [...Deno.readDirSync(shelf.directory)].map(({ name }) => name.replace(".mmdb", ""))
    .filter((name) => name !== "asn" && name !== "dangling");
  assert.equal(others.length, 12);
  for (const name of others) assertWarns(name, "place.database-unusable");
  assert.match(openMessage(shelf.path("anonymous")), /"GeoIP2-Anonymous-IP"/);

  function assertWarns(name: string, id: string): void {
    shelf.logged.length = 0;
    const place = shelf.looker(name, "asn");
    assert.deepEqual([place("203.0.113.7"), place("203.0.113.8")], Array(2).fill("AS64500 Example Net"), name);
    assert.equal(shelf.logged.length, 1, `${name}: ${shelf.logged}`);
    assert.ok(
      shelf.logged[0]?.includes(`"${shelf.path(name)}"`) && shelf.logged[0].endsWith(`[${id}]`),
      shelf.logged[0],
    );
  }
});

function openMessage(path: string): string {
  const [database] = openAll([path]);
  return database?.kind === "unusable" ? database.message : assert.fail("it was opened");
}

Deno.test("placesIn() follows a link, as DB-IP's monthly files need one", () => {
  using shelf = new Shelf();
  shelf.write("dbip-2026-11", mmdb(RECORDS));
  Deno.symlinkSync("dbip-2026-11.mmdb", shelf.path("dbip"));
  assert.equal(shelf.looker("dbip")("203.0.113.7"), "Auckland, New Zealand");
});

Deno.test("openAll() reads no FIFO, and no more than the limit of all databases together", () => {
  using shelf = new Shelf();
  new Deno.Command("mkfifo", { args: ["-m", "644", shelf.path("fifo")] }).outputSync();
  assert.match(openMessage(shelf.path("fifo")), /not a regular file/);
  const small = shelf.write("small", mmdb(RECORDS));
  const large = shelf.write("large", new Uint8Array());
  // Sparse, so it takes no room.
  Deno.truncateSync(large, MAX_DATABASE_BYTES - Deno.statSync(small).size + 1);
  const kinds = openAll([small, large, small]).map((database) => database.kind === "open" || database.message);
  assert.deepEqual([kinds[0], kinds[2]], [true, true]);
  assert.match(String(kinds[1]), /256 MiB/);
});

/** A database with one hostile record after the good one, so that it can be opened. */
function hostile(record: MmdbValue, options: MmdbOptions = {}): Uint8Array {
  return mmdb({ "192.0.2.0/24": CITY, "203.0.113.0/24": record }, options);
}

Deno.test("placesIn() survives hostile records: cycles, deep and wide values, huge sizes, unknown types", () => {
  using shelf = new Shelf();
  // The offset of the hostile record in the data section is the length of the good one.
  const own = dataLength(CITY);
  const pointer = (offset: number) => [0x38, 0, 0, offset >> 8 & 0xff, offset & 0xff];
  const table: Record<string, MmdbValue> = {
    "a pointer to itself": new Raw(...pointer(own)),
    "a map that contains itself": new Raw(...control(7, 1), 0x41, 0x61, ...pointer(own)),
    "a list of ten pointers to itself": new Raw(...control(11, 10), ...Array(10).fill(pointer(own)).flat()),
    "each list twice in the next": new Raw(
      ...Array.from({ length: 40 }, (_, level) => [
        ...control(11, 2),
        ...pointer(own + 12 * (level + 1)),
        ...pointer(own + 12 * (level + 1)),
      ]).flat(),
      ...control(11, 0),
    ),
    "10,000 nested lists": new Raw(...Array(10_000).fill(control(11, 1)).flat()),
    "a list that is said to have 16 million values": new Raw(...control(11, 16_000_000)),
    "a map that is said to have 16 million values": new Raw(...control(7, 16_000_000)),
    "a text that is said to have 16 million bytes": { country: { iso_code: new Raw(...control(2, 16_000_000)) } },
    "a pointer out of the file": new Raw(0x38, 0xff, 0xff, 0xff, 0xff),
    "an unknown type": new Raw(0, 200),
    "a prototype": { ["__proto__"]: { country: { iso_code: "NZ" } } },
    "another type": [1, true, "x"],
    "a control character": { country: { iso_code: "N\x1b", names: { en: "\x1b[2J\u202e" } } },
  };
  for (const [what, record] of Object.entries(table)) {
    shelf.write("hostile", hostile(record));
    const place = shelf.looker("hostile");
    assert.equal(typeof place("203.0.113.7"), "string", what);
    assert.ok(["", "Auckland, New Zealand"].includes(place("192.0.2.1")), what);
    assert.ok(shelf.logged.every((line) => / it is damaged: .* \[place\.database-unusable\]$/.test(line)), what);
  }
});

Deno.test("placesIn() refuses a record whose pointers lead to the same long list again and again", () => {
  using shelf = new Shelf();
  const [pointers, values] = [5_000, 8_000];
  const start = dataLength(CITY) + control(11, pointers).length + 5 * pointers;
  const list = [...control(11, values), ...Array(values).fill(control(11, 0)).flat()];
  const pointer = [0x38, 0, start >> 16, start >> 8 & 0xff, start & 0xff];
  shelf.write("hostile", hostile(new Raw(...control(11, pointers), ...Array(pointers).fill(pointer).flat(), ...list)));
  assert.equal(shelf.looker("hostile")("203.0.113.7"), "");
  assert.match(shelf.logged.join(), / it is damaged: a record has too many pointers; /);
});

function dataLength(record: MmdbValue): number {
  return mmdb({ "192.0.2.0/24": record }).length - mmdb({ "192.0.2.0/24": new Raw() }).length;
}

Deno.test("placesIn() never throws and ends soon, whatever bytes of a database are damaged", () => {
  using shelf = new Shelf();
  const good = mmdb({ ...RECORDS, ...Object.fromEntries(Object.entries(OPERATORS).slice(1)) });
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(damage, fc.option(fc.nat(good.length)), (changes, length) => {
      const bytes = good.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      shelf.write("damaged", bytes.subarray(0, length ?? good.length));
      const place = shelf.looker("damaged");
      for (const address of ["203.0.113.7", "198.51.100.1", "2001:db8:1::1"]) assert.ok(place(address).length < 200);
    }),
    { numRuns: 1_000 },
  );
});
