// `history`: shows past logins as a table, as JSON lines or as a heatmap, each one or in groups. Changes nothing.

import { readConfig } from "../../config/read_config.ts";
import { DAY_MS, jsonText } from "../../text.ts";
import { ExitCode, Failure } from "../../failure.ts";
import { createLog, type Log } from "../../log.ts";
import { CONFIG_FILE, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { type GroupBy, type History, type HistoryFilter, openHistory } from "../../store/history.ts";
import { countByHour, type TimeSpan } from "../../store/history_hours.ts";
import { explainingStore } from "../../store/store_failure.ts";
import { becomeSender } from "../become_sender.ts";
import type { Places } from "../flags.ts";
import { groupCells, groupColumns, groupJson, groupName } from "./groups.ts";
import { heatmapLines } from "./heatmap.ts";
import { filterOf, type HistoryWishes } from "./history_filter.ts";
import { COLUMNS, historyCells, historyJson, isUnexpected, type RowOptions } from "./history_rows.ts";
import { tableOf } from "./table.ts";
import { coloured, displayOf } from "./terminal.ts";

/** Options of `history`. */
export interface HistoryOptions extends HistoryWishes, Places {
  /** The output format; by default, a table. */
  readonly json: boolean;
  readonly heatmap: boolean;
  /** Shows groups of logins instead of single ones. */
  readonly by?: GroupBy | undefined;
  readonly limit?: number | "all" | undefined;
}

/** Default number of entries in a table. */
const TABLE_LIMIT = 100;

const [BOLD, RED, YELLOW] = ["\x1b[1m", "\x1b[31m", "\x1b[33m"];

/** Number of rows that determine the widths of the columns. */
const MEASURED_ROWS = 1_000;

/**
 * Prints the history.
 *
 * @throws {Failure} if a filter is invalid, or this user may not run `history`
 */
export function history(
  { json, heatmap, by, limit, stateDir, configFile = CONFIG_FILE, ...wishes }: HistoryOptions,
): ExitCode {
  const log = createLog();
  const paths = statePaths(stateDir);
  if (stateDir === undefined) becomeSender(paths, "history");
  const host = hostIn(configFile, log);
  const filter = filterOf(wishes, { ...host, nowMs: Date.now() });
  explainingStore(paths, () => {
    using history = openHistory(paths.deliveriesDatabase);
    if (history === undefined) log("warning", "no history yet: send has not run, or not since an upgrade");
    else if (heatmap) printHeatmap(history, { filter, host, by: by ?? "user" });
    else if (by !== undefined) printGroups(history, { filter, host, by, json });
    else if (json) printJson(history, { filter, host, limit: limit === "all" ? undefined : limit });
    else printTable(history, { filter, host, limit: limit === "all" ? undefined : limit ?? TABLE_LIMIT, log });
  });
  return ExitCode.ok;
}

/** Falls back to defaults if the configuration is invalid, so `history` always works. */
function hostIn(configFile: string, log: Log): RowOptions {
  try {
    return readConfig(configFile).host;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log("warning", `times are in UTC and keys have no names: ${error.message.split("\n", 1)[0]}`);
    return { timezone: "Etc/UTC", keyNames: new Map() };
  }
}

/** Options of the functions that print. */
interface Printed {
  readonly filter: HistoryFilter;
  readonly host: RowOptions;
  readonly limit?: number | undefined;
}

function printJson(history: History, { filter, host, limit }: Printed): void {
  for (const entry of history.entries(filter, { limit })) print(jsonText(historyJson(entry, host)));
}

function printTable(history: History, { filter, host, limit, log }: Printed & { readonly log: Log }): void {
  const display = displayOf();
  const measured = history.entries(filter, { limit: Math.min(limit ?? Infinity, MEASURED_ROWS) });
  const rows = [...measured].map((entry) => historyCells(entry, host));
  if (rows.length === 0) return;
  const lineOf = tableOf(COLUMNS, { rows, maxWidth: display.columns });
  print(coloured(lineOf(COLUMNS.map(({ title }) => title)), { colour: BOLD, display }));
  for (const entry of history.entries(filter, { limit })) {
    const line = lineOf(historyCells(entry, host));
    const colour = entry.tampered.length > 0 ? RED : isUnexpected(entry) ? YELLOW : undefined;
    print(colour === undefined ? line : coloured(line, { colour, display }));
  }
  if (limit !== undefined && history.hasMore(filter, limit)) {
    log("warning", `only the newest ${limit} entries are shown: --limit all shows all`);
  }
}

/** Options of the functions that print groups. */
interface PrintedGroups extends Printed {
  readonly by: GroupBy;
}

function printGroups(
  history: History,
  { filter, host, by, json }: PrintedGroups & { readonly json: boolean },
): void {
  const groups = history.loginGroups(filter, by);
  if (groups.length === 0) return;
  if (json) return groups.forEach((group) => print(jsonText(groupJson(group, { by, ...host }))));
  const display = displayOf();
  const rows = groups.map((group) => groupCells(group, { by, ...host }));
  const lineOf = tableOf(groupColumns(by), { rows, maxWidth: display.columns });
  print(coloured(lineOf(groupColumns(by).map(({ title }) => title)), { colour: BOLD, display }));
  for (const row of rows) print(lineOf(row));
}

function printHeatmap(history: History, { filter, host, by }: PrintedGroups): void {
  const { timezone } = host;
  const span = realTimes(filter);
  const groups = history.loginGroups(span, by).map((group) => ({
    ...group,
    name: groupName(group, { by, ...host }),
  }));
  if (groups.length === 0) return;
  const hours = countByHour(history, { filter: span, timezone });
  for (const line of heatmapLines({ hours, groups, timezone }, displayOf())) print(line);
}

/** Limits the range of a filter, because a wrong clock can record events in 1970 or far in the future. */
function realTimes(filter: HistoryFilter): HistoryFilter & TimeSpan {
  const sinceMs = Math.max(filter.sinceMs ?? 0, DAY_MS);
  return { ...filter, sinceMs, untilMs: Math.min(filter.untilMs ?? Infinity, Date.now() + DAY_MS) };
}
