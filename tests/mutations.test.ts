// The sample of mutations that .ci/mutate.ts tries: each kind of change is found, and nothing that does not run is changed.

import assert from "node:assert/strict";
import { mutated, mutationsOf } from "../.ci/mutations.ts";

/** The changed texts of a source. */
function changed(source: string): string[] {
  return mutationsOf(source).map((mutation) => mutated(source, mutation)).toSorted();
}

Deno.test("mutationsOf() finds each kind of change", () => {
  const table: [source: string, changed: string[]][] = [
    ["f();", [";"]],
    ["const x = a || b;", ["const x = a && b;"]],
    ["if (a < b) c();", ["if (!(a < b)) c();", "if (a < b) ;", "if (a <= b) c();", "{}"]],
    ["if (a === b) c(); else d();", ["if (!(a === b)) c(); else d();", "if (a !== b) c(); else d();"]],
    ["const x = a ? b : c;", ["const x = !(a) ? b : c;"]],
    ["const x = !a;", ["const x = (a);"]],
    ["const x = await f();", ["const x = f();"]],
    ["const x = 5_000;", ["const x = 4999;", "const x = 50000;", "const x = 5001;"]],
    ["const x = 0;", ["const x = (-1);", "const x = 1;"]],
    ["const x = list.filter(f).toSorted();", ["const x = list.filter(f);", "const x = list.toSorted();"]],
    ["const x = list.some(f);", ["const x = list.every(f);"]],
    ['const x = "text";', ['const x = "";']],
    [
      "const x = `SELECT 1 FROM t WHERE a >= ${b} AND c IS NULL`;",
      [
        "const x = `SELECT 1 FROM t WHERE a > ${b} AND c IS NULL`;",
        "const x = `SELECT 1 FROM t WHERE a >= ${b} AND c IS NOT NULL`;",
        "const x = `SELECT 1 FROM t WHERE a >= ${b} OR c IS NULL`;",
      ],
    ],
  ];
  for (const [source, expected] of table) {
    const found = changed(source);
    for (const text of expected) assert.ok(found.includes(text), `${source}: ${text}: ${found.join(" | ")}`);
  }
});

Deno.test("mutationsOf() changes no type, no import, and no text that is not SQL in a template", () => {
  for (
    const source of [
      'import { a } from "./a.ts";',
      'type A = "a" | 5;',
      "interface A { readonly b: 5 }",
      "const x: 5 = y;",
      "const x = `a > b AND c`;",
      'const x = "";',
    ]
  ) assert.deepEqual(changed(source), [], source);
});
