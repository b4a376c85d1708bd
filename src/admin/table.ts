// Lays out rows as a table that fits a width: columns give way from the least important one on. Pure.

import { cutToWidth, padToWidth, textWidth } from "./text_width.ts";

/** A column. */
export interface Column {
  readonly title: string;
  /** Its least width, below which it is left out. */
  readonly min: number;
  /** In which order columns are left out, and before that made narrower: the highest first; 0 never goes. */
  readonly rank: number;
  /** A shorter text with the same meaning, for where there is no room. Default: it is cut. */
  readonly shorten?: (text: string) => string;
}

const GAP = "  ";

/** How wide each column is; 0: it is left out. */
export type Layout = readonly number[];

/**
 * How wide the columns are.
 *
 * @param rows those that decide it; later ones are cut to it
 * @param maxWidth in columns of the terminal; undefined: without a limit
 * @returns the width of each column, 0 for one that is left out
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
  // First all that is kept is made as narrow as it may be; then what is left over goes to the most important ones.
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
 * A row as a line.
 *
 * @param options.isCut whether a cell that is too long is cut, and does not push the others aside
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
