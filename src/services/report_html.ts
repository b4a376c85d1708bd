// A report as HTML for mails: its lines, and the logins by weekday and hour. Without images, links and scripts. Pure.

import { DAYS, HOURS, levelsOf } from "./heat.ts";
import { escapeHtml, undomained } from "./escapes.ts";
import { title } from "./wording.ts";
import type { ReportNotification } from "./service.ts";

/** Background colours by level. */
const COLOURS = ["#eceff1", "#c8e0f4", "#7fb3e0", "#3f83c4", "#1b4f8a"];

const CELL = "width:14px;height:16px;padding:0;font-size:9px;text-align:center";

/** Returns an HTML document. */
export function reportHtml(report: ReportNotification): string {
  const { hostName, lines, hours } = report;
  const [first = "", ...more] = lines.map((line) => escapeHtml(undomained(line, hostName)));
  const heading = escapeHtml(title({ id: "", notifications: [report] }));
  return [
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
    `<title>${heading}</title></head><body style="font-family:sans-serif">`,
    `<h1 style="font-size:18px">${heading}</h1><p>${first}</p>`,
    ...hours.some((logins) => logins > 0) ? [heatmap(hours)] : [],
    ...more.map((line) => `<p style="margin:6px 0">${line}</p>`),
    "</body></html>",
  ].join("\n");
}

/** A table; the number of logins is in each cell, since readers may not see the colours. */
function heatmap(hours: readonly number[]): string {
  const levels = levelsOf(hours);
  const head = HOURS.map((hour) => `<th style="${CELL}">${hour}</th>`).join("");
  const rows = DAYS.map((day, row) => {
    const cells = HOURS.map((hour) => {
      const index = row * HOURS.length + hour;
      const level = levels[index] ?? 0;
      const colour = `background:${COLOURS[level]};color:${level > 2 ? "#fff" : "#333"}`;
      return `<td style="${CELL};${colour}">${hours[index] || ""}</td>`;
    });
    return `<tr><th style="font-size:11px">${day}</th>${cells.join("")}</tr>`;
  });
  return `<table style="border-spacing:2px"><tr><th></th>${head}</tr>\n${rows.join("\n")}</table>`;
}
