// `[report]`: a regular summary of the logins. It also proves that the alarm works.

import * as v from "valibot";
import { type ConfigFault, suggestion } from "./config_error.ts";

/** In the order of ISO 8601: Monday is 1. */
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
const SCHEDULES = ["daily", "weekly", "monthly"] as const;

/** A whole number between two bounds. */
function whole(least: number, most: number) {
  return v.pipe(
    v.number(),
    v.check(
      (value) => Number.isInteger(value) && value >= least && value <= most,
      `must be a whole number between ${least} and ${most}`,
    ),
  );
}

/** The keys of the section. */
export const REPORT = {
  schedule: v.pipe(
    v.picklist(SCHEDULES, `must be one of ${SCHEDULES.join(", ")}`),
    v.description("how often to send a report: `daily`, `weekly` or `monthly`"),
  ),
  weekday: v.pipe(
    v.optional(v.picklist(WEEKDAYS, `must be one of ${WEEKDAYS.join(", ")}`)),
    v.description("the day of a weekly report. Default: `monday`"),
  ),
  day: v.pipe(
    v.optional(whole(1, 28)),
    v.description("the day of the month of a monthly report; 1 to 28. Default: `1`"),
  ),
  hour: v.pipe(
    v.optional(whole(0, 23), 8),
    v.description("the hour of the report, in the time zone of `[host]`; 0 to 23"),
  ),
  routes: v.pipe(
    v.optional(v.pipe(v.array(v.string()), v.minLength(1, "must not be empty; to use all routes, remove this key"))),
    v.description(
      "the names of the routes that get the report; by default, all. The one of `[notification]` is `default`",
    ),
  ),
};

/** When reports are due, in the time zone of the host. */
export interface ReportSchedule {
  readonly every: "day" | "week" | "month";
  /** From 1, Monday, to 7. */
  readonly weekday: number;
  /** Of the month. */
  readonly day: number;
  readonly hour: number;
  /** The routes that get the report. */
  readonly routes: readonly string[];
}

type Section = v.InferOutput<v.StrictObjectSchema<typeof REPORT, undefined>>;

/** Converts the section. Adds to the faults if it names an unknown route, or a day that its schedule does not use. */
export function reportSchedule(
  { schedule, weekday, day, hour, routes: named }: Section,
  { routes, faults }: { readonly routes: readonly string[]; readonly faults: ConfigFault[] },
): ReportSchedule {
  const unused = { weekday: schedule !== "weekly" && weekday, day: schedule !== "monthly" && day };
  for (const [key, value] of Object.entries(unused)) {
    if (value === false || value === undefined) continue;
    faults.push({
      id: "config.conflicting-keys",
      place: `report.${key}`,
      message: `has no effect on a ${schedule} report`,
    });
  }
  for (const name of named ?? []) {
    if (routes.includes(name)) continue;
    const message = `there is no route ${JSON.stringify(name)}${suggestion(name, routes)}`;
    faults.push({ id: "config.wrong-value", place: "report.routes", message });
  }
  return {
    every: ({ daily: "day", weekly: "week", monthly: "month" } as const)[schedule],
    weekday: WEEKDAYS.indexOf(weekday ?? "monday") + 1,
    day: day ?? 1,
    hour,
    routes: named ?? routes,
  };
}
