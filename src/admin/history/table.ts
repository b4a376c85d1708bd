// Lays out rows as a table that fits a width, at the expense of the least important columns. Pure.

import { cutToWidth, padToWidth, textWidth } from "./text_width.ts";

/** A column. */
export interface Column {
  readonly title: string;
  /** Minimum width; if there is less room, the column is omitted. */
  readonly min: number;
  /** Order in which columns are made narrower and then omitted, highest first; 0 is never omitted. */
  readonly rank: number;
  /** Shortens a text that does not fit; by default, it is cut. */
  readonly shorten?: (text: string) => string;
}

const GAP = "  ";

/** The width of each column; 0 if it is omitted. */
export type Layout = readonly number[];

/**
 * Computes the widths of the columns.
 *
 * @param rows the rows that determine the widths; later rows can be cut
 * @param maxWidth in columns of the terminal; undefined for no limit
 */
export function layout(
  table: readonly Column[],
  rows: readonly (readonly string[])[],
  maxWidth: number | undefined,
): Layout {
  const wanted = table.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? "")), textWidth(title))
  );
  if (maxWidth === undefined) return wanted;
  const widths = [...wanted];
  const byRank = table.map((column, index) => ({ ...column, index })).sort((a, b) => b.rank - a.rank);
  // Start with minimum widths, omit columns until the rest fits, then give spare room to the most important columns.
  for (const { index, min } of byRank) widths[index] = Math.min(wanted[index] ?? 0, min);
  for (const { index, rank } of byRank) {
    if (totalWidth(widths) <= maxWidth) break;
    if (rank > 0) widths[index] = 0;
  }
  for (const { index } of byRank.toReversed()) {
    const width = widths[index] ?? 0;
    const room = maxWidth - totalWidth(widths);
    if (width > 0) widths[index] = Math.min(wanted[index] ?? 0, width + Math.max(0, room));
  }
  return widths;
}

function totalWidth(widths: Layout): number {
  const shown = widths.filter((width) => width > 0);
  return shown.reduce((sum, width) => sum + width, 0) + GAP.length * Math.max(0, shown.length - 1);
}

/**
 * Formats a row as a line.
 *
 * @param options.isCut whether to cut a cell that is too long, instead of moving the other cells
 */
export function tableLine(
  cells: readonly string[],
  { table, widths, isCut }: { table: readonly Column[]; widths: Layout; isCut: boolean },
): string {
  const shown = cells.flatMap((cell, index) => {
    const width = widths[index] ?? 0;
    if (width === 0) return [];
    return [padToWidth(isCut ? fitted(cell, { width, column: table[index] }) : cell, width)];
  });
  return shown.join(GAP).trimEnd();
}

function fitted(text: string, { width, column }: { width: number; column: Column | undefined }): string {
  return textWidth(text) <= width ? text : cutToWidth(column?.shorten?.(text) ?? text, width);
}
