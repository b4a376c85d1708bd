// The text of a report, short enough for a phone. Pure.

import { plural } from "../text.ts";
import type { HistoryEntry, TopGroups } from "../store/history.ts";
import type { TimeSpan } from "../store/history_hours.ts";
import type { RouteOverview } from "../store/overview.ts";
import { type HostOptions, localTime, shown } from "./render.ts";

/** What a report is about. */
export interface ReportContent extends HostOptions, TimeSpan {
  /** The logins, grouped in three ways. */
  readonly users: TopGroups;
  readonly places: TopGroups;
  readonly keys: TopGroups;
  /** The unexpected entries, and the newest of them, oldest first. */
  readonly unexpected: { readonly count: number; readonly newest: readonly HistoryEntry[] };
  readonly open: { readonly count: number; readonly newest: readonly HistoryEntry[] };
  /** The routes that have given up deliveries. */
  readonly givenUp: readonly Pick<RouteOverview, "name" | "dead">[];
  /** Why the alarm does not work; empty if it works. */
  readonly problems: readonly string[];
  readonly wellSinceMs: number | undefined;
}

/** The longest name in a line, in UTF-16 code units. */
const MAX_NAME = 40;

/** Returns the lines of a report. */
export function reportLines(content: ReportContent): string[] {
  const { sinceMs, untilMs, users, places, keys, unexpected, open, givenUp, problems, wellSinceMs } = content;
  const time = (atMs: number) => localTime(atMs, content.timezone).replace(/:\d\d(?=[+-])/, "");
  const { logins } = users;
  const session = ({ event: { user, occurredAtMs } }: HistoryEntry) => `${cutName(user)} since ${time(occurredAtMs)}`;
  const newest = unexpected.newest.toReversed().map(({ event: { occurredAtMs, user }, reasons, tampered }) => {
    const why = [...tampered.length > 0 ? [`environment of ${cutName(user)} tampered with`] : [], ...reasons];
    return `${time(occurredAtMs)} ${why.join("; ")}`;
  });
  return [
    `${plural(logins, "login")} from ${time(sinceMs)} to ${time(untilMs)}`,
    ...logins === 0 ? [] : [
      `Users: ${counted(users, cutName)}`,
      `From: ${counted(places, (place) => place === "" ? "this host" : cutName(place))}`,
      `Keys: ${counted(keys, (key) => keyName(key, content))}`,
    ],
    unexpected.count === 0 ? "Nothing was unexpected" : `Unexpected: ${unexpected.count}, the newest:`,
    ...newest.map((text) => `- ${shown(text, 160)}`),
    ...open.count === 0 ? [] : [`Open sessions: ${open.count}; ${open.newest.map(session).join(", ")}`],
    ...givenUp.map(({ name, dead }) => `Given up on route "${name}": ${plural(dead, "notification")}`),
    alarmText(problems, wellSinceMs === undefined ? undefined : time(wellSinceMs)),
  ];
}

/** `alice 20, bob 12 and 3 more`. */
function counted({ top, groups }: TopGroups, nameOf: (name: string) => string): string {
  const listed = top.map(({ name, logins }) => `${nameOf(name)} ${logins}`).join(", ");
  return groups > top.length ? `${listed} and ${groups - top.length} more` : listed;
}

function keyName(fingerprints: string, { keyNames = new Map() }: HostOptions): string {
  if (fingerprints === "") return "without a key";
  return fingerprints.split(" ").map((key) => cutName(keyNames.get(key) ?? key.slice(0, 17))).join(" and ");
}

function cutName(name: string): string {
  return shown(name, MAX_NAME);
}

function alarmText(problems: readonly string[], since: string | undefined): string {
  if (problems.length > 0) return `The alarm does not work: ${shown(problems.join("; "))}`;
  return since === undefined ? "The alarm works" : `The alarm has worked since ${since}`;
}
