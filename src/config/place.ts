// `[place]`: the databases that say where an address is. They must be in directories that the sandbox lets `send` read.

import * as v from "valibot";
import { PLACE_FOLDERS } from "../paths.ts";
import type { ConfigFault } from "./config_error.ts";

/** More than anyone needs: a city, a country and an operator database, each twice. */
const MAX_DATABASES = 6;

/** The keys of the section. The paths are checked below. */
export const PLACE = {
  databases: v.pipe(
    v.optional(
      v.pipe(v.array(v.string()), v.maxLength(MAX_DATABASES, `must have at most ${MAX_DATABASES} paths`)),
      [],
    ),
    v.description(
      "databases in the MMDB format (GeoLite2, DB-IP, IPinfo) that say where an address is and who operates its network; " +
        `paths below ${
          PLACE_FOLDERS.map((folder) => `\`${folder}\``).join(", ")
        } or the directory of this file. If two ` +
        "have the same kind of data, the first that has the address decides",
    ),
  ),
};

/** The parts of a configuration that are checked below; other faults are reported elsewhere. */
const parts = v.object({
  place: v.optional(v.object(PLACE), {}),
  unexpected: v.optional(v.object({ place: v.optional(v.unknown()) }), {}),
});

/**
 * Checks that `send` may read the databases, and that there are some if `[unexpected] place` needs them.
 *
 * @param options.directory the directory of the configuration
 */
export function placeFaults(toml: unknown, { directory }: { directory: string }): ConfigFault[] {
  const { success, output } = v.safeParse(parts, toml);
  if (!success) return [];
  const { place: { databases }, unexpected: { place: size } } = output;
  const folders = [...PLACE_FOLDERS, directory];
  const faults = databases.flatMap((path, index): ConfigFault[] => {
    if (folders.some((folder) => path.startsWith(`${folder}/`)) && !path.split("/").includes("..")) return [];
    const message = `must be a path below ${folders.join(" or ")}: send cannot read files elsewhere`;
    return [{ id: "config.wrong-value", place: `place.databases.${index}`, message }];
  });
  if (databases.length === 0 && (size === "operator" || size === "country")) {
    const message = `"${size}" requires databases in [place]`;
    faults.push({ id: "config.conflicting-keys", place: "unexpected.place", message });
  }
  return faults;
}
