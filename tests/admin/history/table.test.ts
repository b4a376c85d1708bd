import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { COLUMNS } from "../../../src/admin/history/history_rows.ts";
import { type Column, layout, tableLine } from "../../../src/admin/history/table.ts";
import { cutToWidth, padToWidth, textWidth } from "../../../src/admin/history/text_width.ts";

const ROW = [
  "2026-11-23 11:13:32",
  "alice",
  "2001:db8:1234:5678:9abc:def0:1111:20a0",
  "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE",
  "2 h 5 min",
  "yes",
  "first login of alice from 2001:db8:1234:5678:9abc:def0:1111:20a0",
];

function lines(columns: number | undefined, table: readonly Column[] = COLUMNS): string[] {
  const widths = layout(table, [ROW], columns);
  const cells = [table.map(({ title }) => title), ROW];
  return cells.map((row) => tableLine(row, { table, widths, isCut: columns !== undefined }));
}

Deno.test("layout() shows everything if the width is not limited", () => {
  assert.deepEqual(lines(undefined)[1]?.split(/ {2,}/), ROW);
});

Deno.test("layout() fits a terminal, omits the key first, and never omits UNEXPECTED", () => {
  const titles = (columns: number) => lines(columns)[0]?.split(/ {2,}/);
  assert.deepEqual(titles(60), ["WHEN", "USER", "FROM", "UNEXPECTED"]);
  assert.deepEqual(titles(80), ["WHEN", "USER", "FROM", "LASTED", "NOTIFIED", "UNEXPECTED"]);
  assert.deepEqual(titles(140), ["WHEN", "USER", "FROM", "KEY", "LASTED", "NOTIFIED", "UNEXPECTED"]);
  for (let columns = 58; columns <= 260; columns++) {
    for (const line of lines(columns)) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
  }
  // The time loses its seconds, not half of them.
  assert.match(lines(60)[1] ?? "", /^2026-11-23 11:13 {2}alice/);
});

Deno.test("cutToWidth() and padToWidth() keep to a width for any text", () => {
  assert.equal(cutToWidth("漢字漢字", 5), "漢字…");
  assert.equal(cutToWidth("abc", 3), "abc");
  assert.equal(cutToWidth("e\u0301e\u0301", 2), "e\u0301e\u0301");
  assert.equal(cutToWidth("abc", 1), "…");
  assert.equal(cutToWidth("abc", 0), "");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(40), (text, width) => {
    assert.ok(textWidth(cutToWidth(text, width)) <= width);
    assert.equal(textWidth(padToWidth(cutToWidth(text, width), width)), width);
  }));
});
