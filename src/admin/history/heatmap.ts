// Draws the logins by weekday and hour, and a bar for each user, place or key. Pure.

import { oneLine } from "../../log.ts";
import { DAYS, HOURS, levelsOf } from "../../services/heat.ts";
import { plural } from "../../text.ts";
import type { LoginGroup } from "../../store/history.ts";
import { coloured, type Display } from "./terminal.ts";
import { cutToWidth, padToWidth, textWidth } from "./text_width.ts";

/** The data of the heatmap. */
export interface Heatmap {
  /** Logins per hour of the week, from Monday at midnight; 168 numbers. */
  readonly hours: readonly number[];
  /** The groups that get a bar, with the names to show; the one with the most logins first. */
  readonly groups: readonly Bar[];
  readonly timezone: string;
}

/** What a bar shows. */
export type Bar = Pick<LoginGroup, "name" | "logins" | "unexpected">;

/** Shades by level. The ASCII characters get visually darker. */
const SHADES = [
  { ascii: ".", block: "·", colour: "\x1b[90m" },
  { ascii: "-", block: "░", colour: "\x1b[34m" },
  { ascii: "+", block: "▒", colour: "\x1b[36m" },
  { ascii: "#", block: "▓", colour: "\x1b[33m" },
  { ascii: "@", block: "█", colour: "\x1b[31m" },
] as const;

/** Maximum number of bars. */
const MAX_BARS = 20;

/** Maximum width of a bar, in columns. */
const MAX_BAR = 60;
const MAX_NAME_WIDTH = 32;

/** Draws the heatmap in lines that fit the display. */
export function heatmapLines({ hours, groups, timezone }: Heatmap, display: Display): string[] {
  const columns = display.columns ?? 80;
  const levels = levelsOf(hours);
  const cell = Math.min(5, Math.max(1, Math.floor((columns - 3) / 24)));
  const rows = DAYS.map((day, index) => {
    const cells = levels.slice(index * 24, (index + 1) * 24).map((level) =>
      shaded(level, { text: signOf(level, display).repeat(Math.max(1, cell - 1)), display })
    );
    return `${day} ${cells.join(cell > 1 ? " " : "")}`;
  });
  const title = `${plural(groups.reduce((sum, { logins }) => sum + logins, 0), "login")}, by weekday and hour`;
  const line = `${title} (${timezone})`;
  return [
    ...line.length <= columns ? [line] : [title, `(${timezone})`],
    "",
    hourLine(cell),
    ...rows,
    "",
    ...legendLines({ hours, levels }, { columns, display }),
    "",
    ...barLines(groups, { columns, display }),
  ];
}

/** Labels the hours; skips some if the cells are narrow. */
function hourLine(cell: number): string {
  const every = [6, 3, 1][Math.min(cell, 3) - 1] ?? 1;
  const labels = HOURS.filter((hour) => hour % every === 0).map((hour) =>
    String(hour).padStart(2, "0").padEnd(cell * every)
  );
  return `    ${labels.join("")}`.trimEnd();
}

function signOf(level: number, { hasBlocks }: Display): string {
  const shade = SHADES[level] ?? SHADES[0];
  return hasBlocks ? shade.block : shade.ascii;
}

function shaded(level: number, { text, display }: { text: string; display: Display }): string {
  return coloured(text, { colour: (SHADES[level] ?? SHADES[0]).colour, display });
}

/** Explains each shade in use: `- 1 to 3`. */
function legendLines(
  { hours, levels }: { hours: readonly number[]; levels: readonly number[] },
  { columns, display }: { columns: number; display: Display },
): string[] {
  const lines: string[][] = [];
  let width = Infinity;
  for (const level of SHADES.keys()) {
    const counts = hours.filter((_, index) => levels[index] === level);
    if (counts.length === 0) continue;
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const text = `${signOf(level, display)} ${least === most ? least : `${least} to ${most}`}`;
    width += 3 + text.length;
    if (width > columns) {
      lines.push([]);
      width = text.length;
    }
    lines.at(-1)?.push(shaded(level, { text, display }));
  }
  return lines.map((parts) => parts.join("   "));
}

function barLines(
  groups: readonly Bar[],
  { columns, display }: { columns: number; display: Display },
): string[] {
  const shown = groups.slice(0, MAX_BARS).map(({ name, logins, unexpected }) => ({
    name: cutToWidth(oneLine(name), Math.min(MAX_NAME_WIDTH, Math.max(4, Math.floor(columns / 4)))),
    logins,
    count: unexpected === 0 ? `${logins}` : `${logins}, ${unexpected} unexpected`,
  }));
  const most = Math.max(1, ...shown.map(({ logins }) => logins));
  const nameWidth = Math.max(0, ...shown.map(({ name }) => textWidth(name)));
  const countWidth = Math.max(0, ...shown.map(({ count }) => count.length));
  const room = Math.max(1, Math.min(MAX_BAR, columns - nameWidth - countWidth - 3));
  const sign = display.hasBlocks ? "█" : "#";
  const lines = shown.map(({ name, logins, count }) => {
    const bar = sign.repeat(Math.max(1, Math.round(room * logins / most)));
    return `${padToWidth(name, nameWidth)}  ${shaded(2, { text: bar, display })} ${count}`;
  });
  const rest = groups.slice(MAX_BARS);
  if (rest.length === 0) return lines;
  const logins = rest.reduce((sum, { logins }) => sum + logins, 0);
  return [...lines, `and ${rest.length} more with ${plural(logins, "login")}`];
}
