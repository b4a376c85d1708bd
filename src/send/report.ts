// Makes the report of `[report]` and hands it to its routes, once for each time at which one is due.

import type { Config } from "../config/config.ts";
import type { ReportNotification } from "../services/service.ts";
import { type Database, transaction } from "../sqlite/open.ts";
import { History } from "../store/history.ts";
import { countByHour, type TimeSpan } from "../store/history_hours.ts";
import { announce } from "../store/notices.ts";
import { routesOf } from "../store/overview.ts";
import { latestReport, recordReport, wellSinceMs } from "../store/reports.ts";
import { DAY_MS } from "../text.ts";
import { localTime } from "./render.ts";
import { reportLines } from "./report_lines.ts";
import { isSlotDue, slotBefore } from "./report_slot.ts";

/** The value of `about` for a report. Not a valid route name, because it has a space. */
const REPORT = "the report";

/** How many unexpected logins and open sessions a report lists. */
const MAX_LISTED = 3;

/** How many users, places and keys a report lists. */
const MAX_GROUPS = 5;

/** What a report is made from. */
export interface ReportContext {
  readonly config: Pick<Config, "host" | "report">;
  readonly database: Database;
  readonly nowMs: number;
  /** Why the alarm does not work, a few words each. */
  readonly problems: () => readonly string[];
}

/** Announces a report on its routes, if one is due. */
export function announceReport(context: ReportContext): void {
  const { config: { host, report: schedule }, database, nowMs } = context;
  if (schedule === undefined) return;
  const slot = slotBefore(schedule, { nowMs, timezone: host.timezone });
  const latest = latestReport(database);
  const due = isSlotDue(slot, latest);
  if (due === "no") return;
  transaction(database, () => {
    recordReport(database, slot);
    if (due === "note" || latest === undefined) return;
    const report = makeReport(context, { sinceMs: latest.atMs, untilMs: slot.atMs });
    announce(database, schedule.routes, {
      about: REPORT,
      kind: "report",
      count: 1,
      reason: JSON.stringify(report),
      occurredAtMs: slot.atMs,
    });
  });
}

/** Returns the report that would be made now, about the time since the latest one or the last week. */
export function previewReport(context: ReportContext): ReportNotification {
  const { config: { host: { name, timezone } }, database, nowMs } = context;
  const atMs = latestReport(database)?.atMs ?? nowMs - 7 * DAY_MS;
  const report = makeReport(context, { sinceMs: atMs, untilMs: nowMs });
  return { type: "report", hostName: name, time: localTime(nowMs, timezone), ...report };
}

function makeReport(
  { config: { host }, database, problems }: ReportContext,
  span: TimeSpan,
): Pick<ReportNotification, "lines" | "hours"> {
  // Not disposed of: that would close the database.
  const history = new History(database);
  const open = history.openSessions({ ...span, sinceMs: undefined }, MAX_LISTED);
  const unexpected = { ...span, unexpectedOnly: true };
  const lines = reportLines({
    ...span,
    ...host,
    users: history.topGroups(span, "user", MAX_GROUPS),
    places: history.topGroups(span, "place", MAX_GROUPS),
    keys: history.topGroups(span, "key", MAX_GROUPS),
    unexpected: {
      count: history.count(unexpected),
      newest: [...history.entries(unexpected, { limit: MAX_LISTED })],
    },
    open,
    givenUp: routesOf(database).filter(({ dead }) => dead > 0),
    problems: problems(),
    wellSinceMs: wellSinceMs(database),
  });
  return { lines, hours: countByHour(history, { filter: span, timezone: host.timezone }) };
}
