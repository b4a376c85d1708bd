// Looks up where addresses are. Loads the reader of the databases only if the configuration names some.

import type { Config } from "../config/config.ts";
import type { Log } from "../log.ts";
import { type LookUpPlace, NO_PLACE } from "../session/place.ts";

/** Returns the function that looks up places. It reads the databases when it is first used. */
export async function lookUpPlaces({ placeDatabases }: Pick<Config, "placeDatabases">, log: Log): Promise<LookUpPlace> {
  if (placeDatabases.length === 0) return () => NO_PLACE;
  const { placesIn } = await import("./place_databases.ts");
  return placesIn(placeDatabases, log);
}
