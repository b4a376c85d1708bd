// What the place databases say about an address, and how it is shown. Pure.

import { joined } from "../text.ts";
import type { Address } from "./address.ts";

/** Where an address is, and who operates its network. Texts are English, of limited length, and empty if unknown. */
export interface Place {
  readonly city: string;
  readonly country: string;
  /** ISO 3166-1 alpha-2: `NZ`. */
  readonly countryCode: string;
  /** The number of the autonomous system; undefined if unknown. */
  readonly asn: number | undefined;
  readonly operator: string;
}

/** Looks up an address. Never throws. */
export type LookUpPlace = (address: Address) => Place;

/** The place of an address that no database has. */
export const NO_PLACE: Place = { city: "", country: "", countryCode: "", asn: undefined, operator: "" };

/** Formats a place: `Auckland, New Zealand; AS64500 Example Net`. Empty if nothing is known. */
export function placeText(place: Place): string {
  const { city, country } = place;
  // Singapore is a city and a country.
  const location = city === country ? country : joined([city, country], ", ");
  return joined([location, operatorText(place)], "; ");
}

/** Formats the operator of a network: `AS64500 Example Net`. */
export function operatorText({ asn, operator }: Pick<Place, "asn" | "operator">): string {
  return joined([asn === undefined ? "" : `AS${asn}`, operator], " ");
}
