// Lays out rows as a table that fits a width, at the expense of the least important columns. Pure.

import { cutToWidth, padToWidth, textWidth } from "./text_width.ts";

/** A column. */
export interface Column {
  readonly title: string;
  /** Minimum width; if there is less room, the column is omitted. */
  readonly min: number;
  /** The width to which it can be cut so that fewer columns are omitted. Default: `min` */
  readonly least?: number;
  /** Omitted on a terminal if it is `-` in each row. */
  readonly isOptional?: boolean;
  /** Order in which columns are made narrower and then omitted, highest first; 0 is never omitted. */
  readonly rank: number;
  /** Shortens a text that does not fit; what still does not fit is cut. */
  readonly shorten?: (text: string, width: number) => string;
}

const GAP = "  ";

/**
 * Lays out a table.
 *
 * @param options.rows the rows that determine the widths of the columns
 * @param options.maxWidth in columns of the terminal; undefined for no limit
 * @returns a function that formats a row. It cuts a cell that is too long, or moves the other cells if there is no limit
 */
export function tableOf(
  table: readonly Column[],
  { rows, maxWidth }: { rows: readonly (readonly string[])[]; maxWidth: number | undefined },
): (cells: readonly string[]) => string {
  const widths = widthsOf(table, { rows, maxWidth: maxWidth ?? Infinity });
  return (cells) => {
    const shown = table.flatMap(({ shorten }, index) => {
      const [cell = "", width = 0] = [cells[index], widths[index]];
      if (width === 0) return [];
      const isCut = maxWidth !== undefined && textWidth(cell) > width;
      return [padToWidth(isCut ? cutToWidth(shorten?.(cell, width) ?? cell, width) : cell, width)];
    });
    return shown.join(GAP).trimEnd();
  };
}

/** Computes the width of each column; 0 if it is omitted. */
function widthsOf(
  table: readonly Column[],
  { rows, maxWidth }: { rows: readonly (readonly string[])[]; maxWidth: number },
): number[] {
  const wanted = table.map(({ title, isOptional }, index) => {
    if (isOptional && maxWidth < Infinity && rows.every((row) => row[index] === "-")) return 0;
    return rows.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? "")), textWidth(title));
  });
  const byRank = table.map((column, index) => ({ ...column, index })).sort((a, b) => b.rank - a.rank);
  // Start with the least widths, omit columns until the rest fits, then give spare room to the most important columns.
  const widths = table.map(({ min, least = min }, index) => Math.min(wanted[index] ?? 0, least));
  for (const { index, rank } of byRank) {
    if (roomIn(widths, maxWidth) >= 0) break;
    if (rank > 0) widths[index] = 0;
  }
  for (const goals of [table.map(({ min }) => min), wanted]) {
    for (const { index } of byRank.toReversed()) {
      const [width = 0, goal = 0] = [widths[index], Math.min(goals[index] ?? 0, wanted[index] ?? 0)];
      if (width > 0) widths[index] = Math.max(width, Math.min(goal, width + roomIn(widths, maxWidth)));
    }
  }
  return widths;
}

function roomIn(widths: readonly number[], maxWidth: number): number {
  const shown = widths.filter((width) => width > 0);
  return maxWidth - shown.reduce((sum, width) => sum + width + GAP.length, -GAP.length);
}
