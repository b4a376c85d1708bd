// Checks the place databases. They belong to root, so they are read while this is root.

import type { Config } from "../../config/config.ts";
import { openAll } from "../../send/place_databases.ts";
import { DAY_MS, formatAgo, isoInstant, quotedForShell } from "../../text.ts";
import { allows, type Reader } from "./config.ts";
import type { Look } from "./files.ts";
import type { Findings } from "./finding.ts";

/** From this age on, a database is probably not refreshed: the free ones are built at least once a month. */
export const OLD_MS = 60 * DAY_MS;

/** Checks that each database can be used, and is not old. None of this can lose an event, so these are warnings. */
export function inspectPlaces(
  { placeDatabases }: Pick<Config, "placeDatabases">,
  { look, sender, nowMs }: { look: Look; sender: Reader | undefined; nowMs: number },
  findings: Findings,
): void {
  for (const database of openAll(placeDatabases)) {
    if (database.kind === "unusable") {
      findings.warning(database.id, database.message, "install it again, or correct databases in [place]");
      continue;
    }
    const { path, type, builtAtMs } = database;
    const info = look(path);
    if (sender !== undefined && info !== undefined && !allows(info, { reader: sender, bit: 0o4 })) {
      const message = `cannot use the place database "${path}": send may not read it`;
      findings.warning("place.database-unusable", message, `chmod o+r ${quotedForShell(path)}`);
    } else if (nowMs - builtAtMs > OLD_MS) {
      const message = `the place database "${path}" was built ${formatAgo(builtAtMs, nowMs)}`;
      findings.warning("place.database-old", message, "download it again regularly, with geoipupdate for example");
    } else {
      const built = isoInstant(builtAtMs)?.slice(0, 10) ?? "an unknown day";
      findings.pass("place.database", `"${path}" can be used: ${type}, built on ${built}`);
    }
  }
}
