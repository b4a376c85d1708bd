// The generated parts of the documentation, and the picture.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/checkout.ts";
import { pictureOf } from "./chart.ts";
import { costLines, PICTURE, picture } from "./publish.ts";
import type { Report } from "./report.ts";
import type { Chart } from "./row.ts";
import { COMPARISONS, ROWS } from "./rows.ts";

const CHART: Chart = {
  title: "Delay <& more>",
  bars: [
    { label: "fast", series: "queue", ms: 55, text: "+55 ms" },
    { label: "fast", series: "curl", ms: 15, text: "+15 ms" },
    { label: "hangs", series: "queue", ms: 60, text: "+60 ms" },
    { label: "hangs", series: "curl", ms: Infinity, text: "more than 20 s" },
  ],
};

/** The texts of a picture, by element. Fails if it is not well-formed XML of the simple kind that is written here. */
function textsOf(svg: string): ReadonlyMap<string, readonly string[]> {
  const texts = new Map<string, string[]>();
  const open: string[] = [];
  const token = /<(\/?)([a-z]+)((?:\s+[a-zA-Z0-9:-]+="[^"<&]*")*)\s*(\/?)>|((?:[^<&]|&(?:amp|lt|gt|quot);)+)/y;
  while (token.lastIndex < svg.length) {
    const at = token.lastIndex;
    const [, end, name = "", , empty, text] = token.exec(svg) ?? assert.fail(`not XML: ${svg.slice(at, at + 60)}`);
    const [inner] = open.slice(-1);
    if (text !== undefined && inner !== undefined) texts.set(inner, [...texts.get(inner) ?? [], text]);
    else if (text !== undefined) assert.equal(text.trim(), "");
    else if (end === "/") assert.equal(open.pop(), name);
    else if (empty !== "/") open.push(name);
  }
  assert.deepEqual(open, []);
  return texts;
}

Deno.test("pictureOf() shows each figure, also to screen readers, and is well-formed whatever the texts contain", () => {
  const svg = pictureOf("Cost", [CHART, { ...CHART, title: "Other" }]);
  const texts = textsOf(svg);
  const shown = texts.get("text") ?? [];
  for (
    const text of ["queue +55 ms", "curl +15 ms", "queue +60 ms", "curl more than 20 s", "Delay &lt;&amp; more&gt;"]
  ) {
    assert.ok(shown.includes(text), text);
  }
  assert.deepEqual(texts.get("title"), ["Cost"]);
  assert.match(
    texts.get("desc")?.[0] ?? "",
    /fast, queue: \+55 ms; fast, curl: \+15 ms; hangs, .*more than 20 s\. Other: /,
  );
  assert.match(svg, /role="img"\s+aria-labelledby="title desc"/);
  assert.match(svg, /prefers-color-scheme: dark/);
});

Deno.test("pictureOf() draws longer bars for longer durations, and none beyond the axis", () => {
  const widths = [...pictureOf("Cost", [CHART]).matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) =>
    Number(width)
  );
  const [queue = 0, curl = 0, hanging = 0, cutOff = 0] = widths;
  assert.ok(curl < queue && queue < hanging && hanging < cutOff && cutOff <= 340, String(widths));
});

Deno.test("the README's picture is well-formed, and has the figures of the table", async () => {
  const texts = textsOf(await Deno.readTextFile(`${ROOT}/${PICTURE}`));
  const readme = await Deno.readTextFile(`${ROOT}/tests/bench/README.md`);
  const ticks = ["10 ms", "100 ms", "1 s", "10 s"];
  // Labels have more than one word before the figure.
  const figures = (texts.get("text") ?? []).filter((text) => !ticks.includes(text)).flatMap((text) =>
    /^(?:\w+ )?(\+?[\d.]+ m?s|more than .*)$/.exec(text)?.[1] ?? []
  );
  assert.ok(figures.length >= 8, String(figures));
  for (const figure of figures) assert.ok(readme.includes(`| ${figure} `), `${figure} is not in the table`);
});

Deno.test("costLines() and picture() take their figures from the report, and say what was not measured", () => {
  const measured = (row: typeof ROWS[number]) => ({
    result: Object.fromEntries(Object.keys(row.budgets).map((key) => [key, { value: 1.5 }])),
  });
  const delays = {
    titles: ["service", "none", "q", "c", "limited", "ratio"],
    lines: [["fast", "1", "2", "3", "4", "5"]],
  };
  const report: Report = {
    machine: "Some machine",
    rows: ROWS.map((row) => ({ row, measured: row.name === "hook-cpu" ? { failure: "no" } : measured(row) })),
    comparisons: COMPARISONS.map((comparison) => ({ comparison, measured: { result: { ...delays, chart: CHART } } })),
  };
  const lines = costLines(report);
  assert.ok(lines.includes("| fast | 2 | 3 | 5 |"));
  assert.deepEqual(lines.filter((line) => line.includes("not measured")).length, 1);
  assert.ok(lines.some((line) => line.startsWith("| `send` of 10,000 logins") && line.endsWith("| 1.50 s |")));
  assert.equal(picture(report).match(/class="title"/g)?.length, COMPARISONS.length);
});
