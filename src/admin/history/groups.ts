// Shows groups of logins: who comes from where, how often, first and last seen. Pure.

import { oneLine } from "../../log.ts";
import { isoInstant } from "../../text.ts";
import { localTime } from "../../send/render.ts";
import { type GroupBy, GROUPS, type LoginGroup } from "../../store/history.ts";
import type { RowOptions } from "./history_rows.ts";
import type { Column } from "./table.ts";

/** How a group is shown. */
export interface GroupOptions extends RowOptions {
  readonly by: GroupBy;
}

/** The columns that name what the logins of a group have in common. */
const NAMES: Readonly<Record<GroupBy, Column>> = {
  user: { title: "USER", min: 8, rank: 0 },
  place: { title: "FROM", min: 15, rank: 0 },
  key: { title: "KEY", min: 12, rank: 0 },
};

/** How many different values of a group a cell lists. */
const MAX_LISTED = 3;

/** Returns the columns of the table. */
export function groupColumns(by: GroupBy): Column[] {
  const others = GROUPS.filter((one) => one !== by);
  const shortenTime = (time: string, width: number) => time.slice(0, width < 16 ? 10 : 16);
  return [
    NAMES[by],
    { title: "LOGINS", min: 6, rank: 0 },
    { title: "UNEXPECTED", min: 10, rank: 2 },
    { title: "FIRST", min: 16, least: 10, rank: 3, shorten: shortenTime },
    { title: "LAST", min: 16, least: 10, rank: 1, shorten: shortenTime },
    ...others.map((one, index) => ({ ...NAMES[one], rank: 4 + index })),
  ];
}

/** Returns the cells of a group, one for each of {@link groupColumns}. */
export function groupCells(group: LoginGroup, options: GroupOptions): string[] {
  const { by, timezone } = options;
  const { logins, unexpected, firstAtMs, lastAtMs, users, places, keys } = group;
  const values = { user: users, place: places, key: keys.map((key) => keyName(key, options)) };
  const others = GROUPS.filter((one) => one !== by);
  return [
    groupName(group, options),
    String(logins),
    String(unexpected),
    localTime(firstAtMs, timezone),
    localTime(lastAtMs, timezone),
    ...others.map((one) => listed(values[one])),
  ].map(oneLine);
}

/** The name of a group: a user, a place or keys. */
export function groupName({ name }: Pick<LoginGroup, "name">, options: GroupOptions): string {
  return (options.by === "key" ? keyName(name, options) : name) || "-";
}

/** Formats a group for programs. */
export function groupJson(group: LoginGroup, options: GroupOptions): unknown {
  const { name, logins, unexpected, firstAtMs, lastAtMs, users, places, addresses, keys } = group;
  const { by, keyNames } = options;
  const keysIn = (fingerprints: string) =>
    fingerprints.split(" ").filter((key) => key !== "").map((fingerprint) => ({
      fingerprint,
      name: keyNames.get(fingerprint) ?? null,
    }));
  return {
    [by]: by === "key" ? keysIn(name) : name === "" ? null : name,
    logins,
    unexpected,
    first_at: isoInstant(firstAtMs),
    last_at: isoInstant(lastAtMs),
    ...(by === "user" ? {} : { users }),
    ...(by === "place" ? {} : { places }),
    addresses,
    ...(by === "key" ? {} : { keys: keys.map(keysIn) }),
  };
}

/** The names of the keys used together, or their fingerprints. */
function keyName(fingerprints: string, { keyNames }: Pick<RowOptions, "keyNames">): string {
  return fingerprints.split(" ").map((key) => keyNames.get(key) ?? key).join(" and ");
}

function listed(values: readonly string[]): string {
  const shown = values.slice(0, MAX_LISTED).join(", ") || "-";
  return values.length > MAX_LISTED ? `${shown} and ${values.length - MAX_LISTED} more` : shown;
}
