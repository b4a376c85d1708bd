// Reads a record of a place database: GeoLite2 and GeoIP2, DB-IP, and IPinfo, whose records are flat. Pure.
// Values of another type count as unknown. The files belong to root, but their texts come from elsewhere.

import { cap } from "../event.ts";
import type { Place } from "../session/place.ts";

/** The parts of a place that one kind of database has. */
export type Location = Pick<Place, "city" | "country" | "countryCode">;
export type Operator = Pick<Place, "asn" | "operator">;

/** The maximum length of a name, in UTF-16 code units. */
const MAX_NAME_LENGTH = 48;

/** The user-assigned code with which DB-IP marks addresses that are in no country. */
const NO_COUNTRY = "ZZ";

const regionNames = new Intl.DisplayNames(["en"], { type: "region" });

/**
 * The location in a record; undefined if it has no country.
 *
 * GeoLite2, DB-IP: `country.iso_code`, `country.names.en`, `city.names.en`. IPinfo: `country_code` and `country`, or the
 * code in `country` and `country_name`; `city`.
 */
export function locationIn(record: unknown): Location | undefined {
  const country = at(record, "country");
  const code = [at(country, "iso_code"), at(record, "country_code"), country].map(codeOf).find((text) => text !== "");
  const name = [at(country, "names", "en"), at(record, "country_name"), country].map(nameOf)
    .find((text) => text !== "" && text !== code && text !== NO_COUNTRY);
  const shown = name ?? (code === undefined ? undefined : regionNames.of(code));
  if (shown === undefined) return undefined;
  const city = nameOf(at(record, "city", "names", "en")) || nameOf(at(record, "city"));
  return { city, country: shown, countryCode: code ?? "" };
}

/**
 * The operator in a record; undefined if it has none.
 *
 * GeoLite2, DB-IP: `autonomous_system_number`, `autonomous_system_organization`. IPinfo: `asn` as text (`AS64500`), and
 * `as_name` or `name`.
 */
export function operatorIn(record: unknown): Operator | undefined {
  const asn = asnOf(at(record, "autonomous_system_number")) ?? asnOf(at(record, "asn"));
  const operator = nameOf(at(record, "autonomous_system_organization")) || nameOf(at(record, "as_name")) ||
    (asn === undefined ? "" : nameOf(at(record, "name")));
  return asn === undefined && operator === "" ? undefined : { asn, operator };
}

/** Whether a record comes from a database about places or operators, even if it says nothing that is shown. */
export function isAboutPlaces(record: unknown): boolean {
  const keys = typeof record === "object" && record !== null ? Object.keys(record) : [];
  return keys.some((key) => /^(?:city|continent|asn|as_name|autonomous_system_|(?:registered_)?country)/.test(key));
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? Object.getOwnPropertyDescriptor(inner, key)?.value : undefined,
    value,
  );
}

function nameOf(value: unknown): string {
  return typeof value === "string" ? cap(value, MAX_NAME_LENGTH).trim() : "";
}

function codeOf(value: unknown): string {
  return typeof value === "string" && /^[A-Z]{2}$/.test(value) && value !== NO_COUNTRY ? value : "";
}

function asnOf(value: unknown): number | undefined {
  const asn = typeof value === "string" && /^AS\d{1,10}$/.test(value) ? Number(value.slice(2)) : value;
  return typeof asn === "number" && Number.isInteger(asn) && asn > 0 && asn < 2 ** 32 ? asn : undefined;
}
