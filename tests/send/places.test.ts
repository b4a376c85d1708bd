// Whole runs with place databases: what is shown, and what counts as a new place.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { parseAddress } from "../../src/session/address.ts";
import { type LookUpPlace, NO_PLACE, type Place } from "../../src/session/place.ts";
import { LEARNING } from "../../src/session/judge.ts";
import { lookUpPlaces } from "../../src/send/places.ts";
import { asnRecord, cityRecord, mmdb } from "../helpers/mmdb.ts";
import { HOUR, response, World } from "../helpers/world.ts";

const AUCKLAND: Place = {
  city: "Auckland",
  country: "New Zealand",
  countryCode: "NZ",
  asn: 64_500,
  operator: "Example Net",
};

/** Knows a few addresses by heart. */
const BY_HEART: ReadonlyMap<string, Place> = new Map([
  ["203.0.113.7", AUCKLAND],
  ["203.0.113.8", AUCKLAND],
  ["198.51.100.1", { ...AUCKLAND, city: "Wellington", asn: 64_501, operator: "Other Net" }],
  ["198.51.100.2", { ...AUCKLAND, city: "Wellington", asn: undefined, operator: "" }],
  ["192.0.2.1", { ...AUCKLAND, city: "Sydney", country: "Australia", countryCode: "AU" }],
  ["192.0.2.2", { ...AUCKLAND, city: "", country: "Fiji", countryCode: "FJ", asn: 64_502, operator: "" }],
]);
const byHeart: LookUpPlace = (address) => BY_HEART.get(address.toString()) ?? NO_PLACE;

/** A host after its learning period, on which alice has logged in from 203.0.113.7 before it had place databases. */
class PlaceWorld extends World {
  constructor(size = "address") {
    super();
    const databases = `place.databases = ["/var/lib/GeoIP/x.mmdb"]`;
    this.config = parseConfig(
      `unexpected.place = "${size}"\nunexpected.learning_days = 0\n${databases}\n` +
        `[notification]\nservice = "ntfy"\nntfy.topic_url = "https://ntfy.example/topic-secret"\n`,
      { hostName: () => "example.com" },
    );
    this.lookUpPlace = byHeart;
  }

  /** Logs alice in from each address, one after the other, and returns the reasons of each login. */
  async reasons(...addresses: readonly string[]): Promise<string[]> {
    for (const address of addresses) {
      this.login("alice", { remoteHost: address, connection: `${address} 50022 198.51.100.9 22` });
      await this.run();
    }
    return this.query("SELECT reasons FROM event WHERE uuid NOT LIKE 'known %' ORDER BY id").slice(-addresses.length)
      .map(({ reasons }) => JSON.parse(String(reasons)).filter((reason: string) => reason !== LEARNING).join());
  }
}

Deno.test("12 privacy addresses of one IPv6 /64 are at most one urgent login", async () => {
  using world = new World();
  world.config = { ...world.config, learningMs: 0 };
  for (let index = 1; index <= 12; index++) {
    world.login("alice", { remoteHost: `2001:db8:1:2:${index}::${index * 7}`, connection: "" });
    await world.run();
  }
  const urgent = world.query("SELECT reasons FROM event JOIN delivery ON event_id = id WHERE urgent = 1");
  assert.deepEqual(urgent.map(({ reasons }) => reasons), ['["first login of alice from 2001:db8:1:2::/64"]']);
  assert.equal(world.counts()["delivered"], 12);
});

Deno.test("the place is shown with the login and the logout, also in a retry after the databases were removed", async () => {
  using world = new PlaceWorld();
  world.answer = () => response(503);
  await world.reasons("203.0.113.7");
  world.lookUpPlace = () => assert.fail("a retry looks up");
  world.answer = () => response(200, { id: "1" });
  world.clock.pass(HOUR);
  await world.run();
  world.lookUpPlace = byHeart;
  world.login("alice", { type: "close" });
  await world.run();
  const texts: string[] = world.requests.map(({ request }) => JSON.parse(request.body).message);
  const [first, ...retries] = texts.slice(0, -1);
  assert.match(first ?? "", /^'alice' \(203\.0\.113\.7, Auckland, New Zealand; AS64500 Example Net\) logged in to /);
  assert.ok(retries.length > 0);
  assert.deepEqual(new Set(retries), new Set([first]));
  assert.match(
    texts.at(-1) ?? "",
    /^'alice' \(203\.0\.113\.7, Auckland, New Zealand; AS64500 Example Net\) logged out /,
  );
  const [row] = world.query("SELECT place, country_code, asn, site FROM event WHERE uuid NOT LIKE 'known %'");
  assert.deepEqual({ ...row }, {
    place: "Auckland, New Zealand; AS64500 Example Net",
    country_code: "NZ",
    asn: 64_500,
    site: "203.0.113.7",
  });
});

Deno.test("a new country is always a reason, once the countries of the user are known", async () => {
  for (const size of ["address", "network", "operator", "country"]) {
    using world = new PlaceWorld(size);
    const found = await world.reasons("203.0.113.7", "192.0.2.1", "192.0.2.1", "192.0.2.2");
    assert.deepEqual(found, ["", "first login of alice from Australia", "", "first login of alice from Fiji"], size);
  }
});

Deno.test("[unexpected] place decides what else is new", async () => {
  const from = (place: string) => `first login of alice from ${place}`;
  const same = "203.0.113.8";
  const other = "198.51.100.1";
  const table: [size: string, reasons: string[]][] = [
    ["address", ["", from(same), from(other)]],
    ["network", ["", "", from("198.51.100.0/24")]],
    ["operator", ["", "", from("AS64501 Other Net")]],
    ["country", ["", "", ""]],
  ];
  for (const [size, reasons] of table) {
    using world = new PlaceWorld(size);
    assert.deepEqual(await world.reasons("203.0.113.7", same, other), reasons, size);
  }
});

Deno.test("where the databases do not have an address or the user's history, the address decides", async () => {
  for (const size of ["address", "operator", "country"]) {
    using fresh = new PlaceWorld(size);
    // Alice has a history, but not with a country or an operator.
    assert.deepEqual(await fresh.reasons("203.0.113.8"), ["first login of alice from 203.0.113.8"], size);
    using world = new PlaceWorld(size);
    const found = await world.reasons("203.0.113.7", "233.252.0.1", "233.252.0.1");
    assert.deepEqual(found, ["", "first login of alice from 233.252.0.1", ""], size);
    world.lookUpPlace = () => NO_PLACE;
    assert.deepEqual(await world.reasons("203.0.113.8"), ["first login of alice from 203.0.113.8"], size);
  }
  using world = new PlaceWorld("operator");
  const found = await world.reasons("203.0.113.7", "198.51.100.2");
  assert.deepEqual(found, ["", "first login of alice from 198.51.100.2"], "its country is known, its operator is not");
});

Deno.test("a known address is not new if a database says that it has moved to another country", async () => {
  using world = new PlaceWorld();
  await world.reasons("203.0.113.7", "203.0.113.8");
  world.lookUpPlace = () => ({ ...AUCKLAND, country: "Fiji", countryCode: "FJ" });
  assert.deepEqual(await world.reasons("203.0.113.8"), [""]);
});

Deno.test("a tampered login makes no country, operator or network known", async () => {
  for (const size of ["network", "operator", "country"]) {
    using world = new PlaceWorld(size);
    await world.reasons("203.0.113.7");
    world.login("alice", { remoteHost: "192.0.2.1", connection: "", tampered: ["PAM_USER"] });
    await world.run();
    assert.equal((await world.reasons("192.0.2.1"))[0], "first login of alice from Australia", size);
  }
});

Deno.test("lookUpPlaces() reads the configured databases; without any, no place is known", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "place-test-" });
  try {
    const write = (name: string, bytes: Uint8Array) =>
      Deno.writeFileSync(`${directory}/${name}`, bytes, { mode: 0o644 });
    write("city.mmdb", mmdb({ "203.0.113.0/24": cityRecord("Auckland", "New Zealand", "NZ") }));
    write("asn.mmdb", mmdb({ "203.0.113.0/24": asnRecord(64_500, "Example Net") }));
    const address = parseAddress("203.0.113.7") ?? assert.fail();
    const placeDatabases = ["city.mmdb", "asn.mmdb"].map((name) => `${directory}/${name}`);
    const log = () => assert.fail("it logs");
    assert.deepEqual((await lookUpPlaces({ placeDatabases }, log))(address), AUCKLAND);
    assert.deepEqual((await lookUpPlaces({ placeDatabases: [] }, log))(address), NO_PLACE);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a missing database delays and loses no event", async () => {
  using world = new PlaceWorld("country");
  world.lookUpPlace = await lookUpPlaces(
    world.config,
    (severity, message) => void world.logged.push([severity, message]),
  );
  assert.deepEqual(await world.reasons("203.0.113.7", "203.0.113.8"), ["", "first login of alice from 203.0.113.8"]);
  assert.equal(world.counts()["delivered"], 2);
  const warnings = world.logged.filter(([severity]) => severity === "warning").map(([, message]) => message);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /"\/var\/lib\/GeoIP\/x\.mmdb" .*\[place\.database-missing\]$/);
});
