// Draws charts as one SVG picture, which adapts to light and dark mode. Pure.

import type { Bar, Chart } from "./row.ts";

const WIDTH = 800;
/** Where the bars begin, and how long the longest one is. Its text is next to it. */
const LEFT = 230;
const LENGTH = 340;
const BAR = 18;
const GAP = 12;
const TITLE = 34;
const AXIS = 26;

/** The ends of the axis, which is logarithmic: delays differ by a factor of a thousand. */
const [FROM_MS, TO_MS] = [10, 20_000];
const TICKS: Readonly<Record<string, number>> = { "10 ms": 10, "100 ms": 100, "1 s": 1_000, "10 s": 10_000 };

/** The colours of the series, in their order; readable on white and on black. */
const COLOURS = ["#2f81f7", "#db6d28", "#8957e5"];

const STYLE = `text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.tick { stroke: #d1d9e0 } .axis { fill: #59636e }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .tick { stroke: #3d444d } .axis { fill: #9198a1 } }`;

/**
 * Draws the charts below each other. Screen readers read all figures.
 *
 * @param name of the picture
 * @returns the text of an SVG file
 */
export function pictureOf(name: string, charts: readonly Chart[]): string {
  let top = 0;
  const parts: string[] = [];
  for (const chart of charts) {
    parts.push(`<g transform="translate(0 ${top})">\n${drawn(chart)}\n</g>`);
    top += heightOf(chart);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img"
  aria-labelledby="title desc">
<title id="title">${escaped(name)}</title>
<desc id="desc">${escaped(charts.map(described).join(" "))}</desc>
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

/** All figures of a chart, as a sentence. */
function described({ title, bars }: Chart): string {
  return `${title}: ${bars.map(({ label, series, text }) => `${label}, ${series}: ${text}`).join("; ")}.`;
}

function groupsOf({ bars }: Chart): (readonly [string, readonly Bar[]])[] {
  return [...Map.groupBy(bars, ({ label }) => label)];
}

function heightOf(chart: Chart): number {
  return TITLE + chart.bars.length * BAR + groupsOf(chart).length * GAP + AXIS;
}

function drawn(chart: Chart): string {
  const series = [...new Set(chart.bars.map(({ series }) => series))];
  const colourOf = (bar: Bar) => COLOURS[series.indexOf(bar.series) % COLOURS.length] ?? "";
  const bottom = heightOf(chart) - AXIS;
  const parts = [textAt({ x: 8, y: 20, text: chart.title, kind: "title" })];
  for (const [text, ms] of Object.entries(TICKS)) {
    const x = LEFT + lengthOf(ms);
    parts.push(`<line class="tick" x1="${x}" y1="${TITLE}" x2="${x}" y2="${bottom}"/>`);
    parts.push(textAt({ x, y: bottom + 15, text, kind: "axis", anchor: "middle" }));
  }
  let y = TITLE + GAP / 2;
  for (const [label, bars] of groupsOf(chart)) {
    parts.push(textAt({ x: LEFT - 8, y: y + bars.length * BAR / 2 + 4, text: label, anchor: "end" }));
    for (const bar of bars) {
      const length = lengthOf(bar.ms);
      parts.push(`<rect x="${LEFT}" y="${y + 1}" width="${length}" height="${BAR - 3}" fill="${colourOf(bar)}"/>`);
      // The colours need no legend, and nobody must tell them apart.
      const text = series.length > 1 ? `${bar.series} ${bar.text}` : bar.text;
      parts.push(textAt({ x: LEFT + length + 6, y: y + 13, text }));
      y += BAR;
    }
    y += GAP;
  }
  return parts.join("\n");
}

/** The length of a bar; at least a stroke, at most the whole axis. */
function lengthOf(ms: number): number {
  const share = Math.log(ms / FROM_MS) / Math.log(TO_MS / FROM_MS);
  return Math.round(Math.min(Math.max(share * LENGTH, 2), LENGTH));
}

function textAt({ x, y, text, kind, anchor }: {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly kind?: string;
  readonly anchor?: string;
}): string {
  const attributes = [
    kind === undefined ? "" : ` class="${kind}"`,
    anchor === undefined ? "" : ` text-anchor="${anchor}"`,
  ];
  return `<text x="${x}" y="${y}"${attributes.join("")}>${escaped(text)}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
