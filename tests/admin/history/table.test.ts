import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { COLUMNS } from "../../../src/admin/history/history_rows.ts";
import { tableOf } from "../../../src/admin/history/table.ts";
import { cutToWidth, padToWidth, textWidth } from "../../../src/admin/history/text_width.ts";

const ROW = [
  "2026-11-23 11:13:32+13:00",
  "alice",
  "2001:db8:1234:5678:9abc:def0:1111:20a0",
  "Auckland, New Zealand; AS64500 Example Net",
  "SHA256:9KHR3t4LJl0q2J8rMTZjD8Y5mbWf1QSLibAmlwI4rpE",
  '"alice@example.com" (serial 7) CA ED25519 work-ca',
  "2 h 5 min",
  "yes",
  "first login of alice from 2001:db8:1234:5678:9abc:def0:1111:20a0",
];

function lines(columns: number | undefined, row = ROW): string[] {
  return [COLUMNS.map(({ title }) => title), row].map(tableOf(COLUMNS, { rows: [row], maxWidth: columns }));
}

Deno.test("tableOf() shows everything if the width is not limited", () => {
  assert.deepEqual(lines(undefined)[1]?.split(/ {2,}/), ROW);
});

Deno.test("tableOf() fits a terminal, omits the certificate and the key first, and never omits UNEXPECTED", () => {
  const titles = (columns: number, row?: string[]) => lines(columns, row)[0]?.split(/ {2,}/);
  assert.deepEqual(titles(54), ["WHEN", "USER", "FROM", "UNEXPECTED"]);
  assert.deepEqual(titles(60), ["WHEN", "USER", "FROM", "UNEXPECTED"]);
  assert.deepEqual(titles(80), ["WHEN", "USER", "FROM", "LASTED", "NOTIFIED", "UNEXPECTED"]);
  assert.deepEqual(titles(100), ["WHEN", "USER", "FROM", "PLACE", "KEY", "LASTED", "NOTIFIED", "UNEXPECTED"]);
  const all = ["WHEN", "USER", "FROM", "PLACE", "KEY", "CERTIFICATE", "LASTED", "NOTIFIED", "UNEXPECTED"];
  assert.deepEqual(titles(160), all);
  assert.deepEqual(titles(160, ROW.with(3, "-").with(5, "-")), all.filter((title) => !/^[PC]/.test(title)));
  for (let columns = 53; columns <= 300; columns++) {
    for (const line of lines(columns)) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
  }
  // The time loses its seconds, then its offset, not half of them.
  assert.match(lines(80)[1] ?? "", /^2026-11-23 11:13\+13:00 {2}alice/);
  assert.match(lines(54)[1] ?? "", /^2026-11-23 11:13 +alice/);
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
