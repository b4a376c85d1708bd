// The records of each kind of place database, as their vendors document them, and hostile ones.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { isAboutPlaces, locationIn, operatorIn } from "../../src/send/place_record.ts";
import { asnRecord, cityRecord } from "../helpers/mmdb.ts";
import { HOSTILE_TEXTS } from "../helpers/fixtures.ts";

const NZ = { country: "New Zealand", countryCode: "NZ" };

Deno.test("locationIn() reads the records of GeoLite2, DB-IP and IPinfo", () => {
  const table: [what: string, record: unknown, expected: unknown][] = [
    ["a city", cityRecord("Auckland", "New Zealand", "NZ"), { city: "Auckland", ...NZ }],
    ["a country", { country: { iso_code: "NZ", names: { en: "New Zealand" } } }, { city: "", ...NZ }],
    ["a country without a name", { country: { iso_code: "NZ" } }, { city: "", ...NZ }],
    ["DB-IP, no country", { country: { iso_code: "ZZ", names: { en: "" } } }, undefined],
    ["IPinfo Lite", { country: "New Zealand", country_code: "NZ", asn: "AS64500" }, { city: "", ...NZ }],
    ["IPinfo country", { country: "NZ", country_name: "New Zealand" }, { city: "", ...NZ }],
    ["IPinfo location", { city: "Auckland", region: "Auckland", country: "NZ" }, { city: "Auckland", ...NZ }],
    ["an address without a country", { registered_country: { iso_code: "NZ" }, is_anycast: true }, undefined],
    ["an operator", asnRecord(64_500, "Example Net"), undefined],
    ["nothing", null, undefined],
  ];
  for (const [what, record, expected] of table) assert.deepEqual(locationIn(record), expected, what);
});

Deno.test("operatorIn() reads the records of GeoLite2, DB-IP and IPinfo", () => {
  const expected = { asn: 64_500, operator: "Example Net" };
  const table: [record: unknown, expected: unknown][] = [
    [asnRecord(64_500, "Example Net"), expected],
    [{ asn: "AS64500", as_name: "Example Net", as_domain: "example.net", country_code: "NZ" }, expected],
    [{ asn: "AS64500", name: "Example Net", route: "203.0.113.0/24" }, expected],
    [{ autonomous_system_number: 64_500 }, { ...expected, operator: "" }],
    [{ as_name: "Example Net" }, { ...expected, asn: undefined }],
    [{ name: "Example Net" }, undefined],
    [{ asn: "", as_name: "" }, undefined],
    [{ autonomous_system_number: 0 }, undefined],
    [{ autonomous_system_number: 2 ** 32, asn: "AS99999999999" }, undefined],
    [cityRecord("Auckland", "New Zealand", "NZ"), undefined],
  ];
  for (const [record, expected] of table) assert.deepEqual(operatorIn(record), expected, JSON.stringify(record));
});

Deno.test("locationIn() and operatorIn() cut long names, and treat values of another type as unknown", () => {
  const keys = ["country", "iso_code", "names", "en", "city", "country_code", "country_name", "asn", "as_name"];
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<unknown>(
        ...HOSTILE_TEXTS,
        "NZ",
        "AS1",
        1,
        -1,
        1n,
        NaN,
        true,
        null,
        undefined,
        [],
        [1],
        new Date(),
      ),
      fc.dictionary(fc.constantFrom(...keys, "autonomous_system_number", "__proto__"), tie("tree")),
    ),
  }));
  fc.assert(fc.property(tree, (record) => {
    const { city = "", country = "", countryCode = "" } = locationIn(record) ?? {};
    const { asn = 1, operator = "" } = operatorIn(record) ?? {};
    for (const text of [city, country, countryCode, operator]) assert.ok(typeof text === "string" && text.length <= 48);
    assert.ok(countryCode === "" || /^[A-Z]{2}$/.test(countryCode));
    assert.ok(Number.isInteger(asn) && asn > 0 && asn < 2 ** 32);
  }));
});

Deno.test("isAboutPlaces() tells a database about places from another kind", () => {
  const others = [
    { is_anonymous: true, is_tor_exit_node: true },
    { connection_type: "Cellular" },
    { domain: "x" },
    "x",
    {},
  ];
  assert.deepEqual(others.map(isAboutPlaces), others.map(() => false));
  const about = [
    cityRecord("a", "b", "NZ"),
    asnRecord(1, "a"),
    { registered_country: {} },
    { continent: {} },
    { asn: "" },
    { country_code: "" },
  ];
  assert.deepEqual(about.map(isAboutPlaces), about.map(() => true));
});
