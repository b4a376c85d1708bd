// `history`: shows past logins as a table, as JSON lines or as a heatmap. Changes nothing.

import { readConfig } from "../../config/read_config.ts";
import { DAY_MS } from "../../duration.ts";
import { ExitCode, Failure } from "../../failure.ts";
import { jsonText } from "../../json_text.ts";
import { createLog, type Log } from "../../log.ts";
import { CONFIG_FILE, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { type History, type HistoryEntry, type HistoryFilter, openHistory } from "../../store/history.ts";
import { explainingStore } from "../../store/store_failure.ts";
import { becomeSender } from "../become_sender.ts";
import { type Heatmap, heatmapLines } from "./heatmap.ts";
import { filterOf, type HistoryWishes } from "./history_filter.ts";
import { COLUMNS, historyCells, historyJson, isUnexpected, type RowOptions } from "./history_rows.ts";
import { Progress } from "../repair/progress.ts";
import { type Layout, layout, tableLine } from "./table.ts";
import { type Display, displayOf } from "./terminal.ts";
import { offsetSpans } from "./utc_offsets.ts";

/** Options of `history`. */
export interface HistoryOptions extends HistoryWishes {
  /** The output format; by default, a table. */
  readonly json: boolean;
  readonly heatmap: boolean;
  readonly limit?: number | "all" | undefined;
  /** Override the fixed paths, for tests; any user may then run it. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/** Default number of entries in a table. */
const TABLE_LIMIT = 100;

/** Number of rows that determine the widths of the columns. */
const MEASURED_ROWS = 1_000;

/**
 * Prints the history.
 *
 * @throws {Failure} if a filter is invalid, or this user may not run `history`
 */
export function history(
  { json, heatmap, limit, stateDir, configFile = CONFIG_FILE, ...wishes }: HistoryOptions,
): ExitCode {
  const log = createLog();
  const paths = statePaths(stateDir);
  if (stateDir === undefined) becomeSender(paths, "history");
  const host = hostIn(configFile, log);
  const filter = filterOf(wishes, { ...host, nowMs: Date.now() });
  explainingStore(paths, () => {
    using history = openHistory(paths.deliveriesDatabase);
    if (history === undefined) log("warning", "no history yet: send has not run, or not since an upgrade");
    else if (heatmap) printHeatmap(history, { filter, host });
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
  using progress = new Progress({ isShown: !Deno.stdout.isTerminal() });
  let count = 0;
  for (const entry of history.entries(filter, limit === undefined ? {} : { limit })) {
    print(jsonText(historyJson(entry, host)));
    count++;
    progress.report(() => `${count} entries`);
  }
}

function printTable(history: History, { filter, host, limit, log }: Printed & { readonly log: Log }): void {
  const display = displayOf();
  const first: HistoryEntry[] = [];
  let table: Table | undefined;
  using progress = new Progress({ isShown: !Deno.stdout.isTerminal() });
  let count = 0;
  for (const entry of history.entries(filter, limit === undefined ? {} : { limit })) {
    count++;
    progress.report(() => `${count} entries`);
    if (table !== undefined) printRow(entry, table);
    else if (first.push(entry) === MEASURED_ROWS) table = printStart(first, { host, display });
  }
  if (table === undefined && first.length > 0) printStart(first, { host, display });
  if (limit !== undefined && count === limit && history.hasMore(filter, limit)) {
    log("warning", `only the newest ${limit} entries are shown: --limit all shows all`);
  }
}

/** A table whose header has been printed. */
interface Table {
  readonly host: RowOptions;
  readonly display: Display;
  readonly widths: Layout;
}

/** Prints the header, and the rows that determine the widths of the columns. */
function printStart(entries: readonly HistoryEntry[], { host, display }: Omit<Table, "widths">): Table {
  const widths = layout(COLUMNS, entries.map((entry) => historyCells(entry, host)), display.columns);
  const isCut = display.columns !== undefined;
  const head = tableLine(COLUMNS.map(({ title }) => title), { table: COLUMNS, widths, isCut });
  print(display.hasColours ? `\x1b[1m${head}\x1b[0m` : head);
  const table = { host, display, widths };
  for (const entry of entries) printRow(entry, table);
  return table;
}

function printRow(entry: HistoryEntry, { host, display, widths }: Table): void {
  const line = tableLine(historyCells(entry, host), { table: COLUMNS, widths, isCut: display.columns !== undefined });
  const colour = entry.tampered.length > 0 ? "\x1b[31m" : isUnexpected(entry) ? "\x1b[33m" : "";
  print(display.hasColours && colour !== "" ? `${colour}${line}\x1b[0m` : line);
}

function printHeatmap(history: History, { filter, host: { timezone } }: Printed): void {
  const { hours, users } = countLogins(history, { filter, timezone });
  if (users.length === 0) return;
  for (const line of heatmapLines({ hours, users, timezone }, displayOf())) print(line);
}

/** Counts in spans of at most 30 days, to show progress. */
function countLogins(
  history: History,
  { filter, timezone }: { filter: HistoryFilter; timezone: string },
): Pick<Heatmap, "hours" | "users"> {
  using progress = new Progress();
  const hours: number[] = Array(168).fill(0);
  const span = history.span();
  if (span === undefined) return { hours, users: [] };
  // Limits the range, because a wrong clock can record events in 1970 or far in the future.
  const fromMs = Math.max(filter.sinceMs ?? 0, span.firstMs, DAY_MS);
  const toMs = Math.min(filter.untilMs ?? Infinity, span.lastMs + 1, Date.now() + DAY_MS);
  for (
    const { fromMs: sinceMs, toMs: untilMs, offsetMs } of offsetSpans({ fromMs, toMs }, {
      timezone,
      maxSpanMs: 30 * DAY_MS,
    })
  ) {
    for (const { hour, logins } of history.loginsByHour({ ...filter, sinceMs, untilMs }, offsetMs)) {
      // The epoch was a Thursday, 72 hours after Monday at midnight.
      const fromMonday = (hour + 72) % 168;
      hours[fromMonday] = (hours[fromMonday] ?? 0) + logins;
    }
    progress.report(() => `${Math.floor(100 * (untilMs - fromMs) / (toMs - fromMs))} %`);
  }
  return { hours, users: history.loginsByUser({ ...filter, sinceMs: fromMs, untilMs: toMs }) };
}
