// Formats the results: as tables that fit a terminal, or as Markdown. Pure.

import { type Column, tableOf } from "../../src/admin/history/table.ts";
import { textWidth } from "../../src/admin/history/text_width.ts";
import {
  type Budget,
  type Comparison,
  type Figure,
  isKept,
  type Measured,
  numberText,
  type Row,
  type Table,
} from "./row.ts";

/** A row, and its result. */
export interface MeasuredRow {
  readonly row: Row;
  readonly measured: Measured<Readonly<Record<string, Figure>>>;
}

/** A comparison, and its result. */
export interface MeasuredComparison {
  readonly comparison: Comparison;
  readonly measured: Measured<Table>;
}

/** The content of a report. */
export interface Report {
  readonly machine: string;
  readonly rows: readonly MeasuredRow[];
  readonly comparisons: readonly MeasuredComparison[];
}

/** The format of a report. */
export interface ReportOptions {
  /** The width of the terminal; undefined: no limit. */
  readonly columns?: number | undefined;
  readonly isMarkdown?: boolean;
}

const BUDGET_COLUMNS: readonly Column[] = [
  { title: "what", min: 20, rank: 0 },
  { title: "budget", min: 10, rank: 1, shorten: (text) => text.replace("at most", "≤").replace("at least", "≥") },
  { title: "measured", min: 8, rank: 0 },
  { title: "kept", min: 4, rank: 0 },
  { title: "command", min: 11, rank: 2, shorten: (text) => text.replace("deno task bench ", "") },
  { title: "how", min: 10, rank: 3 },
];

/** In a narrower terminal, a table omits its last column, which says how a figure was measured. */
const COLUMNS_FOR_ALL = 140;

/** The command that measures only one row. */
export function commandFor({ name }: { readonly name: string }): string {
  return `deno task bench ${name}`;
}

/** The lines of a report, each without its newline. */
export function reportLines({ machine, rows, comparisons }: Report, options: ReportOptions = {}): string[] {
  const parts = [prose(machine, options)];
  if (rows.length > 0) parts.push(budgetTable(rows, options));
  for (const { row, measured } of rows) if ("failure" in measured) parts.push(failure(row, measured.failure));
  for (const { comparison, measured } of comparisons) {
    if ("failure" in measured) {
      parts.push(failure(comparison, measured.failure));
      continue;
    }
    const { titles, lines } = measured.result;
    const columns = titles.map((title, index) => ({ title, min: 10, rank: index }));
    const sentence = `${comparison.what} Alone: \`${commandFor(comparison)}\`.`;
    parts.push(prose(sentence, options), tableLines(columns, lines, options));
  }
  return parts.flatMap((part, index) => index === 0 ? part : ["", ...part]);
}

function failure(subject: { readonly name: string }, reason: string): string[] {
  return [`${subject.name} was not measured: ${reason}`];
}

function budgetTable(rows: readonly MeasuredRow[], options: ReportOptions): string[] {
  const lines = rows.flatMap(budgetLines);
  const hasRoom = options.isMarkdown || (options.columns ?? Infinity) >= COLUMNS_FOR_ALL;
  if (hasRoom) return tableLines(BUDGET_COLUMNS, lines, options);
  return tableLines(BUDGET_COLUMNS.slice(0, -1), lines.map((cells) => cells.slice(0, -1)), options);
}

/** One line for each figure. The first line also has the values that belong to the whole row. */
function budgetLines({ row, measured }: MeasuredRow): string[][] {
  return Object.entries(row.budgets).map(([key, budget], index) => {
    const figure = "result" in measured ? measured.result[key] : undefined;
    return [
      budget.what,
      limitText(budget),
      figure === undefined ? "not measured" : figureText(budget, figure),
      figure !== undefined && isKept(budget, figure) ? "yes" : "no",
      index === 0 ? `\`${commandFor(row)}\`` : "",
      figure?.detail ?? "",
    ];
  });
}

/** Formats a budget. */
export function limitText({ limit, unit = "", digits = 0 }: Budget): string {
  const [words, value] = "atMost" in limit ? ["at most", limit.atMost] : ["at least", limit.atLeast];
  return `${words} ${numberText(value, { unit, digits })}`;
}

/** Formats a figure with one digit more than its budget, to show on which side of the budget it is. */
export function figureText({ unit = "", digits = 0 }: Budget, { value }: Figure): string {
  return numberText(value, { unit, digits: digits === 0 ? 0 : digits + 1 });
}

function tableLines(
  columns: readonly Column[],
  lines: readonly (readonly string[])[],
  { columns: width, isMarkdown = false }: ReportOptions,
): string[] {
  const titles = columns.map(({ title }) => title);
  if (isMarkdown) return markdownTable(titles, lines);
  const plain = lines.map((cells) => cells.map(withoutMarkup));
  const table = columns.map((column) => ({ ...column, title: withoutMarkup(column.title) }));
  return [table.map(({ title }) => title), ...plain].map(tableOf(table, { rows: plain, maxWidth: width }));
}

/** A table in Markdown. */
export function markdownTable(titles: readonly string[], lines: readonly (readonly string[])[]): string[] {
  return [titles, titles.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`);
}

function prose(text: string, { columns, isMarkdown = false }: ReportOptions): string[] {
  if (isMarkdown) return [text];
  const lines: string[] = [];
  for (const word of withoutMarkup(text).split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || textWidth(last) + 1 + textWidth(word) > (columns ?? Infinity)) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function withoutMarkup(text: string): string {
  return text.replaceAll("`", "");
}
