import assert from "node:assert/strict";
import { textWidth } from "../../src/admin/history/text_width.ts";
import { type Report, reportLines } from "./report.ts";
import { isKept, isRowKept, type Row } from "./row.ts";

const row: Row<"ratio" | "rate"> = {
  name: "example",
  needs: [],
  budgets: {
    ratio: { what: "`queue`, CPU over nothing", limit: { atMost: 1.1 }, digits: 2 },
    rate: { what: "… events a second", limit: { atLeast: 2_000 }, unit: "events" },
  },
  measure: () => Promise.reject(new Error("not in these tests")),
};
const comparison = { name: "compared", needs: [], what: "With `curl` and without.", measure: row.measure } as never;

function report(ratio: number, rate: number): Report {
  return {
    machine: "Some machine",
    rows: [{ row, measured: { result: { ratio: { value: ratio, detail: "11 over 10 ms" }, rate: { value: rate } } } }],
    comparisons: [{
      comparison,
      measured: { result: { titles: ["service", "`curl`"], lines: [["fast", "+4 ms"]] } },
    }],
  };
}

Deno.test("isKept() and isRowKept() accept a figure at its limit, and reject NaN", () => {
  const { ratio, rate } = row.budgets;
  assert.deepEqual([1.1, 1.1001, NaN].map((value) => isKept(ratio, { value })), [true, false, false]);
  assert.deepEqual([2_000, 1_999.9, NaN].map((value) => isKept(rate, { value })), [true, false, false]);
  const kept = { ratio: { value: 1 }, rate: { value: 3_000 } };
  assert.ok(isRowKept(row, { result: kept }));
  assert.ok(!isRowKept(row, { result: { ...kept, rate: { value: 3 } } }));
  assert.ok(!isRowKept(row, { result: { ratio: { value: 1 } } }));
  assert.ok(!isRowKept(row, { failure: "needs root" }));
});

Deno.test("reportLines() shows each budget, figure, result and command as plain text in a pipe", () => {
  assert.deepEqual(
    reportLines(report(1.104, 2_500)),
    [
      "Some machine",
      "",
      "what                     budget                 measured      kept  command                  how",
      "queue, CPU over nothing  at most 1.10           1.104         no    deno task bench example  11 over 10 ms",
      "… events a second        at least 2,000 events  2,500 events  yes",
      "",
      "With curl and without. Alone: deno task bench compared.",
      "",
      "service  curl",
      "fast     +4 ms",
    ],
  );
});

Deno.test("reportLines() fits a terminal, and always shows the figure and the result", () => {
  for (const columns of [40, 60, 80, 100]) {
    const lines = reportLines(report(1.104, 2_500), { columns });
    for (const line of lines) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
    assert.match(lines.join("\n"), / 1\.104 .*no\b/, `${columns}`);
    assert.match(lines.join("\n"), / 2,500 events +yes\b/, `${columns}`);
  }
});

Deno.test("reportLines() writes Markdown for the README", () => {
  const lines = reportLines(report(1.05, 2_500), { isMarkdown: true });
  assert.ok(lines.includes("| what | budget | measured | kept | command | how |"));
  assert.ok(lines.includes("| --- | --- | --- | --- | --- | --- |"));
  assert.ok(lines.includes(
    "| `queue`, CPU over nothing | at most 1.10 | 1.050 | yes | `deno task bench example` | 11 over 10 ms |",
  ));
  assert.ok(lines.includes("| fast | +4 ms |"));
});

Deno.test("reportLines() reports what was not measured and why, and does not count its budget as kept", () => {
  const failed = { measured: { failure: "this machine needs root" } } as const;
  const lines = reportLines({ machine: "", rows: [{ row, ...failed }], comparisons: [{ comparison, ...failed }] });
  assert.equal(lines.filter((line) => / not measured +no\b/.test(line)).length, 2);
  assert.ok(lines.includes("example was not measured: this machine needs root"));
  assert.ok(lines.includes("compared was not measured: this machine needs root"));
});
