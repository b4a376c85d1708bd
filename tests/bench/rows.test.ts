// Checks that the bench covers the budgets of the project, and that tests/bench/README.md matches the bench.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/compile.ts";
import { delayText, ratioText } from "./login_delay.ts";
import { commandFor, limitText } from "./report.ts";
import { COMPARISONS, ROWS } from "./rows.ts";

/** The budgets of the project: each row, and its limits. */
const BUDGETS: Readonly<Record<string, readonly string[]>> = {
  "hook-cpu": ["at most 1.08"],
  "hook-fsyncs": ["at most 2", "at most 2"],
  "hook-full": ["at most 1.05", "at most 1.10", "at most 8"],
  "hook-npm": ["at most 0"],
  "hook-burst": ["at most 0", "at most 0", "at most 1.50"],
  "send-idle": ["at most 0", "at most 0", "at most 0", "at most 1.70", "at most 1.05"],
  "send-burst": ["at most 2.5 s", "at most 150 MiB", "at most 300", "at most 2.5 s", "at most 150 MiB", "at most 300"],
  "send-limited": ["at most 5", "at most 15.0 s", "at most 5.0 s"],
  "send-store": ["at most 1,024", "at most 1,024"],
  "send-kills": ["at most 0", "at most 1.00"],
  "memory": ["at most 0"],
};

Deno.test("the bench has a row with the right limits for each budget, and the comparisons", () => {
  const limits = ROWS.map(({ name, budgets }) => [name, Object.values(budgets).map(limitText)]);
  assert.deepEqual(Object.fromEntries(limits), BUDGETS);
  assert.deepEqual(COMPARISONS.map(({ name }) => name), ["login-delay", "hook-wait", "send-by-size"]);
});

Deno.test("tests/bench/README.md lists everything that the bench measures, with budgets and commands", async () => {
  const cells = (await Deno.readTextFile(`${ROOT}/tests/bench/README.md`)).split("\n").map((line) =>
    line.split("|").map((cell) => cell.trim()).join("|")
  );
  for (const row of ROWS) {
    for (const [index, budget] of Object.values(row.budgets).entries()) {
      const line = cells.find((text) => text.startsWith(`|${budget.what}|${limitText(budget)}|`));
      assert.match(line ?? "", index === 0 ? new RegExp(commandFor(row)) : /./, `${row.name}: ${budget.what}`);
    }
  }
  for (const { name } of COMPARISONS) {
    const isListed = [commandFor({ name }), `${name} was not measured`].some((text) => cells.join("\n").includes(text));
    assert.ok(isListed, name);
  }
});

Deno.test("delayText() returns the delay of a login in most rounds, and whether it was cut off", () => {
  assert.equal(delayText([240, 250, 999], [200, 200, 200]), "+50 ms");
  assert.equal(delayText([5_200, 5_300, 5_400], [200, 200, 200]), "+5.1 s");
  assert.equal(delayText([Infinity, Infinity, 300], [200, 200, 200]), "more than 20 s, cut off");
  assert.equal(delayText([199], [200]), "-1 ms");
});

Deno.test("ratioText() says how many times longer one hook delays a login, and what is known if one is cut off", () => {
  const none = [200, 200, 200];
  assert.equal(ratioText([250, 250, 250], [220, 220, 220], none), "2.50");
  assert.equal(ratioText([250, 250, 250], [700, 700, 700], none), "0.10");
  assert.equal(ratioText([260, 260, 260], [Infinity, Infinity, Infinity], none), "less than 0.003");
  // Faster than no hook is noise.
  assert.equal(ratioText([250, 250, 250], [199, 199, 199], none), "");
});
